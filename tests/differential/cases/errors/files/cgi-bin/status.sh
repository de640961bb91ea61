#!/bin/sh
cat >/dev/null
printf 'Status: 200 Fine\nContent-Type: text/plain\n\nstatus set by the script\n'
