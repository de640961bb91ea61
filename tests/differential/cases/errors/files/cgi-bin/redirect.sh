#!/bin/sh
cat >/dev/null
printf 'Location: http://other.test/\n\n'
