#!/bin/sh
echo Content-Type: text/plain
echo
printf '%s' "$UNIQUE_ID" | sed 's/[A-Za-z0-9_-]/x/g'
echo
[ "$UNIQUE_ID" = "$REDIRECT_UNIQUE_ID" ] && echo same as before the redirect
[ -z "$REDIRECT_UNIQUE_ID" ] && echo not redirected
echo "$REDIRECT_STATUS $REDIRECT_URL"
