"""mod_version: <IfVersion>; the reader executes it (`config/conditions.py`)."""

from __future__ import annotations

from mpmserver.config.read_directives import VERSION
from mpmserver.core.module import Module

MODULE = Module("version", VERSION)
