#!/bin/sh
echo 'Location: http://x/'
echo
