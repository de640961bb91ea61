#!/bin/sh
echo 'X-Cgi: one'
echo 'Set-Cookie: l=1'
echo 'Location: /a.txt'
echo
