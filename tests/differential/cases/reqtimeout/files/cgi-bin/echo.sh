#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
printf 'CL=%s TE=%s CT=%s\n' "$CONTENT_LENGTH" "$HTTP_TRANSFER_ENCODING" "$CONTENT_TYPE"
cat
