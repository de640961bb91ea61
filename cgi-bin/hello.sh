#!/bin/sh
# The smallest script: a header, an empty line, a body.
echo "Content-Type: text/plain; charset=utf-8"
echo
echo "Hello from sh. It is $(date -u '+%Y-%m-%d %H:%M:%S') UTC, and process $$ answers you."
