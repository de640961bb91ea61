"""The gist of a head: its bytes without the field lines that decide nothing.

Reading a head is `head.py`'s alone, and its verdict the only one. But two heads that differ in nothing but fields
nobody looks at mean the same, so what was said of the one holds for the other, and need not be found out anew: Recall
finds an answer by the gist of a head, in one pass that no Python code takes part in.

Why that is as strict as the parser: what goes is a whole line, from line end to line end, that is a field line as every
setting allows it (the pattern is the parser's own), names no field that decides, and doesn't end the data. All else
stays in the gist, byte by byte: the request line, fields that decide, repeated ones, folds, bare line ends, forbidden
octets, a blank line and what follows it. So where the gist is that of a plain head that was read before, this is that
head with other such lines among its fields, and within the limits it would be read as that one was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from itertools import groupby
from operator import itemgetter
from typing import Final

from mpmserver.http.limits import HeadLimits
from mpmserver.http.syntax import FIELD_LINE, TOKEN

READ: Final = frozenset({"host", "connection", "content-length", "transfer-encoding", "expect"})
"""The fields that `head.py` itself looks at: they always decide."""
SIEVES: Final = 64
"""How many sieves are kept: what modules ask for depends on the configuration, so there are few of them."""

Fields = dict[str, str]
"""By lower-case name, what `Headers.get` answers."""


@lru_cache(maxsize=SIEVES)
def sieve(deciding: frozenset[str]) -> Callable[[bytes], bytes]:
    """What gives the gist of a head, for whom fields of these lower-case names decide beside those of `READ`."""
    line = rb"\r\n(?!%b:)%b(?=\r\n(?!\Z))" % (_one_of(deciding | READ), FIELD_LINE.encode())
    return partial(re.compile(line).sub, b"")


def within(limits: HeadLimits, data: bytes) -> bool:
    """Whether `data`, which has the gist of a plain head, breaks no limit."""
    return len(data) <= limits.plain and data.count(b"\n") <= limits.most_lines + 1


@lru_cache(maxsize=SIEVES)
def finder(names: frozenset[str]) -> Callable[[bytes], Fields]:
    """What finds the fields of these lower-case names in a plain head."""
    find = re.compile((rb"\r\n(%b):[ \t]*([^\r\n]*)" % _one_of(names)).decode("latin-1")).findall

    def fields(data: bytes) -> Fields:
        found: Fields = {}
        for spelled, value in find(data.decode("latin-1")):
            name, text = spelled.lower(), value.rstrip(" \t")
            found[name] = f"{found[name]}, {text}" if name in found else text
        return found

    return fields


def _one_of(names: Iterable[str]) -> bytes:
    """A pattern for each of these names; what is no name is the name of no field.

    The first letter's set stands before the others: `re` leaves an alternative at once where that doesn't fit.
    """
    known = sorted(name for name in names if TOKEN.fullmatch(name))
    kinds = [(first, [re.escape(name[1:]) for name in same]) for first, same in groupby(known, itemgetter(0))]
    pattern = "|".join([f"[{re.escape(first + first.upper())}](?i:{'|'.join(rest)})" for first, rest in kinds])
    return b"(?:%b)" % (pattern or "(?!)").encode()
