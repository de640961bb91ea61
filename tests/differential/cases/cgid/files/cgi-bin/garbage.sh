#!/bin/sh
printf 'this is no header\nContent-Type: text/plain\n\nbody\n'
