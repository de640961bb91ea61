"""The gist of a head: what decides of it, without the field lines that decide nothing.

Reading a head is `head.py`'s alone, and its verdict the only one. But two heads that differ in nothing but fields
nobody looks at mean the same, so what was said of the one holds for the other, and need not be found out anew: Recall
finds an answer by the gist of a head. One match, in which no Python code takes part, finds the fields that decide and
those that the log shows.

Why that is as strict as the parser: behind the request line all must be field lines as every setting allows them (the
pattern is the parser's own), then a blank line and nothing more. Fields that decide, or are shown, may come once each;
those that announce more than a head may not come. All else, be it repeated fields, folds, bare line ends or forbidden
octets, has no gist. So where the gist is that of a plain head that was read before, this is that head with other such
lines among its fields, in any order, and within the limits it would be read as that one was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from mpmserver.http.limits import HeadLimits
from mpmserver.http.syntax import FIELD_LINE, TCHAR, TOKEN

ANNOUNCING: Final = frozenset({"content-length", "transfer-encoding", "expect"})
"""The fields with which more may follow than a head."""
READ: Final = frozenset({"host", "connection"})
"""The others that `head.py` itself looks at: they always decide."""
ABSENT: Final = b"-"
"""As a log has it."""
SIEVES: Final = 64
"""How many sieves are kept: what modules ask for depends on the configuration, so there are few of them."""
_VALUE: Final = FIELD_LINE.partition(":")[2] + "+"
_LINE: Final = rf"[{TCHAR}]*+:{_VALUE}\r\n"
"""A field line behind the first letter of its name."""
_AS_IS: Final = r"[ !#-\[\]-~]++"
"""A value that stands for itself in a log."""
_NONE: Final = "(?!)"
_INITIALS: Final = frozenset([letter.lower() for letter in map(chr, range(128)) if TOKEN.fullmatch(letter)])


Fields = dict[str, str]
"""By lower-case name, what `Headers.get` answers."""


class Sieve(NamedTuple):
    """What finds out of a head what decides, and what is shown."""

    match: Callable[[bytes], re.Match[bytes] | None]
    """Matches all behind the request line. Its groups are the values that decide, with their colons; then of each field
    of `shown` the value as it is, where it may be shown so; then those of the others with all that is around them; and
    a last one where there is any of these. `ABSENT` is to stand for groups without a match."""
    names: tuple[str, ...]
    """Of the fields that decide, and of the others that are shown."""
    deciding: slice
    """Which of them, and of the groups, decide."""
    shown: slice
    """Which of them, and of the groups, are shown."""

    def gist(self, head: bytes) -> bytes | None:
        """What decides of a head behind its request line; None where it has no gist."""
        found = self.match(head.partition(b"\r\n")[2])
        return None if found is None else b"\n".join(found.groups(ABSENT)[self.deciding])

    def fields(self, groups: Sequence[bytes]) -> Fields:
        """The fields that are there of those that decide, or are shown, as the parser would read them.

        But for those that say "-": they may be missing, which is all the same in a log.
        """
        count = len(self.names)
        found = dict(zip(self.names[self.shown], groups[self.shown], strict=True))
        around = [*groups[self.deciding], *groups[count : count + len(found)]]
        found.update([(name, value[1:]) for name, value in zip(self.names, around, strict=True) if value is not ABSENT])
        return {name: value.strip(b" \t").decode("latin-1") for name, value in found.items() if value is not ABSENT}


@lru_cache(maxsize=SIEVES)
def sieve(deciding: frozenset[str], shown: frozenset[str] = frozenset(), read: frozenset[str] = frozenset()) -> Sieve:
    """The sieve for which fields of these lower-case names decide beside those of `READ`.

    Of the others the log shows those of `shown`; those of `read` are looked at to find what it shows.
    """
    known = sorted(_names(deciding | READ) - ANNOUNCING)
    others = sorted(_names(shown | read) - deciding - READ - ANNOUNCING)
    count, more = len(known), len(others)
    deciders = dict.fromkeys(ANNOUNCING, _NONE)
    deciders |= {name: rf"(?({group})(?!))(:{_VALUE})\r\n" for group, name in enumerate(known, 1)}
    usual: dict[str, str] = {}
    unusual: list[str] = []
    for group, name in enumerate(others, count + 1):
        once = rf"(?({group})(?!))(?({group + more})(?!))"
        value = _NONE if name in read else _AS_IS
        usual[name] = rf"{once}:[ \t]*+({value})(?<! )\r\n"
        unusual.append(rf"(?i:{re.escape(name)}){once}(?!:[ \t]*+{value}(?<! )\r\n)(:{_VALUE})\r\n")
    lines = [*_by_initial(deciders, usual), *_by_initial(usual, deciders, last=True)]
    initials = {name[0] for name in (*deciders, *usual)}
    lines.insert(0, f"[{_in_either_case(_INITIALS - initials)}]{_LINE}")
    if unusual:
        lines.append(f"(?:{'|'.join(unusual)})()")
    match = re.compile(rf"(?:{'|'.join(lines)})*\r\n".encode("latin-1")).fullmatch
    return Sieve(match, (*known, *others), slice(count), slice(count, count + more))


def _by_initial(special: dict[str, str], others: dict[str, str], *, last: bool = False) -> list[str]:
    """For each initial the lines of `special`, by name what follows it, and those of no such name nor one of `others`.

    `re` leaves an alternative at once where a set fails, so the initial stands apart. Where `others` has the same, all
    but their own lines come with those that are `last`.
    """
    made = []
    for initial, names in groupby(sorted(special), itemgetter(0)):
        lines = [f"(?i:{re.escape(name[1:])}){special[name]}" for name in names]
        rests = [re.escape(name[1:]) for name in sorted({*special, *others}) if name[0] == initial]
        if last or not any(name[0] == initial for name in others):
            lines.append(f"(?!(?i:{'|'.join(rests)}):){_LINE}")
        made.append(f"[{_in_either_case(initial)}](?:{'|'.join(lines)})")
    return made


def within(limits: HeadLimits, data: bytes) -> bool:
    """Whether `data`, which has the gist of a plain head, breaks no limit."""
    size = len(data)
    return size <= limits.few or (size <= limits.plain and data.count(b"\n") <= limits.most_lines + 1)


def _names(names: Iterable[str]) -> set[str]:
    """Those that are any: what is no name is the name of no field."""
    return {name for name in names if TOKEN.fullmatch(name)}


def _in_either_case(letters: Iterable[str]) -> str:
    """Lower-case letters, and others that a name may begin with, for use inside brackets."""
    return "".join([re.escape(letter + letter.upper()) for letter in sorted(letters)])
