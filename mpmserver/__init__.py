"""mpmserver: an Apache-style web server with pluggable multi-processing modules."""

__version__ = "0.1.0"
