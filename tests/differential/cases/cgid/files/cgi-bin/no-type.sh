#!/bin/sh
printf 'X-Only: 1\n\nno content type\n'
