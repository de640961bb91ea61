#!/bin/sh
echo 'X-Cgi: 1'
echo 'Location: /a.txt'
echo
