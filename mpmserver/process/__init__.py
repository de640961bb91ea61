"""The parent process: supervision, signals, generations, helpers."""
