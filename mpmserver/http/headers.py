"""An ordered, case-insensitive multi-map of header fields.

Theory: a list of ``(lower-case name, name as spelled, value)`` in order is the truth; beside it a dictionary has
for each lower-case name what ``get`` answers, several values joined. Every change keeps both in step: what is asked
or added often costs one look into the dictionary, what is rare (a name that stands twice) is joined anew. Values are
latin-1 ``str`` (RFC 9110 5.5: field values are octets), without leading and trailing white space.

Used on every request in both directions; one object belongs to one request and is never shared between
threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

_Field = tuple[str, str, str]

EVERYTHING = "*"
"""What is noted of whoever looks at all fields; asking for a field of this name may well count as much."""


class Headers:
    """Header fields of one message, with the operations of Apache's tables.

    ``get`` folds several fields of one name into one list value (RFC 9110 5.3), as Apache does when it
    reads a head.
    """

    __slots__ = ("_fields", "asked", "joined")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: list[_Field] = []
        self.joined: dict[str, str] = {}
        """What ``get`` answers, by lower-case name: for the parser, to read."""
        self.asked: set[str] | None = None
        """Where it is a set: the lower-case names that somebody has asked for, and ``*`` when all fields were looked
        at. Recall compares those fields before it gives an answer again. Nobody notes where it is None."""
        if pairs:
            for name, value in pairs:
                self.add(name, value)

    @classmethod
    def of_fields(cls, fields: list[_Field]) -> Headers:
        """Wrap a list of (lower-case name, name, value) without copying it; the caller lets go of it."""
        self = cls.__new__(cls)
        self._fields = fields
        self.joined = joined = {}
        self.asked = None
        for key, _, value in fields:
            joined[key] = value  # noqa: PERF403 (each request pays for this; a comprehension is a call more)
        if len(joined) != len(fields):  # a name stands twice
            self._join()
        return self

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value of ``name``, several joined by ``", "``; ``default`` where there is none."""
        key = name.lower()
        if self.asked is not None:
            self.asked.add(key)
        return self.joined.get(key, default)

    def first(self, name: str) -> str | None:
        """The value of the first field called ``name``."""
        key = name.lower()
        if self.asked is not None:
            self.asked.add(key)
        if key not in self.joined or len(self.joined) == len(self._fields):
            return self.joined.get(key)
        return next(value for low, _, value in self._fields if low == key)

    def get_all(self, name: str) -> list[str]:
        """Every value of ``name`` in order."""
        key = name.lower()
        if self.asked is not None:
            self.asked.add(key)
        if key not in self.joined:
            return []
        return [value for low, _, value in self._fields if low == key]

    def set(self, name: str, value: str) -> None:
        """Make ``value`` the only value of ``name``, in the place and the spelling of the first one that was there."""
        key = name.lower()
        fields = self._fields
        if key not in self.joined:
            fields.append((key, name, value))
        else:
            index = next(index for index, field in enumerate(fields) if field[0] == key)
            fields[index] = (key, fields[index][1], value)
            if len(self.joined) != len(fields):
                fields[index + 1 :] = [later for later in fields[index + 1 :] if later[0] != key]
        self.joined[key] = value

    def fill(self, fields: list[_Field]) -> None:
        """``set`` each of these (lower-case name, name, value), which all have different names; takes the list over."""
        if self._fields:
            for _, name, value in fields:
                self.set(name, value)
        else:
            self._fields = fields
            self.joined = {key: value for key, _, value in fields}

    def add(self, name: str, value: str) -> None:
        """Append a field, whether or not there is one of that name."""
        key = name.lower()
        before = self.joined.get(key)
        self._fields.append((key, name, value))
        self.joined[key] = value if before is None else f"{before}, {value}"

    def merge(self, name: str, value: str) -> None:
        """Append ``", value"`` to the first field of that name, or add the field."""
        key = name.lower()
        if key not in self.joined:
            self.add(name, value)
            return
        index = next(index for index, field in enumerate(self._fields) if field[0] == key)
        _, spelled, old = self._fields[index]
        self._fields[index] = (key, spelled, f"{old}, {value}")
        self._join()

    def unset(self, name: str) -> None:
        """Remove every field of that name."""
        key = name.lower()
        if key in self.joined:
            del self.joined[key]
            self._fields = [field for field in self._fields if field[0] != key]

    def replace_values(self, change: Callable[[str], str]) -> None:
        """Replace every value by what ``change`` makes of it."""
        self._fields = [(key, name, change(value)) for key, name, value in self._fields]
        self._join()

    def clear(self) -> None:
        """Remove every field."""
        self._fields = []
        self.joined = {}

    def extend(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Append many fields in order."""
        for name, value in pairs:
            self.add(name, value)

    def items(self) -> list[tuple[str, str]]:
        """All fields in order, each name as it was spelled."""
        self._look_at_all()
        return [(name, value) for _, name, value in self._fields]

    def lines(self) -> list[str]:
        """All fields in order as lines of a head, without their ends."""
        if self.asked is not None:
            self.asked.add(EVERYTHING)
        return [f"{name}: {value}" for _, name, value in self._fields]

    def has_any(self, names: frozenset[str]) -> bool:
        """Whether there is a field of any of these lower-case names."""
        if self.asked is not None:
            self.asked |= names
        return not names.isdisjoint(self.joined)

    def merged_items(self) -> list[tuple[str, str]]:
        """As ``items``, but the fields of one name joined in the place of the first (CGI variables)."""
        self._look_at_all()
        if len(self.joined) == len(self._fields):
            return [(name, value) for _, name, value in self._fields]
        spelled: dict[str, str] = {}
        for key, name, _ in self._fields:
            spelled.setdefault(key, name)
        return [(name, self.joined[key]) for key, name in spelled.items()]

    def copy(self) -> Headers:
        """An independent copy."""
        self._look_at_all()
        return Headers.of_fields(self._fields[:])

    def _join(self) -> None:
        """Make the dictionary anew."""
        values: dict[str, list[str]] = {}
        for key, _, value in self._fields:
            values.setdefault(key, []).append(value)
        self.joined = {key: ", ".join(each) for key, each in values.items()}

    def _look_at_all(self) -> None:
        if self.asked is not None:
            self.asked.add(EVERYTHING)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.items())

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        key = name.lower()
        if self.asked is not None:
            self.asked.add(key)
        return key in self.joined

    def __len__(self) -> int:
        self._look_at_all()
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        self._look_at_all()
        return [(k, v) for k, _, v in self._fields] == [(k, v) for k, _, v in other._fields]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({[(name, value) for _, name, value in self._fields]!r})"


class ChangedHeaders(Headers):
    """A request's fields from when a module has changed them: as Apache's table, where a name may stand twice.

    What was received under one name is one field, as always; of a field that was added beside it ``get`` sees nothing,
    and a script is told the last one.
    """

    __slots__ = ()

    @classmethod
    def of(cls, received: Headers) -> ChangedHeaders:
        """A copy of the fields as received."""
        return cls(received.merged_items())

    def get(self, name: str, default: str | None = None) -> str | None:
        value = self.first(name)
        return default if value is None else value

    def copy(self) -> ChangedHeaders:
        return ChangedHeaders(self.items())

    def merged_items(self) -> list[tuple[str, str]]:
        return self.items()
