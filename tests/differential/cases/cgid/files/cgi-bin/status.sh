#!/bin/sh
cat >/dev/null
printf 'Status: %s\nContent-Type: text/plain\n\nbody for %s\n' "$(echo "$QUERY_STRING" | sed 's/%20/ /g;s/+/ /g')" "$QUERY_STRING"
