#!/bin/sh
cat >/dev/null
printf 'Location: %s\n\n' "$QUERY_STRING"
