#!/bin/sh
# Prints what it was started with for the key "arguments"; no environment, the program's own directory.
here=$(/bin/pwd)
/usr/bin/env | /bin/grep -v '^PWD=\|^_=\|^SHLVL=\|^OLDPWD=' > "$here/sub/environment"
while read -r key; do
    case "$key" in
        arguments) echo "$#:$1:$2:$3" ;;
        environment) /usr/bin/wc -c < "$here/sub/environment" ;;
        directory) echo "${here##*/}" ;;
        null) echo NULL ;;
        Null) echo nUlL ;;
        empty) echo ;;
        nul) printf 'a\0b\n' ;;
        return) printf 'a\r\n' ;;
        parts) printf 'x'; echo y ;;
        two) printf 'one\ntwo\n' ;;
        long) /usr/bin/head -c 500 /dev/zero | /usr/bin/tr '\0' x; echo ;;
        end) exit 1 ;;
        *) echo "[$key]" ;;
    esac
done
