#!/bin/sh
cat >/dev/null
printf 'Location: /hello.html?inner\n\n'
