#!/bin/sh
echo Content-Type: text/plain
echo Set-Cookie: own=1
echo Set-Cookie: own=2
echo
echo "cookie $HTTP_COOKIE"
