"""Ways: what led to each folder, and how it is known that all is still so.

Of each folder that was walked to, a `Way` is kept: the .htaccess files that were looked for, as they were found, and
the settings that came of it. Going it again costs one look at each of these files. Where one loop answers for the
process, the kernel is asked to tell of changes to the ways that are gone often (recall's `Watches`), and these cost no
look at all: for that loop's thread alone, which has heard of all changes before it answers, and never for longer than
RecallRevalidate. A request whose own answer may be remembered looks all the same, as what it finds is written down.

Where rules have taken the place of files, requests lead to names that are not there, mostly to the same few. Such gaps
are watched in the same way: to look for what is missing costs more than all else of the walk.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

from mpmserver.core.htaccess import HtaccessFile
from mpmserver.core.recall.looks import DISK, Looks

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.recall.memory import Recall
    from mpmserver.core.recall.watches import Watches
    from mpmserver.core.site import Merged

KEPT: Final = 32768
"""How much of each kind is kept: ways, and sections by directory and by file name."""
WATCHED: Final = 2048
"""How many ways and gaps are watched at most."""
OFTEN: Final = 4
"""Looks behind which a way is worth to be watched, which costs as much as a dozen."""
PAUSE: Final = 60.0
"""Seconds until one that can't be watched is tried again."""
Key = tuple[int, str]
"""A server's index, and the path of a folder without a slash at its end."""


class Watched:
    """Something that is as it was found for as long as the kernel tells nothing else."""

    __slots__ = ("valid_until", "watched")

    def __init__(self) -> None:
        self.watched = False
        self.valid_until = 0.0
        """When it is looked at in any case; until then the kernel tells of changes."""

    @property
    def stale(self) -> bool:
        """Whether something has changed, or may have; whoever hears of a change sets it."""
        return not self.watched

    @stale.setter
    def stale(self, value: bool) -> None:
        self.watched, self.valid_until = False, 0.0


class Gap(Watched):
    """A path at which there is nothing."""

    __slots__ = ()


class Way(Watched):
    """What led to a folder of one server, where no link on it had to be checked (one inside may have to be)."""

    __slots__ = ("asked", "folder_shows", "key", "looks", "merged", "try_after")

    def __init__(self, key: Key, asked: tuple[HtaccessFile, ...], merged: Merged) -> None:
        super().__init__()
        self.key = key
        self.asked = asked
        self.merged = merged
        last = asked[-1] if asked else None
        self.folder_shows = last is not None and last.status is not None and os.path.dirname(last.path) == key[1]
        """Whether the folder has an .htaccess of its own: to see that is to see the folder."""
        self.looks = 0
        """How often it was looked at."""
        self.try_after = 0.0

    def is_as_before(self, look: Callable[[str], os.stat_result]) -> bool:
        """Whether every .htaccess on the way is what it was, or is missing as it was."""
        for file in self.asked:
            try:
                status = look(file.path)
            except FileNotFoundError:
                if file.status is not None:
                    return False
            except OSError:
                return False
            else:
                if status != file.status or status.st_ctime_ns != file.changed_ns:
                    return False
        return True


