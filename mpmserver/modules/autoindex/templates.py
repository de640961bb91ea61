"""The jinja2 side of listings: how templates are found and compiled.

Text goes through as UTF-8 with stray bytes kept, in both directions, so that file names of any encoding survive.
jinja2 is imported where a server starts, before the fork, or with the first IndexTemplate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mpmserver.config.errors import ConfigError
from mpmserver.core.templates import Page

if TYPE_CHECKING:
    from jinja2 import Environment, Template


def compile_template(path: str) -> Template:
    """Compile the template in a file. Raises OSError, UnicodeError, and ConfigError naming the line."""
    from jinja2 import TemplateError  # noqa: PLC0415 (see above)

    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        text = file.read()
    try:
        return _environment().from_string(text)
    except TemplateError as error:
        raise ConfigError(str(error)) from error


def _environment() -> Environment:
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 (see above)

    return Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)


PAGE: Final = Page("autoindex.html", _environment)
"""What comes along; used where no IndexTemplate says otherwise."""
