"""Dataclasses whose methods are written when they are first called.

`dataclasses` writes and compiles up to six methods for each class while it is imported. For the two hundred of this
server that took a third of its start, and most of these methods are never called. Here a class gets its slots and
stubs at once; the first call of `__init__`, `__eq__` or `__hash__` writes that method, as `dataclasses` would have
written it, and puts it in the place of the stub.

What this server uses is here, and behaves as in `dataclasses`: `dataclass` with `frozen` and `eq`, and always with
slots; `field`, `fields`, `replace`, `__post_init__`, inheritance, ClassVar.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from reprlib import recursive_repr
from types import MappingProxyType
from typing import Any, Final, Literal, TypeVar, cast, dataclass_transform

T = TypeVar("T")


class _Missing:
    """The type of MISSING."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final[Any] = _Missing()
"""No default; and, for an argument that a factory makes, not given."""


class FrozenError(AttributeError):
    """Somebody tried to change a frozen record."""


class Field:
    """One field of a record."""

    __slots__ = ("compare", "default", "default_factory", "init", "metadata", "name", "repr")
    __hash__ = None  # type: ignore[assignment] # so `dataclasses` refuses it as a default, where both are mixed up

    def __init__(
        self, default: Any, default_factory: Any, *, init: bool, repr: bool, compare: bool, metadata: Mapping[str, Any]
    ) -> None:
        self.name = ""
        self.default = default
        self.default_factory = default_factory
        self.init = init
        self.repr = repr
        self.compare = compare
        self.metadata = metadata


_NO_METADATA: Final[Mapping[str, Any]] = MappingProxyType({})


def field(
    *,
    default: Any = MISSING,
    default_factory: Callable[[], Any] | Any = MISSING,
    init: bool = True,
    repr: bool = True,
    compare: bool = True,
    metadata: Mapping[str, Any] = _NO_METADATA,
) -> Any:
    """What `dataclasses.field` is: everything about a field but its name."""
    return Field(default, default_factory, init=init, repr=repr, compare=compare, metadata=metadata)


@dataclass_transform(field_specifiers=(field,))
def dataclass(*, slots: Literal[True], frozen: bool = False, eq: bool = True) -> Callable[[type[T]], type[T]]:
    """What `dataclasses.dataclass` is. `slots` has to be said, because this is what `dataclass` doesn't do unasked."""
    return partial(_made, frozen=frozen, eq=eq)


def fields(record: Any) -> tuple[Field, ...]:
    """The fields of a record or of its class, those of its bases first."""
    found: tuple[Field, ...] = record.__record_fields__
    return found


def replace(record: T, /, **changes: Any) -> T:
    """A copy of a record with other values for some of its fields."""
    values = {one.name: getattr(record, one.name) for one in fields(record) if one.init}
    return type(record)(**(values | changes))


def _made(cls: type[T], *, frozen: bool, eq: bool) -> type[T]:
    """The class once more: with slots, for they can't be added, and with stubs."""
    own = _own_fields(cls)
    inherited = {one.name: one for base in reversed(cls.__mro__[1:]) for one in base.__dict__.get(_FIELDS, ())}
    found = tuple({**inherited, **own}.values())
    body = dict(cls.__dict__)
    for name in (*own, "__dict__", "__weakref__"):
        body.pop(name, None)
    body["__slots__"] = tuple(name for name in own if name not in inherited)
    body[_FIELDS] = found
    body["__qualname__"] = cls.__qualname__
    body.setdefault("__match_args__", tuple(one.name for one in found if one.init))
    body.setdefault("__repr__", _repr)
    metaclass: Any = type(cls)
    made: type[T] = metaclass(cls.__name__, cls.__bases__, body)
    _tell_super(made, body)
    _add(made, "__init__", partial(_write_init, frozen=frozen))
    if frozen:
        type.__setattr__(made, "__setattr__", _refuse)
        type.__setattr__(made, "__delattr__", _refuse)
    if eq and "__eq__" not in body:
        _add(made, "__eq__", _write_eq)
        if "__hash__" not in body:
            type.__setattr__(made, "__hash__", None)
    if eq and frozen and body.get("__hash__") is None:
        _add(made, "__hash__", _write_hash)
    return made


