"""RewriteMap: what a map's source means, and the maps themselves, a file for each kind."""

from __future__ import annotations

import os
from collections.abc import Callable

from mpmserver.config.build import Build
from mpmserver.core import dbm
from mpmserver.modules.rewrite.maps.base import RewriteMap
from mpmserver.modules.rewrite.maps.database import DbmMap
from mpmserver.modules.rewrite.maps.internal import FUNCTIONS, InternalMap
from mpmserver.modules.rewrite.maps.program import ProgramMap, arguments_of
from mpmserver.modules.rewrite.maps.text import RandomMap, TextMap

__all__ = ["ProgramMap", "RewriteMap", "make_map"]


def make_map(build: Build, name: str, source: str, options: str = "") -> RewriteMap:
    """Return the map of RewriteMap `name` `source` `options`; fails in Apache's words.

    A source without a kind is the name of a text file.
    """
    lower = source.lower()
    for kind, make in _KINDS.items():
        if lower.startswith(f"{kind}:"):
            return make(build, name, source[len(kind) + 1 :], options)
    if lower.startswith("dbm"):
        return _dbm(build, name, source)
    return _text(build, name, source, options)


def _text(build: Build, name: str, source: str, options: str) -> RewriteMap:
    return TextMap(name, _existing(build, name, build.resolve(source)))


def _random(build: Build, name: str, source: str, options: str) -> RewriteMap:
    return RandomMap(name, _existing(build, name, build.resolve(source)))


def _dbm(build: Build, name: str, source: str) -> RewriteMap:
    before, colon, path = source.partition(":")
    if not colon or (before[3:] and before[3] != "="):
        build.fail(f"RewriteMap: bad map:{source}")
    kind = before[4:] if before[3:] else dbm.DEFAULT
    if not dbm.is_known(kind):
        build.fail(f"RewriteMap: dbm type {kind} is invalid")
    found = DbmMap(name, build.resolve(path), kind)
    _existing(build, name, found.files[0])
    return found


def _program(build: Build, name: str, source: str, options: str) -> RewriteMap:
    arguments = arguments_of(source) or [""]
    arguments[0] = build.resolve(arguments[0]) or build.resolve(".")
    _existing(build, name, arguments[0])
    return ProgramMap(name, arguments, options)


def _internal(build: Build, name: str, source: str, options: str) -> RewriteMap:
    if source not in FUNCTIONS:
        build.fail(f"RewriteMap: internal map not found:{source}")
    return InternalMap(name, source)


def _database(build: Build, name: str, source: str, options: str) -> RewriteMap:
    build.fail("RewriteMap types dbd and fastdbd require mod_dbd!")


def _existing(build: Build, name: str, path: str) -> str:
    if not os.path.exists(path):
        build.fail(f"RewriteMap: file for map {name} not found:{path}")
    return path


_KINDS: dict[str, Callable[[Build, str, str, str], RewriteMap]] = {
    "txt": _text, "rnd": _random, "prg": _program, "int": _internal, "dbd": _database, "fastdbd": _database,
}  # fmt: skip
