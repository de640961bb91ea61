#!/bin/sh
printf '<html>forgot the header</html>\n'
