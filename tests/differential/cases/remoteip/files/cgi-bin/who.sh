#!/bin/sh
echo Content-Type: text/plain
echo
env | LC_ALL=C sort | grep -E "^(REMOTE_ADDR|HTTP_X_(FORWARDED_FOR|BY)|HTTP_CLIENT_IP|SERVER_ADDR|REDIRECT_(URL|STATUS|eight|left)|eight|loopback|left)="
