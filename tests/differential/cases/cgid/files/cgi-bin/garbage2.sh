#!/bin/sh
printf 'Content-Type: text/plain\nthis is no header\n\nbody\n'
