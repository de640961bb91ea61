#!/bin/sh
echo 'Status: 307'
echo 'X-Cgi: one'
echo 'Content-Type: text/plain'
echo 'Location: http://elsewhere.test/'
echo
echo body
