"""The place in a pattern that the translator has come to, and the small questions asked there."""

from __future__ import annotations

import re
from typing import NoReturn

from mpmserver.config.errors import ConfigError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,31}")


class Scanner:
    """A pattern and a position in it."""

    __slots__ = ("pattern", "position")

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.position = 0

    def at(self, text: str) -> bool:
        """Whether `text` stands here."""
        return self.pattern.startswith(text, self.position)

    def take(self) -> str:
        """Return the character that stands here, and pass over it."""
        self.position += 1
        return self.pattern[self.position - 1]

    def passed(self, text: str) -> bool:
        """Pass over `text` if it stands here; return whether it did."""
        if not self.at(text):
            return False
        self.position += len(text)
        return True

    def behind(self, text: str, complaint: str) -> int:
        """Return the position behind the next `text`; raises ConfigError with `complaint` where there is none."""
        found = self.pattern.find(text, self.position)
        if found < 0:
            self.fail(complaint)
        return found + len(text)

    def name(self, end: str) -> str:
        """Take a group's name and `end` behind it."""
        match = _NAME.match(self.pattern, self.position)
        if match is None or not self.pattern.startswith(end, match.end()):
            self.fail("a group's name is missing, malformed, too long or not ended")
        self.position = match.end() + len(end)
        return match[0]

    def fail(self, message: str) -> NoReturn:
        raise ConfigError(f"{message} (at offset {self.position} of the regular expression '{self.pattern}')")
