#!/bin/sh
printf "Content-Type: text/plain\n\n[%s][%s][%s]\n" "$QUERY_STRING" "$REDIRECT_URL" "$*"
