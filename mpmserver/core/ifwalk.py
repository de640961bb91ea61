"""The walk over <If>, <ElseIf> and <Else>: which of them hold for a request. (ap_if_walk)

It follows each walk over <Location>s, and is done by the pipeline because conditions may wait (a subrequest for -U).
All conditions of one level are asked, those of the server first, then those of the sections that were found, in
their order; the sections that hold are merged with each other, then over the request's settings. Only then are those
inside of them asked, so an inner section comes behind all outer ones. A condition that fails does not hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpmserver.config.sections import Section
from mpmserver.core.settings import Level

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange


async def if_walk(x: Exchange) -> None:
    """Give the request the settings of the conditional sections that hold for it."""
    level = x.settings.ifs
    while level:
        holding = await _holding(x, level)
        if not holding:
            return
        x.world.resolver.adopt(x, x.server.merge((*x.settings.sections, *holding)))
        level = _inside(holding)


async def if_walk_escaped(x: Exchange) -> None:
    """The walk that Apache does before the path is unescaped, for PRE_TRANSLATE hooks; then all is asked anew.

    What is said meanwhile is logged at the server's own LogLevel. Where nobody would see the outcome or hear anything
    said, nothing is asked.
    """
    found, server = x.settings, x.server
    if not server.has_pre_translate and all(map(_is_quiet, found.ifs)) and not server.logs(Level.DEBUG, "core"):
        return
    x.settings = server.defaults
    chosen: list[Section] = []
    level = found.ifs
    while level:
        holding = await _holding(x, level)
        chosen += holding
        level = _inside(holding)
    x.world.resolver.adopt(x, server.merge((*found.sections, *chosen)) if chosen else found)


def _inside(holding: list[Section]) -> tuple[Section, ...]:
    return tuple(inner for section in holding for inner in section.ifs)


def _is_quiet(section: Section) -> bool:
    """Whether asking this condition, and those inside, leaves nothing behind but its answer."""
    heard = section.condition is not None and not section.condition.is_quiet
    return not heard and all(map(_is_quiet, section.ifs))


async def _holding(x: Exchange, level: tuple[Section, ...]) -> list[Section]:
    """The sections of one level that hold: of an <If> with what follows it, the first."""
    holding: list[Section] = []
    taken = False
    for section in level:
        if section.branch == "If":
            taken = False
        if not taken and (section.condition is None or await _holds(x, section)):
            taken = True
            holding.append(section)
    return holding


async def _holds(x: Exchange, section: Section) -> bool:
    condition = section.condition
    if condition.is_async:
        value, failure = await condition.evaluate_async(x)
    else:
        value, failure = condition.evaluate(x)
    if failure is not None:
        x.server.log(Level.ERROR, "core", f"AH00039: Failed to evaluate <If > condition: {failure}", x)
    return bool(value)
