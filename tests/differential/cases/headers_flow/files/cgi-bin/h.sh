#!/bin/sh
cat >/dev/null
echo 'X-Cgi: one'
echo 'Vary: Accept'
echo 'Cache-Control: private'
echo 'Content-Type: text/plain'
echo
echo body
