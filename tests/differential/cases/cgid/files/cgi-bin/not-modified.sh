#!/bin/sh
printf 'Status: 304 Not Modified\nETag: "n"\n\n'
