"""Numbers as mod_status writes them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def general(value: float, digits: int = 6) -> str:
    """APR's %g: no zero before the point, and an exponent only where more than four zeros would be needed."""
    if not value:
        return "0"
    mantissa, exponent_text = f"{abs(value):.{digits - 1}e}".split("e")
    figures = mantissa.replace(".", "").rstrip("0")
    point = int(exponent_text) + 1
    sign = "-" if value < 0 else ""
    if point - len(figures) > 4 or point < -3:
        return f"{sign}{figures[0]}.{figures[1:]}e{point - 1:+03d}"
    if point <= 0:
        return f"{sign}.{'0' * -point}{figures}"
    whole = figures[:point].ljust(point, "0")
    return f"{sign}{whole}.{figures[point:]}".rstrip(".")


def short(value: float) -> str:
    """APR's %.3g."""
    return general(value, 3)


def byte_text(count: float) -> str:
    """A number of bytes with a unit."""
    if count < 5 * KIB:
        return f"{int(count)} B"
    if count < MIB / 2:
        return f"{count / KIB:.1f} kB"
    return f"{count / MIB:.1f} MB" if count < GIB / 2 else f"{count / GIB:.1f} GB"


def kbyte_text(count: int) -> str:
    """A number of kilobytes with a unit."""
    if count < KIB:
        return f"{count} kB"
    return f"{count / KIB:.1f} MB" if count < MIB else f"{count / MIB:.1f} GB"


def duration_text(seconds: int) -> str:
    """" 1 day 2 hours 3 minutes 4 seconds"; nothing for nothing."""
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    parts = ((days, "day"), (hours, "hour"), (minutes, "minute"), (rest, "second"))
    return "".join(f" {count} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count)


def local_time(seconds: int) -> str:
    """A moment as both forms of the report show it."""
    return time.strftime("%A, %d-%b-%Y %H:%M:%S %Z", time.localtime(seconds))


def wrapped(letters: str) -> str:
    """The scoreboard for the page: 64 letters a line."""
    return "\n".join(letters[start : start + 64] for start in range(0, len(letters), 64))


def pid_key(slots: Sequence[tuple[int, str]]) -> str:
    """The process id and state of each slot, three a line."""
    texts = [f"   {pid} in state: {' ' if letter == '.' else letter} " for pid, letter in slots]
    return "".join(",".join(texts[start : start + 3]) + "\n" for start in range(0, len(texts), 3))


FIGURES: Final[Mapping[str, Callable[..., Any]]] = {
    "g": general, "g3": short, "bytes": byte_text, "kbytes": kbyte_text, "duration": duration_text,
    "moment": local_time, "lines": wrapped, "pids": pid_key,
}  # fmt: skip
