#!/bin/sh
cat >/dev/null
printf "Content-Type: text/plain\n\n"
env | grep -E "^(REDIRECT_|VARIANTS|PATH_INFO|QUERY|ERROR_)" | sort
