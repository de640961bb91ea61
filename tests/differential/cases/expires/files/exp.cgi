#!/bin/sh
echo 'Content-Type: text/plain'
echo 'Expires: now'
echo
echo x
