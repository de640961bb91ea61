secrets src/a.phps
