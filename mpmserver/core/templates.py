"""Templates that come along with the server, compiled once for each of their versions.

Compiling a template takes longer, at every start, than importing the modules that use it. So its code is kept as Python
keeps that of modules: beside the source in `__pycache__` (where PYTHONDONTWRITEBYTECODE and PYTHONPYCACHEPREFIX allow
it), and made anew where source, options, jinja2 or Python are others. Who can't write there compiles each time.
"""

from __future__ import annotations

import contextlib
import os
import sys
from importlib.util import cache_from_source
from pathlib import Path

from jinja2 import BytecodeCache, Environment, FileSystemLoader, Template
from jinja2.bccache import Bucket

TEMPLATES = Path(__file__).parents[1] / "data" / "templates"


class _Kept(BytecodeCache):
    """Where the code of a folder's templates is kept."""

    def __init__(self, folder: Path, options: str) -> None:
        """`options`: what else but its source decides how a template is compiled."""
        self._folder = folder
        self._options = options

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        return cache_from_source(str(self._folder / name))

    def get_source_checksum(self, source: str) -> str:
        return super().get_source_checksum(self._options + source)

    def load_bytecode(self, bucket: Bucket) -> None:
        with contextlib.suppress(OSError), open(bucket.key, "rb") as file:
            bucket.load_bytecode(file)

    def dump_bytecode(self, bucket: Bucket) -> None:
        if sys.dont_write_bytecode:
            return
        own = f"{bucket.key}.{os.getpid()}"
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(own), exist_ok=True)
            with open(own, "wb") as file:
                bucket.write_bytecode(file)
            os.replace(own, bucket.key)


def load_template(name: str, environment: Environment, folder: Path = TEMPLATES) -> Template:
    """Return a template, compiled for an environment that is not used for any other."""
    options = (
        environment.autoescape, environment.trim_blocks, environment.lstrip_blocks, environment.keep_trailing_newline,
        environment.undefined.__name__, sorted(environment.filters),
    )  # fmt: skip
    environment.loader = FileSystemLoader(folder)
    environment.bytecode_cache = _Kept(folder, str(options))
    return environment.get_template(name)
