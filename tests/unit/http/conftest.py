"""Property tests here are the same on every run, and bounded."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("http", derandomize=True, max_examples=200, deadline=None, database=None)
settings.load_profile("http")
