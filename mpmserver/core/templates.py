"""Pages that come along with the server as jinja2 templates, each compiled once for each of its versions.

Compiling a template takes longer than importing the modules that use it. So its code is kept as Python keeps that of
modules: beside the source in `__pycache__` (where PYTHONDONTWRITEBYTECODE and PYTHONPYCACHEPREFIX allow it), and made
anew where source, options, jinja2 or Python are others. Where it can't be kept, a process compiles a page when it is
first asked for it: no start waits for pages that nobody may ever want.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.util import cache_from_source
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from jinja2 import Environment, Template

TEMPLATES: Final = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "templates")


class Page:
    """A template that comes along; `environment` makes the jinja2 environment that is used for it alone."""

    __slots__ = ("_environment", "_folder", "_make_environment", "_name", "_template")

    def __init__(self, name: str, environment: Callable[[], Environment], folder: str = TEMPLATES) -> None:
        self._name = name
        self._folder = folder
        self._make_environment = environment
        self._environment: Environment | None = None
        self._template: Template | None = None

    def expect(self) -> None:
        """Before the fork: import and read all that is needed; compile it where its code is kept, or can be."""
        from mpmserver.core.template_code import prepared  # noqa: PLC0415 (jinja2: only where a server starts)

        path = os.path.join(self._folder, self._name)
        self._environment = prepared(self._make_environment(), path)
        if _may_be_kept(cache_from_source(path)):
            self._template = self._environment.get_template(self._name)

    def render(self, **values: Any) -> str:
        """The page with these values."""
        if self._environment is None:
            self.expect()
        if self._template is None:
            assert self._environment is not None
            self._template = self._environment.get_template(self._name)
        return self._template.render(values)


def _may_be_kept(path: str) -> bool:
    """Whether the code in a file is there, or this process may write it."""
    if os.path.exists(path):
        return True
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return not sys.dont_write_bytecode and os.access(path, os.W_OK)
