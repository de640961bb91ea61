#!/bin/sh
printf 'Content-Type: text/plain\n\n'
echo "$SCRIPT_FILENAME $PATH_INFO"
