#!/bin/sh
printf 'content-type:text/plain\n\nok\n'
