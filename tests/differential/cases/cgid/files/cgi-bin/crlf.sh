#!/bin/sh
printf 'Content-Type: text/plain\r\nX-Space:   padded   \r\n\r\nline\r\n'
