#!/bin/sh
printf 'X-Long: '; head -c 9000 /dev/zero | tr '\0' y; printf '\nContent-Type: text/plain\n\nok\n'
