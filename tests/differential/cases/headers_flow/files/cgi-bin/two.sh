#!/bin/sh
echo 'X-Cgi: one'
echo 'X-Cgi: two'
echo 'Set-Cookie: a=1'
echo 'Set-Cookie: b=2'
echo 'Content-Type: text/plain'
echo
echo body
