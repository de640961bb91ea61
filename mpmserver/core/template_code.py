"""The jinja2 side of pages that come along: where a template's source is found, and its code kept (`templates.py`)."""

from __future__ import annotations

import contextlib
import os
import sys
from importlib.util import cache_from_source

from jinja2 import BytecodeCache, DictLoader, Environment, Template, TemplateSyntaxError
from jinja2.bccache import Bucket


class _Kept(BytecodeCache):
    """Where the code of one template is kept."""

    def __init__(self, path: str, options: str) -> None:
        """`options`: what else but its source decides how a template is compiled."""
        self._path = path
        self._options = options

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        return cache_from_source(self._path)

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


def compiled(environment: Environment, path: str) -> Template:
    """A template, and the environment that is used for it alone. Raises OSError, and ValueError where it is none."""
    options = (
        environment.autoescape, environment.trim_blocks, environment.lstrip_blocks, environment.keep_trailing_newline,
        environment.undefined.__name__, sorted(environment.filters),
    )  # fmt: skip
    name = os.path.basename(path)
    with open(path, encoding="utf-8") as file:
        environment.loader = DictLoader({name: file.read()})
    environment.bytecode_cache = _Kept(path, str(options))
    try:
        return environment.get_template(name)
    except TemplateSyntaxError as error:
        raise ValueError(f"{path}:{error.lineno}: {error.message}") from None
