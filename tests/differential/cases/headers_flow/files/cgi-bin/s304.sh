#!/bin/sh
echo 'Status: 304'
echo 'X-Cgi: one'
echo 'Content-Encoding: gzip'
echo 'Content-Language: de'
echo 'Content-Type: text/plain'
echo
