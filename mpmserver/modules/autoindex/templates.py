"""The jinja2 side of listings: how templates are found and compiled.

Text goes through as UTF-8 with stray bytes kept, in both directions, so that file names of any encoding survive.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from mpmserver.config.build import Configuration
from mpmserver.core.templates import load_template
from mpmserver.modules.autoindex.settings import AutoindexServer

DEFAULT_TEMPLATE = "autoindex.html"


def compile_template(path: str | Path) -> Template:
    """Compile the template in a file. Raises OSError, and jinja2's TemplateError naming the line."""
    text = Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    template: Template = _environment().from_string(text)
    return template


def compile_default(configuration: Configuration) -> None:
    """Compile the template that comes along, once, before the fork."""
    configuration.main.settings(AutoindexServer).template = load_template(DEFAULT_TEMPLATE, _environment())


def _environment() -> Environment:
    return Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
