"""Settings of one module in one section: sparse while built, merged by metadata, whole when finished.

A module declares its settings as a slotted dataclass:

    @dataclass(slots=True)
    class MimeDir(Settings):
        types: dict[str, str] = setting({}, merge="update")
        default_type: str | None = setting(None)

While a section is read, what no directive has set is `UNSET`, so merging knows it from a value. The
annotated types describe the *finished* object, in which every UNSET has become its field's default; that
is the only kind a request ever sees. A merge strategy is "replace" (the inner value wins), "append" (tuples
or lists, outer first) or "update" (dictionaries, inner keys win); a class with rules of its own (Options with
plus and minus, Remove*) overrides `merge`.

Finished objects are shared by all requests of a process and must not be changed.
"""

from __future__ import annotations

import enum
from collections.abc import Hashable
from functools import cache
from typing import Any, Literal, Self, TypeVar, cast

from mpmserver.records import dataclass, field, fields

Strategy = Literal["replace", "append", "update"]


class Unset(enum.Enum):
    """The type of the one value that means "no directive has set this"."""

    UNSET = enum.auto()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset.UNSET
T = TypeVar("T")
Fields = tuple[tuple[str, Any, Strategy], ...]


def setting(default: T, merge: Strategy = "replace") -> T:
    """Declare a field: its default in finished settings, and how an inner section's value joins the outer's."""
    return cast(T, field(default=UNSET, metadata={"default": default, "merge": merge}))


def is_set(value: Any) -> bool:
    """Whether a directive has set a field of sparse settings (whose annotations describe the finished ones)."""
    return value is not UNSET


@dataclass(slots=True)
class Settings:
    """The base of all settings classes."""

    @classmethod
    def merge(cls, outer: Self, inner: Self) -> Self:
        """Return new sparse settings: `inner` (the more specific section) over `outer`."""
        return cls(**{
            name: join_values(strategy, getattr(outer, name), getattr(inner, name))
            for name, _default, strategy in fields_of(cls)
        })

    def table(self, name: str) -> Any:
        """Return a dictionary field to add to, made when nothing has set it yet."""
        if getattr(self, name) is UNSET:
            setattr(self, name, {})
        return getattr(self, name)

    def append(self, name: str, *items: Any) -> None:
        """Add to a tuple field."""
        present = getattr(self, name)
        setattr(self, name, items if present is UNSET else (*present, *items))

    def finished(self) -> Self:
        """Return a copy in which every field that is UNSET has its default."""
        values: dict[str, Any] = {}
        for name, default, _strategy in fields_of(type(self)):
            value = getattr(self, name)
            values[name] = default if value is UNSET else value
        return type(self)(**values)


def fields_of(kind: type[Settings]) -> Fields:
    """The (name, default, strategy) of each field of a settings class."""
    return _fields(cast(Hashable, kind))


@cache
def _fields(kind: Any) -> Fields:
    return tuple(
        (one.name, one.metadata.get("default", None), one.metadata.get("merge", "replace"))
        for one in fields(kind)
    )


def join_values(strategy: Strategy, outer: Any, inner: Any) -> Any:
    """Join two values of one field, either of which may be UNSET."""
    if inner is UNSET:
        return outer
    if outer is UNSET or strategy == "replace":
        return inner
    if strategy == "update":
        return {**outer, **inner}
    return (*outer, *inner)
