#!/bin/sh
echo 'Content-Type: text/plain'
echo 'ETag: "a"'
echo
echo x
