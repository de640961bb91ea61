#!/bin/sh
cat >/dev/null
printf 'Content-Type: text/plain\n\n'
env | grep -E '^(REDIRECT_|REQUEST_|QUERY_|SCRIPT_|PATH_|CONTENT_)' | sort
