#!/bin/sh
printf 'Content-Type: text/plain\n\nfine, but\n'
exit 3
