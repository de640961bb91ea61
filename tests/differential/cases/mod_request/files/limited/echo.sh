#!/bin/sh
echo Content-Type: text/plain
echo
echo "$REQUEST_METHOD len=$CONTENT_LENGTH te=$HTTP_TRANSFER_ENCODING"
cat
echo .end
