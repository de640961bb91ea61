#!/bin/sh
echo 'Status: 304'
echo 'Content-Type: text/html'
echo
