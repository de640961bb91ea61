"""Asking the hooks of a phase, one after the other; and going on with what only waiting can tell.

Nearly nothing has to wait. So whatever might is a plain function that gives what it has to say, or, where it must wait,
a coroutine of that (`Waiting`); who asks looks which of the two it was. A request that waits for nothing thus costs no
coroutine on its way through the phases.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from mpmserver.core.module import HANDLED, Handled

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.plan import Steps

Waiting = Coroutine[Any, Any, Any]
"""What whoever has to wait gives in the place of what he would say: a coroutine of that."""


def run(steps: Steps, x: Exchange, passing: Handled | None = None) -> Any:
    """Ask hooks until one does not decline; returns HANDLED, its outcome, or None; where one waits a coroutine of that.

    `passing`: an outcome behind which the others are asked all the same, HANDLED in phases that run all hooks.
    """
    for step in steps:
        outcome = step.function(x)
        if outcome is None and x.trace is None:
            continue
        if type(outcome) is CoroutineType:
            return _run_waiting(steps[steps.index(step) :], x, passing, outcome)
        if x.trace is not None:
            x.trace(step.hook.phase.value[0], step.module, outcome)
        if outcome is not None and outcome is not passing:
            return outcome
    return None


async def _run_waiting(steps: Steps, x: Exchange, passing: Handled | None, begun: Waiting) -> Any:
    """Wait for what the first of these steps has begun; where that ends nothing, `run` asks the others."""
    outcome = await begun
    if x.trace is not None:
        x.trace(steps[0].hook.phase.value[0], steps[0].module, outcome)
    if outcome is None or outcome is passing:
        return await waited(run(steps[1:], x, passing))
    return outcome


async def waited(outcome: Any) -> Any:
    """What a step has said, or will say when it has waited."""
    return await outcome if type(outcome) is CoroutineType else outcome


async def run_first(steps: Steps, x: Exchange) -> Any:
    """As `run`, waited for."""
    outcome = run(steps, x)
    return await outcome if type(outcome) is CoroutineType else outcome


async def run_all(steps: Steps, x: Exchange) -> Any:
    """Ask all hooks; the first that answers or redirects ends the phase."""
    outcome = run(steps, x, HANDLED)
    return await outcome if type(outcome) is CoroutineType else outcome


async def then(begun: Waiting, go_on: Callable[[Any], Any]) -> Any:
    """Wait for what was begun, and go on with what it says."""
    outcome = go_on(await begun)
    return await outcome if type(outcome) is CoroutineType else outcome
