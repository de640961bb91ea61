"""The state of one run through a rule set: what rules, conditions and substitutions share.

One `Run` serves one request in one of the two hooks, on one thread. Apache's rule sets change the request as they go
(`filename`, `args`, `path_info`, `status`), and conditions and variables see these changes; here it is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpmserver.http.text import path_text
from mpmserver.modules.rewrite.trace import trace, tracing

PROXY = "proxy:"
"""What a file name begins with that is a URL for the proxy."""

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.modules.rewrite.rule import Rule


class Run:
    """What is known while the rules of one place are applied to one request."""

    __slots__ = (
        "condition_match", "directory", "is_proxy", "last_substitution", "rule_match", "subject", "tracing", "uri",
        "vary", "vary_now", "x",
    )  # fmt: skip

    def __init__(self, x: Exchange, directory: str | None) -> None:
        self.x = x
        self.directory = directory
        """The directory that the rules belong to, None for the server's rules."""
        self.subject = x
        """Whose variables are read: the request, or the subrequest of a look-ahead."""
        self.uri = ""
        """What patterns are matched with."""
        self.is_proxy = False
        """Whether an earlier rule has made it a request for the proxy."""
        self.rule_match: Any = None
        """The match of the rule's pattern: $0 to $9."""
        self.condition_match: Any = None
        """That of the last condition that matched: %0 to %9."""
        self.vary: list[str] = []
        """Names of fields that the conditions of this rule depended on."""
        self.vary_now: list[str] = []
        """Those of the condition being tested."""
        self.last_substitution: Rule | None = None
        self.tracing = tracing(x)

    def prepare_uri(self) -> None:
        """Say what patterns are matched with: the path, or the file name (with what stands behind it) below a place."""
        self.uri = filename = self.x.filename or ""
        directory = self.directory
        if directory is None:
            return
        self.is_proxy = filename.startswith(PROXY)
        if self.x.path_info:
            self.uri = filename + self.x.path_info
        if not self.is_proxy and self.uri.startswith(directory):
            self.uri = self.uri[len(directory) :]

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

    def header(self, name: str) -> str:
        """A field of the request; that it was looked at is noted for Vary, but never Host (RFC 9110 12.5.5)."""
        value = self.subject.headers_in.get(name)
        if value is None:
            return ""
        if name.lower() != "host":
            self.vary_now.append(name)
        return path_text(value)


def group(match: Any, number: int) -> str:
    """The text of a back-reference, "" where there is no such group or it took no part."""
    return "" if match is None or number > match.re.groups else match[number] or ""
