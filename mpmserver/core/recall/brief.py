"""Answers in brief: of a small file, what can't be told from the answers for other files, and nothing else.

A `Record` has its body in memory and a watch of its own, which takes some 4 KB. A `Brief` is for the many files that
are asked for now and then, and takes a tenth of that: its head's own lines (validators and length), and how to find the
file. All else is `Terms`, which the files of a folder share. At each hit the file is opened, read, and then looked at:
so what is sent is what it held when it was as it had been. It needs no watch for that; what else was seen of the disk
is the terms', and guarded as a record's is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from operator import attrgetter
from stat import S_ISLNK
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from mpmserver.core.body import read_now
from mpmserver.core.recall.ground import Ground
from mpmserver.core.recall.looks import Checks, Looks
from mpmserver.core.recall.outline import Outline
from mpmserver.core.recall.record import STAMP_SIZE, Stamps, requests_left, stamped, stamps
from mpmserver.http.headers import EVERYTHING
from mpmserver.http.plain import plain_parts

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.recall.memo import Memo
    from mpmserver.core.recall.moment import Moment
    from mpmserver.core.recall.recollection import Recollection
    from mpmserver.core.recall.shelf import Shelf
    from mpmserver.core.site import Server

BRIEF_BYTES: Final = 230
"""What a brief takes beside the bytes of its two texts (measured, with what the allocator rounds up)."""
TERMS_BYTES: Final = 1500
"""What terms take beside those of the head."""
_OWN: Final = re.compile(rb"\r\n(?:Last-Modified|ETag|Content-Length): [^\r\n]*")
"""The lines of a head that differ from file to file. Where others do, too, a file has terms of its own."""
_SIGNATURE: Final = Struct("=QQIqqq")
_signature: Callable[[os.stat_result], tuple[int, ...]] = attrgetter(
    "st_dev", "st_ino", "st_mode", "st_size", "st_mtime_ns", "st_ctime_ns"
)
_SIZE: Final = 3
"""Which of these numbers is the size."""
_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


class Form(NamedTuple):
    """A head without what is a file's own, and without what is made anew each time."""

    text: bytes
    split: int
    """Where a file's own lines belong."""
    stamps: Stamps
    left_at: int
    """Where behind these the number of requests that the connection has left belongs; -1: nowhere."""


class Key(NamedTuple):
    """Files that agree in all this have the same terms."""

    form: Form
    outline: Outline
    folder: bytes
    """With a slash at its end."""
    flags: int
    """How a file is opened."""
    checks: Checks | None
    """What was seen of the disk beside the file."""
    server: Server
    keep: bool
    asked_to_keep: bool
    """As the client would have it."""


class Terms(Ground):
    """What the answers for many files have in common."""

    __slots__ = ("dated", "flags", "folder", "form", "key", "outline", "users")

    def __init__(self, shelf: Shelf, first: Exchange, key: Key) -> None:
        super().__init__(shelf, first, key.keep, key.outline.timed)
        self.key = key
        self.form, self.outline, self.folder, self.flags = key.form, key.outline, key.folder, key.flags
        self.dated = (b"", b"")
        """The head's lines before those that are a file's own, and behind them, with the present times."""
        self.users = 0
        """How many briefs have these terms."""

    @property
    def size(self) -> int:
        """What they count for RecallSize."""
        return TERMS_BYTES + 3 * len(self.form.text)

    def stamp(self, moment: Moment) -> None:
        text, split, places, _ = self.form
        text = stamped(text, places, moment)
        self.dated = (text[:split], text[split:])

    def payload(self, own: bytes, body: bytes, keepalives: int) -> bytes:
        """The answer with a file's own lines and contents, for a client that has been answered so often."""
        before, after = self.dated
        left_at = self.form.left_at
        if left_at >= 0:
            after = b"%b%d%b" % (after[:left_at], self.most + 1 - keepalives, after[left_at:])
        return b"%b%b%b%b" % (before, own, after, body)


