"""Watches: the kernel tells what happens to the files of remembered answers (inotify).

What is watched:

* a file: its inode, so that a change through another name or an old descriptor is seen, too;
* each directory above it and each symbolic link on the way, for what happens to themselves: replaced, moved, other
  rights. Links are followed one component at a time, and all that they lead through is watched as well. Such an event
  is rare, and makes all tokens stale;
* where something was not there: the nearest directory above, for something of that name to appear.

What inotify does not tell is seen no sooner than somebody looks (`unchanged`): a write through mmap, a mount over a
directory, changes that another machine makes on a network's file system.
"""

from __future__ import annotations

import errno
import os
from stat import S_ISDIR, S_ISLNK
from typing import Final

from mpmserver.core.recall.freshness import CHANGED, Token
from mpmserver.core.recall.looks import Checks, Looks, unchanged
from mpmserver.net.inotify import (
    ATTRIB,
    CREATE,
    DELETE_SELF,
    DONT_FOLLOW,
    MASK_ADD,
    MODIFY,
    MOVE_SELF,
    MOVED_TO,
    ONLYDIR,
    OVERFLOW,
    Inotify,
)

_ITSELF: Final = ATTRIB | MOVE_SELF | DELETE_SELF | DONT_FOLLOW | MASK_ADD
_DIRECTORY: Final = _ITSELF | ONLYDIR
_OTHER: Final = _ITSELF | MODIFY
_APPEARS: Final = CREATE | MOVED_TO | DONT_FOLLOW | MASK_ADD | ONLYDIR
_CROWD: Final = 64
"""More tokens than these that rest on the same file, or miss it, are not told apart: it makes all stale."""
_LINKS: Final = 40
"""The kernel follows no more links than these."""
_REASONS: Final = {
    errno.ENOSPC: "no inotify watches left",
    errno.ENOMEM: "no inotify watches left",
    errno.EACCES: "a directory may not be watched",
    errno.ENOENT: CHANGED,
    errno.ENOTDIR: CHANGED,
}


class _Shared:
    """Something that exists for as long as anybody needs it; it needs others in turn."""

    __slots__ = ("needs", "tokens", "users")

    def __init__(self, needs: tuple[_Shared, ...], tokens: tuple[Token, ...] | None) -> None:
        """`tokens`: whom an event makes stale; None where that is everybody."""
        self.users = 1
        self.needs = needs
        self.tokens = tokens
        for need in needs:
            need.users += 1

    def add(self, token: Token) -> None:
        if self.tokens is not None:
            self.tokens = (*self.tokens, token) if len(self.tokens) < _CROWD else None

    def gone(self, home: Watches) -> None:
        """Nobody needs it."""
        raise NotImplementedError


class _Watch(_Shared):
    """An inode that is watched; of a directory's, `absent` are the names that are waited for."""

    __slots__ = ("absent", "number")

    def __init__(self, number: int, tokens: tuple[Token, ...] | None) -> None:
        super().__init__((), tokens)
        self.number = number
        self.absent: dict[bytes, _Absence] = {}

    def gone(self, home: Watches) -> None:
        home.unwatch(self)


class _Absence(_Shared):
    """A name that is not in a directory."""

    __slots__ = ("name", "watch")

    def __init__(self, watch: _Watch, name: bytes) -> None:
        super().__init__((watch,), ())
        self.watch = watch
        self.name = name
        watch.absent[name] = self

    def gone(self, home: Watches) -> None:
        del self.watch.absent[self.name]


class _Place(_Shared):
    """A path as it was followed: all that its meaning rests on is watched.

    `real` is the directory that it leads to, without links ("" is the root), None where it leads to none: then that is
    all that there is of any longer path, too. `end` is what stands there instead, a file or an absence.
    """

    __slots__ = ("end", "path", "real", "watch")

    def __init__(self, path: str, needs: tuple[_Shared, ...], real: str | None, end: _Shared | None) -> None:
        super().__init__(needs, None)
        self.path = path
        self.real = real
        self.end = end

    def gone(self, home: Watches) -> None:
        home.leave(self)


class _Refused(Exception):
    """A look that can't be watched, and why."""


