#!/bin/sh
echo 'AH99001: complaint one' >&2
printf 'Content-Type: text/plain\n\nwith stderr\n'
echo 'second line' >&2
