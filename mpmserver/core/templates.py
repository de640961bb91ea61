"""Pages that come along with the server as jinja2 templates, each compiled once for each of its versions.

Compiling a template takes longer than importing the modules that use it. So its code is kept as Python keeps that of
modules: beside the source in `__pycache__` (where PYTHONDONTWRITEBYTECODE and PYTHONPYCACHEPREFIX allow it), and made
anew where source, options, jinja2 or Python are others. All pages are there before the fork: a child may be allowed to
read neither them nor what compiling them would import.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from jinja2 import Environment, Template

TEMPLATES: Final = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "templates")


class Page:
    """A template that comes along; `environment` makes the jinja2 environment that is used for it alone."""

    __slots__ = ("_environment", "_folder", "_name", "_template")

    def __init__(self, name: str, environment: Callable[[], Environment], folder: str = TEMPLATES) -> None:
        self._name = name
        self._folder = folder
        self._environment = environment
        self._template: Template | None = None

    def expect(self) -> Template:
        """Import, read and compile all that is needed; before the fork.

        Raises ImportError, OSError, ValueError for a text that is no template (with file and line).
        """
        from mpmserver.core.template_code import compiled  # noqa: PLC0415 (jinja2: only where a server starts)

        if self._template is None:
            self._template = compiled(self._environment(), os.path.join(self._folder, self._name))
        return self._template

    def render(self, **values: Any) -> str:
        """The page with these values."""
        return self.expect().render(values)
