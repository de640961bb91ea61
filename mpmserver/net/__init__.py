"""What can be waited for, how bytes are moved, and listening sockets."""
