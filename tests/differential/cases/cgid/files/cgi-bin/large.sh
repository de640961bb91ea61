#!/bin/sh
printf 'Content-Type: text/plain\nContent-Length: 200000\n\n'
head -c 200000 /dev/zero | tr '\0' x
