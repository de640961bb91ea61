#!/bin/sh
printf "Content-Type: text/plain\n\nscript $PATH_INFO\n"
