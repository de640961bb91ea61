Content-Type: text/plain

