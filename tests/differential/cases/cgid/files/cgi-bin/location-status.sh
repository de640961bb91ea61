#!/bin/sh
cat >/dev/null
printf 'Status: 307 Over There\nLocation: %s\n\nbody\n' "$QUERY_STRING"
