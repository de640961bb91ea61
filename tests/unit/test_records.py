"""records.py: what is used of dataclasses behaves as there."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from mpmserver import records
from mpmserver.records import FrozenError, dataclass, field, fields, replace


@dataclass(slots=True)
class Animal:
    name: str
    legs: int = 4
    kinds: ClassVar[list[str]] = []
    tags: list[str] = field(default_factory=list)

    @classmethod
    def made(cls, name: str) -> Animal:
        return cls(name)

    def noise(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Place:
    """Has a docstring, an own field order, and one value that isn't compared."""

    path: str
    line: int = field(default=0, compare=False)
    length: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", len(self.path))


@dataclass(slots=True)
class Dog(Animal):
    legs: int = 3
    owner: str | None = None

    @classmethod
    def made(cls, name: str) -> Animal:
        return super().made(name.upper())

    def noise(self) -> str:
        return super().noise() + "wuff"


@dataclass(slots=True, eq=False)
class Thing:
    name: str


@dataclass(frozen=True, slots=True)
class Silent:
    secret: str = field(default="x", repr=False)
    count: int = field(init=False, default=7)
    made: tuple[int, ...] = field(init=False, default_factory=lambda: (1, 2))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Silent)

    def __hash__(self) -> int:
        return 11


def test_arguments_and_defaults() -> None:
    assert (Animal("cat").legs, Animal("ant", 6).legs, Animal(name="spider", legs=8).legs) == (4, 6, 8)
    one, other = Animal("a"), Animal("b")
    one.tags.append("wild")
    assert other.tags == []
    assert Animal("a", tags=["x"]).tags == ["x"]
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'name'"):
        Animal()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'wings'"):
        Animal("bird", wings=2)  # type: ignore[call-arg]


def test_records_have_slots_and_nothing_else() -> None:
    with pytest.raises(AttributeError):
        Animal("a").colour = "red"  # type: ignore[attr-defined]
    assert not hasattr(Animal("a"), "__dict__")
    assert not hasattr(Dog("a"), "__dict__")
    assert vars(Dog)["__slots__"] == ("owner",)


def test_frozen_ones_refuse() -> None:
    place = Place("/x")
    with pytest.raises(FrozenError, match="cannot change 'path' of a frozen Place"):
        place.path = "/y"  # type: ignore[misc]
    with pytest.raises(FrozenError):
        del place.path
    assert (place.path, place.length) == ("/x", 2)


def test_equality_and_hash() -> None:
    assert Place("/x", 1) == Place("/x", 2)
    assert Place("/x") != Place("/y")
    assert hash(Place("/x", 1)) == hash(Place("/x", 2))
    assert Animal("a") == Animal("a")
    assert Animal("a") != Dog("a", 4)
    assert Animal("a").__eq__(("a", 4, [])) is NotImplemented
    with pytest.raises(TypeError, match="unhashable"):
        hash(Animal("a"))
    thing = Thing("x")
    assert thing != Thing("x")
    assert hash(thing) == object.__hash__(thing)


def test_what_a_class_defines_itself_stays() -> None:
    assert Silent("a") == Silent("b")
    assert hash(Silent()) == 11
    assert repr(Silent()) == "Silent(count=7, made=(1, 2))"


def test_inheritance() -> None:
    dog = Dog("rex", owner="me")
    assert (dog.legs, dog.tags, dog.owner) == (3, [], "me")
    assert [one.name for one in fields(Dog)] == ["name", "legs", "tags", "owner"]
    assert isinstance(dog, Animal)
    assert (Dog.made("rex"), dog.noise()) == (Dog("REX"), "wuff")


def test_replace_and_match() -> None:
    assert replace(Dog("rex"), name="max") == Dog("max")
    assert replace(Place("/x", 3), path="/longer").length == 7
    match Place("/x", 5):
        case Place(path, line):
            assert (path, line) == ("/x", 5)


def test_the_same_text_as_dataclasses() -> None:
    theirs = dataclasses.make_dataclass("Animal", [("name", str), ("legs", int), ("tags", list)])("a", 4, [])
    assert repr(Animal("a")) == repr(theirs)
    animal: Any = Animal("a")
    animal.tags.append(animal)
    assert repr(animal) == "Animal(name='a', legs=4, tags=[...])"


@pytest.mark.parametrize("decorate", [dataclass(slots=True), dataclass(slots=True, frozen=True)])
def test_methods_are_written_at_their_first_call(decorate: Callable[[type], type]) -> None:
    class Plain:
        value: int

    made: Any = decorate(Plain)
    stub = made.__init__
    made(1)
    assert made.__init__ is not stub
    written = made.__init__
    made(2)
    assert made.__init__ is written
    assert written.__qualname__.endswith("Plain.__init__")


def test_dataclasses_of_python_refuse_our_fields() -> None:
    with pytest.raises(ValueError, match="mutable default"):

        @dataclasses.dataclass
        class Mixed:
            value: int = records.field(default=1)
