#!/bin/sh
printf 'Content-Type: text/plain\n\n'
echo "[$HTTP_AUTHORIZATION]"
