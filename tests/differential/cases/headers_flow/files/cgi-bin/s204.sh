#!/bin/sh
echo 'Status: 204'
echo 'X-Cgi: one'
echo 'Content-Encoding: gzip'
echo 'Content-Type: text/plain'
echo
