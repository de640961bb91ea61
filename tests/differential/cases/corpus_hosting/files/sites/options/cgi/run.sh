#!/bin/sh
cat >/dev/null
printf "Status: 201 Made\nContent-Type: text/plain\n\nran %s\n" "$PATH_INFO"
