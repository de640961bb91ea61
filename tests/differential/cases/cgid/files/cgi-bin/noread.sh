#!/bin/sh
printf "Content-Type: text/plain\n\nI do not read\n"
exec >/dev/null
sleep 0.2
