#!/bin/sh
echo 'Location: /b.html'
echo
