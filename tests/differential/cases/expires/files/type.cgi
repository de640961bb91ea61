#!/bin/sh
echo 'Content-Type: text/plain; charset=x'
echo
echo x
