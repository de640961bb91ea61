#!/bin/sh
cat >/dev/null
printf 'Content-Type: text/plain\n\n'
env | grep -E '^(SERVER_|HTTP_HOST|REQUEST_(URI|SCHEME)|SCRIPT_URI)' | LC_ALL=C sort
