#!/bin/sh
echo 'ETag: "e"'
echo 'X-Cgi: one'
echo 'Content-Type: text/plain'
echo
echo body
