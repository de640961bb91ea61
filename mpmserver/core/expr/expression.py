"""A compiled expression: a `Condition`, which holds or doesn't, or a `StringExpression`, which has a text.

Both are values of the configuration and never change. Evaluating logs what Apache logs: the outcome at trace4, a
failure (a file that file() can't read) as an error; a failed condition does not hold, a failed text is empty. The names
of the request's fields that a condition looked at go into Vary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from mpmserver.core.expr.analysis import Traits
from mpmserver.core.expr.run import Captures, Key, Pending, Run, Unanswered
from mpmserver.core.settings import Level
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.config.node import Origin
    from mpmserver.core.exchange import Exchange

T = TypeVar("T", bool, str)
_OUTCOME: Final = Level.TRACE4
"""The level at which outcomes are told."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an expression was written, and the module of its directive, which logs what becomes of it."""

    origin: Origin
    module: str


class _Expression(Generic[T]):
    """What conditions and texts have in common: one evaluation, driven to its end."""

    __slots__ = ("_evaluate", "asks_user", "is_async", "is_pure", "is_quiet", "place", "text", "vary")

    nothing: T
    words: str

    def __init__(
        self, text: str, place: Place, evaluate: Callable[[Run], T], traits: Traits, vary: bool
    ) -> None:
        self.text = text
        """As written."""
        self.place = place
        self.is_async = traits.is_async
        """Whether the methods named async are to be used: it may take a subrequest, or DNS, and so perhaps wait."""
        self.is_pure = traits.is_pure
        """Whether its outcome depends on the request's head and the file that it leads to, and nothing else."""
        self.asks_user = traits.asks_user
        """Whether it looks at %{REMOTE_USER}: another answer may come when the client has logged in."""
        self.is_quiet = traits.is_quiet
        """Whether evaluating it leaves nothing in the error log, unless that is to have all details."""
        self.vary = vary
        self._evaluate: Callable[[Run], T] = evaluate

    def evaluate(self, x: Exchange, captures: Captures | None = None) -> tuple[T, str | None]:
        """The outcome for a request, and why there is none where evaluating failed."""
        answers: dict[Key, Any] = {}
        while True:
            run = Run(x, self.place.origin, None if captures is None else captures.match, answers)
            try:
                value = self._evaluate(run)
            except Pending as pending:
                try:
                    answers[pending.key] = pending.without_waiting()
                except Unanswered as unanswered:
                    run.failure = str(unanswered)
                    return self._finish(run, self.nothing, captures)
            else:
                return self._finish(run, value, captures)

    async def evaluate_async(self, x: Exchange, captures: Captures | None = None) -> tuple[T, str | None]:
        """As `evaluate`, waiting for what must be waited for."""
        answers: dict[Key, Any] = {}
        while True:
            run = Run(x, self.place.origin, None if captures is None else captures.match, answers)
            try:
                value = self._evaluate(run)
            except Pending as pending:
                answers[pending.key] = await pending.ask()
            else:
                return self._finish(run, value, captures)

    def _finish(self, run: Run, value: T, captures: Captures | None) -> tuple[T, str | None]:
        """Log, note the fields for Vary, and hand on what was captured."""
        x, module = run.x, self.place.module
        if run.messages:
            for level, message in run.messages:
                x.server.log(level, module, message, x)
        if captures is not None:
            captures.match = run.captures.match
        if run.failure is not None:
            message = f"Evaluation of expression from {self.place.origin} failed: {run.failure}"
            x.server.log(Level.ERROR, module, message, x)
            return self.nothing, run.failure
        if x.server.logs(_OUTCOME, module, x):
            message = f"{self.words} from {self.place.origin} gave: {self._shown(value)}"
            x.server.log(_OUTCOME, module, message, x)
        if self.vary and run.vary:
            x.headers_out.merge("Vary", ", ".join(run.vary))
        return value, None

    def _shown(self, value: T) -> object:
        return value


class Condition(_Expression[bool]):
    """An expression that is true or false."""

    __slots__ = ()

    nothing = False
    words = "Evaluation of expression"

    def test(self, x: Exchange, captures: Captures | None = None) -> bool:
        """Whether it holds for a request; False where evaluating failed. One that `is_async` fails
        where it would have to wait."""
        return self.evaluate(x, captures)[0]

    async def test_async(self, x: Exchange, captures: Captures | None = None) -> bool:
        """As `test`, for any condition."""
        return (await self.evaluate_async(x, captures))[0]

    def _shown(self, value: bool) -> object:
        return int(value)


class StringExpression(_Expression[str]):
    """A text with variables in it; `constant` is the text where there are none."""

    __slots__ = ("constant",)

    nothing = ""
    words = "Evaluation of string expression"

    def __init__(
        self, text: str, place: Place, evaluate: Callable[[Run], str], traits: Traits, constant: str | None
    ) -> None:
        super().__init__(text, place, evaluate, traits, vary=False)
        self.constant = constant

    def evaluate(self, x: Exchange, captures: Captures | None = None) -> tuple[str, str | None]:
        """As any expression's; a constant needs no evaluation, and nothing is logged of it."""
        return super().evaluate(x, captures) if self.constant is None else (self.constant, None)

    async def evaluate_async(self, x: Exchange, captures: Captures | None = None) -> tuple[str, str | None]:
        """As `evaluate`, for any text."""
        return await super().evaluate_async(x, captures) if self.constant is None else (self.constant, None)

    def expand(self, x: Exchange, captures: Captures | None = None) -> str:
        """Its text for a request; "" where evaluating failed. One that `is_async` fails
        where it would have to wait."""
        return self.evaluate(x, captures)[0]

    async def expand_async(self, x: Exchange, captures: Captures | None = None) -> str:
        """As `expand`, for any text."""
        return (await self.evaluate_async(x, captures))[0]
