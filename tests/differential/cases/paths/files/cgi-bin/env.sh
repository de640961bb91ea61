#!/bin/sh
cat >/dev/null
printf 'Content-Type: text/plain\n\n'
env | grep -E '^(REQUEST_URI|QUERY_|SCRIPT_|PATH_(INFO|TRANSLATED))' | LC_ALL=C sort
