#!/bin/sh
printf 'Content-Type: text/plain\nContent-Length: %s\n\nhello\n' "$QUERY_STRING"