class Brief:
    """What is one file's own."""

    __slots__ = ("at", "gist", "hits", "hits_before", "own", "terms")
    worth: Final = 2
    """It is given so often at least, or was not worth its place: to make one costs about as much as to do without."""

    def __init__(self, terms: Terms, gist: bytes, own: bytes, at: int) -> None:
        self.terms = terms
        self.gist = gist
        """The request line and, in a line of its own, the gist of the heads that it answers."""
        self.own = own
        """The file's signature, its name and, from `at` on, its lines of the head: in one, as each object has a head
        of 33 bytes."""
        self.at = at
        self.hits = 0
        """How often it has answered."""
        self.hits_before = 0
        """How often it had at its last turn (`room.py`)."""

    @property
    def size(self) -> int:
        """What it counts for RecallSize."""
        return BRIEF_BYTES + len(self.gist) + len(self.own)

    def contents(self, may_wait: bool) -> bytes | None:
        """What the file holds: nothing where the disk would have to be waited for, None where it is not what it was.

        That is asked behind the reading, so what was read is what it had held.
        """
        own, terms = self.own, self.terms
        try:
            fd = os.open(terms.folder + own[_SIGNATURE.size : self.at], terms.flags)
        except OSError:
            return None
        try:
            was = _SIGNATURE.unpack_from(own)
            data = os.pread(fd, was[_SIZE], 0) if may_wait else read_now(fd, 0, was[_SIZE])
            if _signature(os.fstat(fd)) != was:
                return None
            return data if len(data) == was[_SIZE] or not data else None
        except OSError:
            return None
        finally:
            os.close(fd)


class Draft(NamedTuple):
    """What a brief is made of."""

    key: Key
    looks: Looks
    """Those that made `key.checks`."""
    own: bytes
    at: int


def draft_of(first: Exchange, memo: Memo, log: Recollection, head: bytes, keep: bool) -> Draft | None:
    """What makes a brief of the answer to `head`, which was sent and logged; None for what can't be said in brief.

    Raises ValueError for an answer whose times can't be told.
    """
    file, request, sent, length = memo.file, first.request, memo.head or b"", len(memo.body or b"")
    if file is None or request.method != "GET" or EVERYTHING in memo.asked:
        return None
    if not length or file.span != (0, length) or file.signature[_SIZE] != length:
        return None  # a part of it
    if plain_parts(head, first.server.head_limits) is None:
        return None
    found = list(_OWN.finditer(sent))
    if not found:
        return None
    start, end = found[0].start(), found[-1].end()
    form = _form(sent, start, end, stamps(sent, memo.expires_after))
    if form is None:
        return None
    folder, _, name = os.fsencode(file.path).rpartition(b"/")
    others = Looks()
    others.found = [look for look in memo.looks.found if look[0] != file.path]
    if any(not follow and _is_link(found) for path, follow, found in memo.looks.found if path == file.path):
        return None  # it is opened by its name, and nothing that is behind a link
    follows = all(follow for path, follow, _ in memo.looks.found if path == file.path)
    key = Key(
        form,
        Outline(log, request.request_line.encode("latin-1", "replace"), length),
        folder + b"/",
        _FLAGS if follows else _FLAGS | os.O_NOFOLLOW,
        others.checks(),
        first.server,
        keep,
        request.keep_alive,
    )
    own = b"%b%b%b" % (_SIGNATURE.pack(*file.signature), name, sent[start:end])
    return Draft(key, others, own, _SIGNATURE.size + len(name))


def _is_link(found: os.stat_result | int) -> bool:
    return not isinstance(found, int) and S_ISLNK(found.st_mode)


def _form(sent: bytes, start: int, end: int, places: Stamps) -> Form | None:
    """A head without what stands between `start` and `end`; None where something is made anew there."""
    left = requests_left(sent)
    left_at = -1
    if left is not None:
        if left[0] < end or any(at > left[0] for at, _ in places):
            return None
        left_at = left[0] - end
        sent = sent[: left[0]] + sent[left[1] :]
    moved: Stamps = ()
    for at, later in places:
        if start - STAMP_SIZE < at < end:
            return None
        sent = b"%b%b%b" % (sent[:at], bytes(STAMP_SIZE), sent[at + STAMP_SIZE :])
        moved += ((at if at < start else at - (end - start), later),)
    return Form(sent[:start] + sent[end:], start, moved, left_at)
