#!/bin/sh
echo 'Status: 404'
echo 'Content-Type: text/plain'
echo
echo x
