"""One connection's life, from its first bytes to its last log line."""
