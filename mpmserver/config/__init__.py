"""Configuration: text to Node tree to settings."""