class Watches:
    """By what the kernel tells. `fd` is readable when `read` has something to do.

    Places are shared: of the many files in a directory, each costs one watch and nothing for the way to it. A guard in
    progress holds all that is new (`_walk`), so that nothing stays that is not needed in the end.
    """

    looks_each_time = False

    def __init__(self) -> None:
        """Raises OSError where the kernel has no inotify for us (any more)."""
        self._inotify = Inotify()
        self.fd = self._inotify.fd
        self.reason = ""
        self._watches: dict[int, _Watch] = {}
        self._places: dict[str, _Place] = {}
        self._held: dict[Token, tuple[_Place, ...]] = {}
        self._walk: list[_Shared] = []

    def close(self) -> None:
        self._inotify.close()

    def __len__(self) -> int:
        """How many inodes are watched."""
        return len(self._watches)

    # What memory asks for

    def guard(self, token: Token, looks: Looks) -> Checks | None:
        """Watch all that the looks rest on, then look again: what changed before the watches stood, shows then."""
        checks = looks.checks()
        if checks is None:
            self.reason = CHANGED
            return None
        try:
            self._held[token] = self._hold(token, checks)
        except _Refused as refused:
            self.reason = str(refused)
            checks = None
        finally:
            self._let_go(self._walk)
        if checks is not None and not unchanged(checks):
            self.release(token)
            self.reason = CHANGED
            return None
        return checks

    def release(self, token: Token) -> None:
        places = self._held.pop(token, None)
        if places is None:
            return
        for place in places:
            if place.end is not None and place.end.tokens is not None:
                place.end.tokens = tuple([each for each in place.end.tokens if each is not token])
        self._let_go(list(places))

    def read(self) -> None:
        """Read what has happened, and make stale whom it concerns; they are released, and need not be watched."""
        for number, mask, name in self._inotify.read():
            watch = self._watches.get(number)
            if mask & OVERFLOW:
                self._make_stale(None)
            elif watch is None:
                continue  # told before it was unwatched
            elif not name:
                self._make_stale(watch.tokens)
            elif mask & (CREATE | MOVED_TO) and name in watch.absent:
                self._make_stale(watch.absent[name].tokens)

    def _make_stale(self, tokens: tuple[Token, ...] | None) -> None:
        for token in tuple(self._held) if tokens is None else tokens:
            token.stale = True
            self.release(token)

    # Following paths

    def _hold(self, token: Token, checks: Checks) -> tuple[_Place, ...]:
        """Follow all paths. What the walk holds is let go behind it, so what the token needs is counted here."""
        places = tuple([self._follow(os.fsdecode(check[0])) for check in checks])
        for place in places:
            place.users += 1
            if place.end is not None:
                place.end.add(token)
        return places

    def _follow(self, path: str, links: int = 0) -> _Place:
        """The place that a path leads to: from the nearest known one on, one component at a time."""
        if not path.startswith("/"):
            raise _Refused("a relative path")
        end = path.rfind("/")
        place = self._places.get(path) or self._places.get(path[:end])
        if place is not None and place.path == path:
            return place
        if place is None:
            end, place = 0, self._places.get("/") or self._keep("/", (self._watch("/", _DIRECTORY),), "")
        while end < len(path) and place.real is not None:
            start = end + 1
            end = path.find("/", start)
            end = len(path) if end < 0 else end
            if end > start:
                place = self._places.get(path[:end]) or self._step(place, path[:end], path[start:end], links)
        return place

    def _step(self, above: _Place, path: str, name: str, links: int) -> _Place:
        """From a directory to `name` in it. Links at the end of a path are followed whether or not the look did so."""
        if name == ".":
            return above
        if name == "..":
            assert above.real is not None
            parent = self._follow(os.path.dirname(above.real) or "/")
            return self._keep(path, (above, parent), parent.real)
        real = f"{above.real}/{name}"
        try:
            mode = os.lstat(real).st_mode
        except FileNotFoundError:
            return self._miss(above, path, name)
        except PermissionError:  # of the directory above, and that is watched
            return self._keep(path, (above,), None)
        except OSError as error:
            raise _Refused(_REASONS.get(error.errno or 0, os.strerror(error.errno or 0))) from None
        if S_ISDIR(mode):
            return self._keep(path, (above, self._watch(real, _DIRECTORY)), real)
        if S_ISLNK(mode):
            return self._follow_link(above, path, real, links)
        watch = self._watch(real, _OTHER, ())
        return self._keep(path, (above, watch), None, watch)

    def _follow_link(self, above: _Place, path: str, real: str, links: int) -> _Place:
        if links >= _LINKS:
            raise _Refused("too many symbolic links")
        watch = self._watch(real, _OTHER)
        try:
            target = os.readlink(real)
        except OSError:
            raise _Refused(CHANGED) from None
        place = self._follow(os.path.join(above.real or "/", target), links + 1)
        return self._keep(path, (above, watch, place), place.real, place.end)

    def _miss(self, above: _Place, path: str, name: str) -> _Place:
        """Wait for a name that is missing. It is looked for again: it may have come before the watch."""
        key = os.fsencode(name)
        watch = self._watch(above.real or "/", _APPEARS)
        absence = watch.absent.get(key)
        if absence is None:
            absence = _Absence(watch, key)
            self._walk.append(absence)
        if os.path.lexists(f"{above.real}/{name}"):
            raise _Refused(CHANGED)
        return self._keep(path, (above, absence), None, absence)

    def _keep(self, path: str, needs: tuple[_Shared, ...], real: str | None, end: _Shared | None = None) -> _Place:
        place = self._places[path] = _Place(path, needs, real, end)
        self._walk.append(place)
        return place

    def _watch(self, path: str, mask: int, tokens: tuple[Token, ...] | None = None) -> _Watch:
        try:
            number = self._inotify.add(os.fsencode(path), mask)
        except OSError as error:
            raise _Refused(_REASONS.get(error.errno or 0, os.strerror(error.errno or 0))) from None
        watch = self._watches.get(number)
        if watch is None:
            watch = self._watches[number] = _Watch(number, tokens)
            self._walk.append(watch)
        return watch

    # Leaving them

    def _let_go(self, held: list[_Shared] | list[_Place]) -> None:
        """Need these no more, nor what nobody else needs of theirs. Empties the list."""
        while held:
            one = held.pop()
            one.users -= 1
            if not one.users:
                one.gone(self)
                held.extend(one.needs)  # type: ignore[arg-type]

    def unwatch(self, watch: _Watch) -> None:
        del self._watches[watch.number]
        self._inotify.remove(watch.number)

    def leave(self, place: _Place) -> None:
        if self._places.get(place.path) is place:  # a link that changed while it was followed may have led past itself
            del self._places[place.path]
