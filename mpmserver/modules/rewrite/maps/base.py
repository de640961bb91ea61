"""What every map is to the rules that ask it, and the memory of maps that are files."""

from __future__ import annotations

from mpmserver.core.errorlog import os_error
from mpmserver.core.exchange import Exchange
from mpmserver.core.settings import Level
from mpmserver.modules.rewrite.trace import trace, tracing
from mpmserver.records import dataclass, field

REMEMBERED = 4096
"""How many answers of one map are remembered: a client can ask for any number of keys."""


class RewriteMap:
    """One RewriteMap. Called on any thread; `lookup` answers None where there is no such key."""

    __slots__ = ("name",)

    is_async = False
    """Whether only `lookup_async` works: a program has to be waited for."""
    is_pure = False
    """Whether the answer depends on nothing but the key, and files looked at."""

    def __init__(self, name: str) -> None:
        self.name = name

    def lookup(self, x: Exchange, key: str) -> str | None:
        raise NotImplementedError

    async def lookup_async(self, x: Exchange, key: str) -> str | None:
        return self.lookup(x, key)


Version = tuple[int, ...]
"""What is different when a file is: modification time, size, device, inode."""


def version(x: Exchange, path: str) -> Version:
    """The version of a file; raises OSError."""
    found = x.files.stat(path)
    return (found.st_mtime_ns, found.st_size, found.st_dev, found.st_ino)


@dataclass(slots=True)
class Memory:
    """The answers of one version of a map's files; None where there was none."""

    version: tuple[Version, ...] = ()
    answers: dict[str, str | None] = field(default_factory=dict)


class FileMap(RewriteMap):
    """A map in files: answers are remembered until the files change (their modification times, in Apache)."""

    __slots__ = ("_memory", "files", "path")

    is_pure = True
    kind = "txt"
    unreachable = "AH00661: mod_rewrite: can't access text RewriteMap file {}"

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name)
        self.path = path
        self.files: tuple[str, ...] = (path,)
        """All of them; the first one is that which is missed first."""
        self._memory = Memory()

    def lookup(self, x: Exchange, key: str) -> str | None:
        memory = self._current(x)
        if memory is None:
            return None
        if key in memory.answers:
            value = memory.answers[key]
            if tracing(x):
                trace(x, 5, f"cache lookup OK: map={self.name}[{self.kind}] key={key} -> val={value or ''}")
            return value
        told = tracing(x)
        if told:
            trace(x, 6, "cache lookup FAILED, forcing new map lookup")
        value = self.find(x, key)
        if told:
            answer = "FAILED" if value is None else "OK"
            shown = "" if value is None else f" -> val={value}"
            trace(x, 5, f"map lookup {answer}: map={self.name}[{self.kind}] key={key}{shown}")
        if len(memory.answers) >= REMEMBERED:
            memory.answers.clear()
        memory.answers[key] = value
        return value

    def find(self, x: Exchange, key: str) -> str | None:
        """Look the key up in the files; what goes wrong is logged and no answer."""
        raise NotImplementedError

    def renewed(self) -> None:
        """The files have changed: forget what was made of them."""

    def complaint(self, number: int) -> str:
        """What is said where the file of this number can't be reached."""
        return self.unreachable.format(self.files[number])

    def _current(self, x: Exchange) -> Memory | None:
        """The memory of the files as they are; None where one of them isn't there."""
        found = []
        for number, file in enumerate(self.files):
            try:
                found.append(version(x, file))
            except OSError as error:
                x.server.log(
                    Level.ERROR, "rewrite", f"{os_error(error)}: {self.complaint(number)}", x
                )
                return None
        memory = self._memory
        if memory.version != (now := tuple(found)):
            self.renewed()
            memory = self._memory = Memory(now)
        return memory
