#!/bin/sh
echo Location: /cgi-bin/id.sh
echo
