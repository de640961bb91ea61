#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
env | grep -E '^(REDIRECT_|SCRIPT_UR|QUERY|PATH_INFO|REQUEST_URI|SCRIPT_NAME|[a-z])' | grep -vE '^(REDIRECT_)?(PATH|HOME)=' | sort
