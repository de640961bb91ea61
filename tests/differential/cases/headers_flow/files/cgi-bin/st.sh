#!/bin/sh
cat >/dev/null
echo 'Status: 404 Nope'
echo 'X-Cgi: one'
echo 'Content-Type: text/plain'
echo
echo body
