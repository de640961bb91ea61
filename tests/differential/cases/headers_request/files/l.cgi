#!/bin/sh
cat >/dev/null
echo 'Location: /env.cgi'
echo
