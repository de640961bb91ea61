#!/bin/sh
echo 'X-Cgi: one'
echo nonsense
echo
echo body
