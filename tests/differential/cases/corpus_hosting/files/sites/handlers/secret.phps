handlers secret.phps
