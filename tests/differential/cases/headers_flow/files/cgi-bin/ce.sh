#!/bin/sh
echo 'Content-Encoding: gzip'
echo 'Content-Type: text/plain'
echo
echo body
