"""Answers from memory: what is asked of mpmserver before the requests that are compared, so that it knows the answers.

An answer is remembered when its resource is asked for the second time, and when its files have not just changed. So the
requests of a case go to mpmserver in two extra rounds, and what it answers to the third is compared. Two ways:

* `head`: the very same bytes in each round: the third is found byte by byte (level 1);
* `resource`: the extra rounds have other fields, of those that most answers don't depend on but that a log shows: the
  third is found by its resource, and its log line is made anew (level 2).

Left out of the extra rounds is what would change the answer to the next: other methods than GET and HEAD, one's own
answers to a challenge of Digest, and the cases of `ONCE`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.differential import digest, witness
from tests.differential.case import Item

STYLES = ("head", "resource")
ROUNDS = 2
#: How old files must be, in seconds: `RESTLESS` of core/recall/looks.py and a little.
SETTLED = 2.1
#: Cases whose requests are sent once, and why.
ONCE: Mapping[str, str] = {
    "reqtimeout": "each request is a matter of waiting, and its connection ends before there is an answer to remember",
}
SAFE = frozenset({"GET", "HEAD"})
#: One child at a time, so that who answers is who has been asked before; these stand last, where they move no line.
ONE_CHILD: Mapping[str, str] = {
    "prefork": "StartServers 1\nMinSpareServers 1\nMaxSpareServers 1\nMaxRequestWorkers 1\n",
}


@dataclass(frozen=True, slots=True)
class Rounds:
    """The extra rounds of a case. `ready` is when its files are old enough (`time.time`)."""

    style: str
    ready: float
    folder: Path

    def wait(self) -> None:
        """Until files are old enough."""
        time.sleep(max(0.0, self.ready - time.time()))

    def parts(self, case: str, item: Item, sent: tuple[bytes, ...], number: int) -> tuple[bytes, ...] | None:
        """What is sent in extra round `number` for an item that sends `sent` when it is compared; None: nothing."""
        if case in ONCE or not sent or not SAFE.issuperset(item.methods):
            return None
        if any(digest.PLACEHOLDER.search(part) for part in item.parts):
            return None
        named = tuple(_renamed(part, given) for part, given in zip(item.parts, sent, strict=True))
        if self.style == "head" or len(named) > 1 or item.label.startswith("RAW "):
            return named
        return (other_fields(named[0], number),)

    def configuration(self, mpm: str) -> str:
        """What stands behind mpmserver's configuration."""
        return f"\nLoadModule witness_module {witness.__name__}\n{ONE_CHILD.get(mpm, '')}"

    def environment(self) -> dict[str, str]:
        return {witness.PATH: str(self._told)}

    def hits(self) -> Counter[int]:
        """How many answers came from memory on the connection of each port."""
        return Counter(int(line) for line in self._told.read_text(encoding="ascii").split())

    @property
    def _told(self) -> Path:
        return self.folder / "answered-from-memory"


def _renamed(written: bytes, given: bytes) -> bytes:
    """A part whose item must not be taken for the one that is compared: `item-7`, which a log may show, is `none-7`."""
    return given.replace(b"item-", b"none-") if b"{item}" in written else given


def other_fields(part: bytes, number: int) -> bytes:
    """A request with fields that make another head of it, and another line in the log, but rarely another answer."""
    head, end, body = part.partition(b"\r\n\r\n")
    lower = head.lower()
    fields = [b"X-Round: %d" % number]
    fields += [b"%b: of-round/%d" % (name, number) for name in (b"User-Agent", b"Referer") if name.lower() not in lower]
    return b"\r\n".join([head, *fields]) + end + body
