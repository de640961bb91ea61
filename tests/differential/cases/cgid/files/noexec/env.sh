#!/bin/sh
cat >/dev/null
printf 'Content-Type: text/plain\n\n'
env | grep -vE '^(_|PWD|SHLVL|OLDPWD)=' | LC_ALL=C sort
printf 'cwd=%s\n' "$(pwd)"
printf 'argc=%s args=%s\n' "$#" "$*"
