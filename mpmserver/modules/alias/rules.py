"""One Alias or Redirect as compiled: what it matches and what it makes of a URI.

A rule belongs to the configuration and is never changed. Plain rules compare whole path segments and take any
number of slashes for any other; the Match forms search a regular expression. Called from the TRANSLATE and FIXUP
hooks of `mpmserver.modules.alias`.
"""

from __future__ import annotations

import re

from mpmserver.config.pregsub import Substitution
from mpmserver.config.regex import Regex
from mpmserver.core.expr import StringExpression
from mpmserver.http.uri import escape_uri
from mpmserver.modules.alias.target import escape_target
from mpmserver.records import dataclass, field

_SLASHES = re.compile("/+")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule for a URI-path: `fake` (a prefix, or an expression's text) becomes `real`.

    `real` is None where a status needs no URL (410 and the like); `status` matters for redirects only.
    """

    fake: str
    real: str | None
    pattern: Regex
    is_match: bool = False
    handler: str | None = None
    status: int = 0
    substitution: Substitution | None = field(default=None, compare=False)

    def path(self, uri: str) -> str | None:
        """The file name for `uri`, None where the rule is not for it."""
        match = self.pattern.search(uri)
        if match is None:
            return None
        if self.substitution is not None:
            return self.substitution.expand(match)
        return f"{self.real}{uri[match.end() :]}"

    def url(self, uri: str) -> str | None:
        """The escaped target for `uri`: "" where the status needs none, None where the rule is not for it."""
        match = self.pattern.search(uri)
        if match is None:
            return None
        if self.real is None:
            return ""
        if self.substitution is not None:
            return escape_target(self.substitution.expand(match))
        return self.real + escape_uri(uri[match.end() :])


@dataclass(frozen=True, slots=True)
class LocationAlias:
    """Alias or ScriptAlias with one argument, inside <Location>: all of it is `path` (relative to ServerRoot)."""

    path: StringExpression
    fixed: str | None
    """The absolute path, where it is always the same."""
    fake: str
    """What the section says; only with AliasPreservePath does it matter."""
    prefix: re.Pattern[str]
    handler: str | None


@dataclass(frozen=True, slots=True)
class LocationRedirect:
    """Redirect without URL-path, inside a section: all of it goes to `target`, not yet escaped; None for nowhere."""

    status: int
    target: StringExpression | None
    fixed: str | None
    """The escaped target, where it is always the same ("" for nowhere)."""


def prefix_pattern(fake: str) -> re.Pattern[str]:
    """What a plain URL-path matches: itself up to a segment's end, each run of slashes as any other run."""
    if not fake:
        return re.compile("(?!)")
    parts = "/+".join(re.escape(part) for part in _SLASHES.split(fake))
    return re.compile(rf"\A{parts}" if fake.endswith("/") else rf"\A{parts}(?=/|\Z)")
