#!/bin/sh
echo Location: /b/f
echo
