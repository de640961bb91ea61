"""What a request head may be: LimitRequestLine, LimitRequestFields, LimitRequestFieldSize, HttpProtocolOptions."""

from __future__ import annotations

import sys

from mpmserver.records import dataclass, field

REGISTERED_METHODS = frozenset({
    "GET", "HEAD", "PUT", "POST", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "PROPPATCH",
    "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "VERSION-CONTROL", "CHECKOUT", "UNCHECKOUT", "CHECKIN", "UPDATE",
    "LABEL", "REPORT", "MKWORKSPACE", "MKACTIVITY", "BASELINE-CONTROL", "MERGE",
})  # fmt: skip
"""The methods that Apache knows by itself (HttpProtocolOptions RegisteredMethods)."""


LEAST_LINE = 4
"""Octets of the shortest field line: a letter, a colon and the line's end."""


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """The limits of one server, made once at configuration time.

    ``line`` and ``field_size`` are octets, ``fields`` a number; 0 means no limit for ``fields``.
    ``strict`` is HttpProtocolOptions Strict, ``require_methods`` one of ``"LenientMethods"`` and
    ``"RegisteredMethods"``, ``allow09`` Allow0.9 against Require1.0.
    """

    line: int = 8190
    fields: int = 100
    field_size: int = 8190
    strict: bool = True
    require_methods: str = "LenientMethods"
    allow09: bool = True
    registered_methods: bool = field(init=False)
    longest_line: int = field(init=False)
    longest_field: int = field(init=False)
    plain: int = field(init=False)
    """No head of so many octets can break one of the two."""
    most_lines: int = field(init=False)
    """Of a head, without folded ones: its fields and its request line."""
    few: int = field(init=False)
    """No head of so many octets can break any of these, if it has nothing but field lines behind its request line."""

    def __post_init__(self) -> None:
        # Apache reads lines into a buffer of the limit plus two, one of which ends the string
        object.__setattr__(self, "registered_methods", self.require_methods == "RegisteredMethods")
        object.__setattr__(self, "longest_line", self.line + 3)
        object.__setattr__(self, "longest_field", self.field_size + 3)
        object.__setattr__(self, "plain", min(self.longest_line, self.longest_field))
        object.__setattr__(self, "most_lines", self.fields + 1 if self.fields else sys.maxsize)
        object.__setattr__(self, "few", min(self.plain, LEAST_LINE * self.most_lines))