class Ways:
    """The ways of one process."""

    __slots__ = ("_owner", "_try_after", "_watched", "known")

    def __init__(self) -> None:
        self.known: dict[Key, Way] = {}
        self._watched: dict[Key | str, Watched] = {}
        """Those that are watched, and the gaps, by their paths; the latest at the end; the owner's alone."""
        self._owner = -1
        """The thread that hears of changes; none as long as no way is watched."""
        self._try_after = 0.0
        """When a gap may be watched again, where one could not be."""

    def find(self, x: Exchange, key: Key) -> Way | None:
        """The way to a folder for this request; None where none is known, or something has changed on it."""
        way = x.way
        if way is not None and way.key == key:
            return way
        way = self.known.get(key)
        if way is None:
            return None
        if way.valid_until <= x.request_time or x.memo is not None or get_ident() != self._owner:
            if not way.is_as_before(x.files.stat):
                return None
            recall = x.world.recall
            if recall is not None and recall.watches is not None and way.asked:
                self._watch(way, recall, recall.watches, x.request_time)
        x.way = way
        return way

    def is_sure_of_folder(self, way: Way, x: Exchange) -> bool:
        """Whether a way that was just found says that its folder is there: by a look, or by nobody having told else."""
        return way.folder_shows or (x.memo is None and way.valid_until > x.request_time and get_ident() == self._owner)

    def look(self, x: Exchange, path: str) -> os.stat_result | None:
        """What stands at a path, be it a link; None where there is nothing. Raises OSError where that can't be seen."""
        own = x.memo is None and get_ident() == self._owner
        gap = self._watched.get(path) if own else None
        if gap is not None and gap.valid_until > x.request_time:
            return None
        try:
            return x.files.lstat(path)
        except FileNotFoundError:
            recall = x.world.recall
            if own and recall is not None and recall.watches is not None:
                self._watch_gap(path, gap, recall, recall.watches, x.request_time)
            return None

    def keep(self, way: Way) -> None:
        """Remember a way that was gone."""
        keep(self.known, way.key, way)

    def _watch(self, way: Way, recall: Recall, watches: Watches, now: float) -> None:
        """Have the kernel tell of changes to a way that was looked at, and found as it was, where that pays."""
        way.looks += 1
        if way.looks < OFTEN or now < way.try_after or get_ident() != recall.owner:
            return
        self._owner = recall.owner
        if not way.watched:
            if not self._make_room(watches, now):
                return
            if watches.guard(way, _looks_at(way)) is None or not way.is_as_before(DISK.stat):
                watches.release(way)
                way.try_after = now + PAUSE
                return
            way.watched = True
            before = self._watched.pop(way.key, None)
            if before is not None and before is not way:
                watches.release(before)
            self._watched[way.key] = way
        is_there = os.path.isdir(way.key[1])  # where no .htaccess was found, none is missed with its folder
        way.valid_until = now + recall.revalidate if is_there else 0.0

    def _watch_gap(self, path: str, gap: Watched | None, recall: Recall, watches: Watches, now: float) -> None:
        """Have the kernel tell when something appears where there was nothing, where that was seen before."""
        if gap is None or not gap.watched:
            if now < self._try_after or not recall.seen.again(hash(path)) or not self._make_room(watches, now):
                return
            gap, looks = Gap(), Looks()
            with contextlib.suppress(OSError):
                looks.lstat(path)
            checks = watches.guard(gap, looks)
            if checks is None or checks[0][-1] != errno.ENOENT:
                watches.release(gap)
                self._try_after = now + PAUSE
                return
            gap.watched = True
            self._watched[path] = gap
        gap.valid_until = now + recall.revalidate

    def _make_room(self, watches: Watches, now: float) -> bool:
        """Whether one more may be watched: where there are many already, in the place of one that nobody needs now."""
        if len(self._watched) < WATCHED:
            return True
        key, oldest = next(iter(self._watched.items()))
        del self._watched[key]
        if oldest.valid_until > now:
            self._watched[key] = oldest
            return False
        oldest.stale = True
        watches.release(oldest)
        return True


def _looks_at(way: Way) -> Looks:
    """Look at all that a way rests on: the files, and the folder."""
    looks = Looks()
    for path in (way.key[1], *[file.path for file in way.asked]):
        with contextlib.suppress(OSError):
            looks.stat(path)
    return looks


def keep(table: dict[Any, Any], key: Any, value: Any) -> None:
    """Remember something; where that is too much, what was remembered first is forgotten."""
    table[key] = value
    if len(table) > KEPT:
        with contextlib.suppress(KeyError, RuntimeError):  # other threads may do the same
            del table[next(iter(table))]
