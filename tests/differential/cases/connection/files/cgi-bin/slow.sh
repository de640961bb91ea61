#!/bin/sh
# Two parts with a pause: nobody can know the length when the first is there.
printf 'Content-Type: text/plain\n\nfirst\n'
sleep 0.3
printf 'second\n'
