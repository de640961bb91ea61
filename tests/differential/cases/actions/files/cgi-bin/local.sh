#!/bin/sh
# Leads on to the query, with a type that an Action is for
cat >/dev/null
printf "Content-Type: application/x-page\nLocation: %s\n\n" "$QUERY_STRING"
