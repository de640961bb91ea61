#!/bin/sh
cat >/dev/null
printf "Content-Type: text/plain\n\n"
env | grep -E "^(CONTEXT_|DOCUMENT_ROOT|SCRIPT_|PATH_|QUERY_S)" | sort
