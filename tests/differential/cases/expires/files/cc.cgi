#!/bin/sh
echo 'Content-Type: text/plain'
echo 'Cache-Control: private'
echo
echo x
