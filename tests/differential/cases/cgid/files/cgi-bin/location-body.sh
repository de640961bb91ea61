#!/bin/sh
cat >/dev/null
printf 'Location: %s\nContent-Type: text/html\nX-Own: 1\nSet-Cookie: a=b\n\n<p>gone there</p>\n' "$QUERY_STRING"
