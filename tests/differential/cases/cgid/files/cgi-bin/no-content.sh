#!/bin/sh
printf 'Status: 204 No Content\nX-A: b\n\n'