_FIELDS: Final = "__record_fields__"


def _tell_super(made: type, body: Mapping[str, Any]) -> None:
    """Have `super()` without arguments find this class: it looks into a cell that all methods of a class share."""
    for value in body.values():
        function = getattr(value, "__func__", value)
        if "__class__" in getattr(getattr(function, "__code__", None), "co_freevars", ()):
            function.__closure__[function.__code__.co_freevars.index("__class__")].cell_contents = made
            return


def _own_fields(cls: type) -> dict[str, Field]:
    """The fields that a class itself declares; what stands behind "=" in its body is a default or a Field."""
    found = {}
    for name, annotation in cls.__annotations__.items():
        if not str(annotation).startswith(("ClassVar", "typing.ClassVar")):
            value = cls.__dict__.get(name, MISSING)
            one = found[name] = value if isinstance(value, Field) else field(default=value)
            one.name = name
    return found


# The methods: each is a stub until it is first called


def _add(cls: type, name: str, write: Callable[[type], Callable[..., Any]]) -> None:
    """Give a class the stub of a method that `write` can write."""

    def stub(*arguments: Any, **named: Any) -> Any:
        method = write(cls)
        type.__setattr__(cls, name, method)
        return method(*arguments, **named)

    stub.__name__ = name
    stub.__qualname__ = f"{cls.__qualname__}.{name}"
    type.__setattr__(cls, name, stub)


def _compiled(cls: type, name: str, parameters: Iterable[str], body: Iterable[str], names: dict[str, Any]) -> Any:
    """The function of this source, in which `names` are known."""
    lines = "\n ".join(body)
    source = f"def {name}({', '.join(parameters)}):\n {lines}\n"
    exec(compile(source, f"<{cls.__qualname__}.{name}>", "exec"), names)
    method = names.pop(name)
    method.__qualname__ = f"{cls.__qualname__}.{name}"
    return method


def _write_init(cls: type, frozen: bool) -> Callable[..., Any]:
    """`__init__`; in a frozen class by the slots' own setters, for `__setattr__` refuses."""
    names: dict[str, Any] = {"_MISSING": MISSING}
    parameters, body = ["self"], []
    for one in fields(cls):
        name, value, given = one.name, one.name, one.default is not MISSING
        if one.default_factory is not MISSING:
            names[f"_make_{name}"], given = one.default_factory, True
            value = f"_make_{name}() if {name} is _MISSING else {name}" if one.init else f"_make_{name}()"
        elif given:
            value = name if one.init else f"_default_{name}"
        if given:
            names[f"_default_{name}"] = one.default
        if one.init:
            parameters.append(f"{name}=_default_{name}" if given else name)
        elif not given:
            continue
        if frozen:
            names[f"_set_{name}"] = getattr(cls, name).__set__
        body.append(f"_set_{name}(self, {value})" if frozen else f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    return cast(Callable[..., Any], _compiled(cls, "__init__", parameters, body or ["pass"], names))


def _write_eq(cls: type) -> Callable[..., Any]:
    ours, theirs = (_values(cls, whose) for whose in ("self", "other"))
    body = ("if other.__class__ is self.__class__:", f" return {ours} == {theirs}", "return NotImplemented")
    return cast(Callable[..., Any], _compiled(cls, "__eq__", ("self", "other"), body, {}))


def _write_hash(cls: type) -> Callable[..., Any]:
    body = (f"return hash({_values(cls, 'self')})",)
    return cast(Callable[..., Any], _compiled(cls, "__hash__", ("self",), body, {}))


def _values(cls: type, whose: str) -> str:
    """The tuple of what is compared, as source."""
    return "(" + "".join(f"{whose}.{one.name}, " for one in fields(cls) if one.compare) + ")"


@recursive_repr()
def _repr(self: Any) -> str:
    shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{type(self).__qualname__}({shown})"


def _refuse(self: Any, name: str, *_value: Any) -> None:
    raise FrozenError(f"cannot change {name!r} of a frozen {type(self).__name__}")
