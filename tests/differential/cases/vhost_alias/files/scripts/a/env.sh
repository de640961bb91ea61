#!/bin/sh
cat >/dev/null
printf "Content-Type: text/plain\n\n"
env | grep -E "^(CONTEXT_|DOCUMENT_ROOT|SCRIPT_|PATH_(INFO|TRANS)|SERVER_NAME|SERVER_ADDR|REQUEST_URI)" | sort
