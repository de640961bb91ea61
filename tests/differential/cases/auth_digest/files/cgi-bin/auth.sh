#!/bin/sh
printf 'Content-Type: text/plain\n\n'
env | grep -E '^(AUTH|REMOTE_USER|HTTP_AUTH)' | sort
