"""An ordered, case-insensitive multi-map of header fields.

Theory: a list of ``(lower-case name, name as spelled, value)`` in order is the truth. Requests carry
about a dozen fields, where a linear search is cheaper than keeping an index in step. Values are latin-1
``str`` (RFC 9110 5.5: field values are octets), without leading and trailing white space.

Used on every request in both directions; one object belongs to one request and is never shared between
threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

_Field = tuple[str, str, str]


class Headers:
    """Header fields of one message, with the operations of Apache's tables.

    ``get`` folds several fields of one name into one list value (RFC 9110 5.3), as Apache does when it
    reads a head.
    """

    __slots__ = ("_fields",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: list[_Field] = [(name.lower(), name, value) for name, value in pairs]

    @classmethod
    def of_fields(cls, fields: list[_Field]) -> Headers:
        """Wrap a list of (lower-case name, name, value) without copying it; the caller lets go of it."""
        self = cls.__new__(cls)
        self._fields = fields
        return self

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value of ``name``, several joined by ``", "``; ``default`` where there is none."""
        key = name.lower()
        found: str | None = None
        for low, _, value in self._fields:
            if low == key:
                found = value if found is None else f"{found}, {value}"
        return default if found is None else found

    def first(self, name: str) -> str | None:
        """The value of the first field called ``name``."""
        key = name.lower()
        return next((value for low, _, value in self._fields if low == key), None)

    def get_all(self, name: str) -> list[str]:
        """Every value of ``name`` in order."""
        key = name.lower()
        return [value for low, _, value in self._fields if low == key]

    def set(self, name: str, value: str) -> None:
        """Make ``value`` the only value of ``name``, in the place and the spelling of the first one that was there."""
        key = name.lower()
        fields = self._fields
        for index, field in enumerate(fields):
            if field[0] == key:
                fields[index] = (key, field[1], value)
                fields[index + 1 :] = [later for later in fields[index + 1 :] if later[0] != key]
                return
        fields.append((key, name, value))

    def add(self, name: str, value: str) -> None:
        """Append a field, whether or not there is one of that name."""
        self._fields.append((name.lower(), name, value))

    def merge(self, name: str, value: str) -> None:
        """Append ``", value"`` to the first field of that name, or add the field."""
        key = name.lower()
        for index, (low, spelled, old) in enumerate(self._fields):
            if low == key:
                self._fields[index] = (low, spelled, f"{old}, {value}")
                return
        self._fields.append((key, name, value))

    def unset(self, name: str) -> None:
        """Remove every field of that name."""
        key = name.lower()
        if any(field[0] == key for field in self._fields):
            self._fields = [field for field in self._fields if field[0] != key]

    def replace_values(self, change: Callable[[str], str]) -> None:
        """Replace every value by what ``change`` makes of it."""
        self._fields = [(key, name, change(value)) for key, name, value in self._fields]

    def clear(self) -> None:
        """Remove every field."""
        self._fields = []

    def extend(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Append many fields in order."""
        self._fields.extend((name.lower(), name, value) for name, value in pairs)

    def items(self) -> list[tuple[str, str]]:
        """All fields in order, each name as it was spelled."""
        return [(name, value) for _, name, value in self._fields]

    def merged_items(self) -> list[tuple[str, str]]:
        """As ``items``, but the fields of one name joined in the place of the first (CGI variables)."""
        joined: dict[str, tuple[str, str]] = {}
        for key, name, value in self._fields:
            before = joined.get(key)
            joined[key] = (name, value) if before is None else (before[0], f"{before[1]}, {value}")
        return list(joined.values())

    def copy(self) -> Headers:
        """An independent copy."""
        return Headers.of_fields(self._fields[:])

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.items())

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        key = name.lower()
        return any(field[0] == key for field in self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return [(k, v) for k, _, v in self._fields] == [(k, v) for k, _, v in other._fields]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({self.items()!r})"


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
