"""The state of one run through a rule set: what rules, conditions and substitutions share.

One `Run` serves one request in one of the two hooks, on one thread. Apache's rule sets change the request as they go
(`filename`, `args`, `path_info`, `status`), and conditions and variables see these changes; here it is the same.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from mpmserver.modules.rewrite.trace import trace

PROXY = "proxy:"
"""What a file name begins with that is a URL for the proxy."""

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.modules.rewrite.rule import Rule
    from mpmserver.modules.rewrite.uris import Absolute


class Outcome(enum.Enum):
    """What a list of rules did to a request."""

    NOTHING = enum.auto()
    CHANGED = enum.auto()
    CHANGED_NO_ESCAPE = enum.auto()
    STATUS = enum.auto()
    """`x.status` is the answer."""


NOTHING, CHANGED, CHANGED_NO_ESCAPE, STATUS = Outcome
"""By names of their own, for looking up an enumeration's member takes longer than most of what is done with it."""


class Run:
    """What is known while the rules of one place are applied to one request."""

    __slots__ = (
        "changed", "condition_match", "directory", "given_filename", "given_query", "index", "is_proxy",
        "last_substitution", "rounds", "rule_match", "subject", "target", "tracing", "uri", "vary", "vary_now", "x",
    )  # fmt: skip

    def __init__(self, x: Exchange, directory: str | None, told: bool = False) -> None:
        """`told`: whether anything is told, as the trace."""
        self.x = x
        self.directory = directory
        """The directory that the rules belong to, None for the server's rules."""
        self.subject = x
        """Whose variables are read: the request, or the subrequest of a look-ahead."""
        self.given_filename, self.given_query = x.filename, x.args
        """The request's before any rule."""
        self.uri = ""
        """What patterns are matched with."""
        self.is_proxy = False
        """Whether an earlier rule has made it a request for the proxy."""
        self.rule_match: Any = None
        """The match of the rule's pattern: $0 to $9."""
        self.condition_match: Any = None
        """That of the last condition that matched: %0 to %9."""
        self.vary: tuple[str, ...] = ()
        """Names of fields that the conditions of this rule depended on."""
        self.vary_now: tuple[str, ...] = ()
        """Those of the condition being tested."""
        self.last_substitution: Rule | None = None
        self.tracing = told
        self.index = 0
        """The number of the present rule, or of the next."""
        self.rounds = 1
        self.changed: Outcome = NOTHING
        """What the rules did so far."""
        self.target: Absolute | None = None
        """What kind of URL the client is sent to, where a rule has said that and nothing else is left to be asked."""

    def prepare_uri(self) -> None:
        """Say what patterns are matched with: the path, or the file name (with what stands behind it) below a place."""
        x, directory = self.x, self.directory
        uri = x.filename or ""
        if directory is not None:
            self.is_proxy = is_proxy = uri.startswith(PROXY)
            if x.path_info:
                uri += x.path_info
            if not is_proxy:
                uri = uri.removeprefix(directory)
        self.uri = uri

    def tell_uri(self) -> None:
        """Tell what was done to the file name."""
        directory, filename, info = self.directory, self.x.filename or "", self.x.path_info
        if directory is None:
            return
        if info:
            self.trace(3, f"add path info postfix: {filename} -> {filename}{info}")
        if not self.is_proxy and (filename + info).startswith(directory):
            self.trace(3, f"strip per-dir prefix: {filename}{info} -> {self.uri}")

    def trace(self, level: int, text: str) -> None:
        """Tell something about these rules; ask `tracing` first."""
        trace(self.subject, level, text, self.directory)

    def trace_request(self, level: int, text: str) -> None:
        """Tell something that Apache tells without naming the directory."""
        trace(self.x, level, text)
