#!/bin/sh
body=$(cat)
printf 'Content-Type: text/plain\n\n'
env | grep -E '^(REDIRECT_(HANDLER|STATUS|URL|QUERY_STRING|REQUEST_METHOD|REDIRECT_.*)|HANDLER|REQUEST_(METHOD|URI)|QUERY_STRING|SCRIPT_(NAME|FILENAME)|PATH_(INFO|TRANSLATED)|CONTENT_.*)=' | sort
printf 'body: %s\n' "$body"
