#!/bin/sh
echo 'X-Cgi: one'
echo 'Location: http://elsewhere.test/'
echo
