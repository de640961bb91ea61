"""One evaluation: the request, what was matched last, and what evaluation leaves behind.

Evaluating is synchronous. What only waiting can tell (a subrequest's outcome, a name from DNS) is asked for by
`Run.answer`: where the answer is not there yet, it ends the evaluation with `Pending`; whoever drives asks
(`expression.py`), puts the answer into `answers`, and evaluates anew from the start. An evaluation has no effect until
it has come to its end (its messages and the names for Vary are kept here meanwhile), so starting anew is not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from mpmserver.config.regex import RegexMatch
from mpmserver.core.settings import Level
from mpmserver.http.text import path_text

if TYPE_CHECKING:
    from mpmserver.config.node import Origin
    from mpmserver.core.exchange import Exchange

Key = tuple[str, str]
"""An operator and its word, or a variable and nothing."""
Ask = Callable[[], Coroutine[Any, Any, Any]]


class Captures:
    """The last successful match of a regular expression with groups: what $0 to $9 stand for; None for nothing.

    Handed from one evaluation to the next by those that share back-references (mod_rewrite's conditions).
    """

    __slots__ = ("match",)

    def __init__(self, match: RegexMatch | None = None) -> None:
        self.match = match

    def group(self, number: int) -> str:
        """The text of a group, "" where it took no part or there is none."""
        match = self.match
        return "" if match is None or number > match.re.groups else match[number] or ""


class Unanswered(Exception):
    """An answer that can only be had by waiting was asked for by somebody who can't."""


class Pending(Exception):
    """Ends an evaluation that needs an answer: `ask` makes the coroutine that has it.

    `fallback` is the answer for those who can't wait, where there is one.
    """

    def __init__(self, key: Key, ask: Ask, fallback: Any) -> None:
        super().__init__(key)
        self.key = key
        self.ask = ask
        self.fallback = fallback

    def without_waiting(self) -> Any:
        """The answer for those who can't wait; raises Unanswered where it would have to be waited for."""
        if self.fallback is not None:
            return self.fallback
        coroutine = self.ask()
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value
        coroutine.close()
        raise Unanswered(f"-{self.key[0]} {self.key[1]} has to wait, which can't be done here")


class Run:
    """The state of one evaluation."""

    __slots__ = ("answers", "captures", "failure", "messages", "origin", "vary", "x")

    def __init__(self, x: Exchange, origin: Origin, match: RegexMatch | None, answers: Mapping[Key, Any]) -> None:
        self.x = x
        self.origin = origin
        self.captures = Captures(match)
        self.answers = answers
        self.vary: list[str] = []
        """The request's fields that were looked at, in order."""
        self.failure: str | None = None
        """What went wrong last: the whole evaluation counts as failed."""
        self.messages: list[tuple[Level, str]] = []

    def answer(self, key: Key, ask: Ask, fallback: Any = None) -> Any:
        """What is known under `key`; raises Pending where nobody has asked yet."""
        if key not in self.answers:
            raise Pending(key, ask, fallback)
        return self.answers[key]

    def header(self, name: str) -> str:
        """A field of the request, "" where there is none; noted for Vary, unless it is Host, which answers vary by."""
        if name.lower() != "host" and name not in self.vary:
            self.vary.append(name)
        return received(self.x.headers_in.get(name))


def received(text: str | None) -> str:
    """A field's value or a query as expressions have all text, "" where there is none."""
    return "" if text is None else path_text(text)


def octets(text: str) -> bytes:
    """The bytes that a text of an expression stands for."""
    return text.encode("utf-8", "surrogateescape")


def text_of(data: bytes) -> str:
    """The text that stands for bytes; it ends at a NUL, as C's strings do."""
    return data.partition(b"\0")[0].decode("utf-8", "surrogateescape")
