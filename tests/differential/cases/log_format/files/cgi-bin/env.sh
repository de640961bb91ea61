#!/bin/sh
cat >/dev/null
printf 'Content-Type: text/plain\nX-T: from script\n\nbody\n'
