#!/bin/sh
cat >/dev/null
printf 'Content-Type: text/plain\n\n'
env | grep -E '^(REDIRECT_|REQUEST_|QUERY_|SCRIPT_|PATH_(INFO|TRANSLATED)|CONTEXT_|DOCUMENT_)' | sort
