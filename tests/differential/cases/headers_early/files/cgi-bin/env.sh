#!/bin/sh
cat >/dev/null
echo 'Content-Type: text/plain'
echo
env | grep -E '^(HTTP_|CONTENT_|V=|W=|REDIRECT_V|REQUEST_METHOD)' | sort
