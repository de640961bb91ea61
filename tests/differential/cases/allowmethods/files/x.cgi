#!/bin/sh
cat >/dev/null
echo 'Content-Type: text/plain'
echo
echo $REQUEST_METHOD $REDIRECT_STATUS
