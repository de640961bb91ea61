#!/bin/sh
printf 'not http at all\n'
