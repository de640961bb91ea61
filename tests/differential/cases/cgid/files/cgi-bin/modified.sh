#!/bin/sh
printf 'Content-Type: text/plain\nLast-Modified: Wed, 15 Nov 2023 08:49:37 GMT\nETag: "fixed"\n\n0123456789'
