"""DBM files, as Apache's modules read them by APR: SDBM, GDBM and Berkeley DB's hash files, read without any library.

Nothing is kept open: a look-up opens the file, reads the few pages that it needs and closes it, so a file that is
replaced or changed is seen at once, and any number of threads and processes may look up. `default` stands for what
the file is (Apache takes the one kind that its APR was made for). The kinds are spelled without regard to case.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from types import ModuleType

from mpmserver.core.dbm import berkeley, gdbm, sdbm
from mpmserver.core.dbm.page import LIBRARY_ERRORS, DbmError, Pages

__all__ = ["DEFAULT", "DbmError", "fetch", "files", "is_known", "reason"]

DEFAULT = "default"
_KINDS: dict[str, ModuleType] = {"sdbm": sdbm, "gdbm": gdbm, "db": berkeley}


def is_known(kind: str) -> bool:
    """Whether files of this kind can be read."""
    return kind.lower() in _KINDS or kind.lower() == DEFAULT


def files(kind: str, path: str) -> tuple[str, ...]:
    """Return the files that make up a database, the first being the one that is missed first."""
    names: Callable[[str], tuple[str, ...]] = _format(kind, path).names
    return names(path)


def fetch(kind: str, path: str, key: bytes) -> bytes | None:
    """Return the value of a key, None where there is none.

    Raises DbmError where the file can't be read, isn't what it should be, or the kind isn't known.
    """
    form = _format(kind, path)
    find: Callable[[str, bytes], bytes | None] = form.fetch
    try:
        return find(path, key)
    except OSError as error:
        raise DbmError(str(error), form.code_of(error)) from error


def reason(error: DbmError) -> str:
    """An error as APR tells it; its words for what a DBM library says are these for all of them."""
    if not error.code:
        return "(20019)DSO load failed"
    if error.code < LIBRARY_ERRORS:
        return f"({error.code}){os.strerror(error.code)}"
    return f"({error.code})APR does not understand this error code"


def _format(kind: str, path: str) -> ModuleType:
    known = _KINDS.get(kind.lower())
    if known is not None:
        return known
    if kind.lower() != DEFAULT:
        raise DbmError(f"DBM files of the type {kind} can't be read")
    if not os.path.exists(path) and os.path.exists(f"{path}.pag"):
        return sdbm
    return _sniffed(path)


def _sniffed(path: str) -> ModuleType:
    """The kind of a database that is one file."""
    try:
        with Pages(path) as file:
            magic = file.unpack("=I", 0)[0] if file.size >= 4 else 0
    except OSError:
        return berkeley
    return gdbm if magic in gdbm.MAGICS else berkeley
