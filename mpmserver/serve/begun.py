"""The coroutine of an answer that has been begun without it: it has something to log, and perhaps to close."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from inspect import CORO_CREATED, getcoroutinestate
from typing import Any

from mpmserver.serve.outcome import Outcome


class Begun(Coroutine[Any, Any, Outcome]):
    """As the coroutine itself, but that what is thrown into it reaches the first place where it waits, at the earliest.

    A loop has coroutines queue up before they begin. A stop at once that finds one there would pass by all that it, and
    those that it is to wait for, do at their ends: no line in the log, no clean-ups.
    """

    __slots__ = ("_coroutine", "send")

    def __init__(self, coroutine: Coroutine[Any, Any, Outcome]) -> None:
        self._coroutine = coroutine
        self.send: Callable[[Any], Any] = coroutine.send

    def throw(self, *error: Any) -> Any:
        if getcoroutinestate(self._coroutine) == CORO_CREATED:
            self.send(None)
        return self._coroutine.throw(*error)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Outcome]:
        return self._coroutine.__await__()
