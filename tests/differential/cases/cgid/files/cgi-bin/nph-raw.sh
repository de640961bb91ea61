#!/bin/sh
printf 'HTTP/1.1 299 Raw\r\nX-Raw: yes\r\nContent-Length: 4\r\nConnection: close\r\n\r\nraw\n'
