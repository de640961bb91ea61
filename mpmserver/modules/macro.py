"""mod_macro: <Macro>, Use and UndefMacro; the reader executes them (`config/macro.py`)."""

from __future__ import annotations

from mpmserver.config.read_directives import MACRO
from mpmserver.core.module import Module

MODULE = Module("macro", MACRO)
