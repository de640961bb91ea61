"""Which files an Include names: one file, a directory with all below it, or what matches a pattern.

Resolved lazily, one file at a time, because Apache reads each file before it looks for the next: what it finds
first is what it complains about first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from mpmserver.config.errors import ConfigError, ErrorKind
from mpmserver.config.fnmatch import Match, compile_fnmatch, has_wildcards

MAX_DEPTH = 128
"""How deep files may include files."""


def included_files(path: str, optional: bool) -> Iterator[str]:
    """The files that ``path`` (absolute) names, in Apache's order.

    A file that does not exist is named all the same, unless ``optional``: opening it makes the error. Raises
    ConfigError (without an origin) where a pattern matches nothing or a directory cannot be read.
    """
    if has_wildcards(path):
        return _matching("/", path.lstrip("/"), optional)
    return _whole(path, optional)


def _whole(path: str, optional: bool) -> Iterator[str]:
    """A file, or every file in and below a directory in alphabetical order."""
    if not os.path.isdir(path):
        if not optional or os.path.exists(path):
            yield path
        return
    for name in _listing(path, "Could not open config directory"):
        yield from _whole(os.path.join(path, name), optional)


def _matching(directory: str, pattern: str, optional: bool) -> Iterator[str]:
    """What ``pattern``, whose every component may have wildcards, names below ``directory``."""
    component, slash, rest = pattern.partition("/")
    if not has_wildcards(component):
        path = os.path.join(directory, component)
        if slash:
            yield from _matching(path, rest, optional)
        else:
            yield from _whole(path, optional)
        return
    for name in _matches(directory, component, bool(slash), optional):
        path = os.path.join(directory, name)
        yield from _matching(path, rest, optional) if rest else _whole(path, optional)


def _matches(directory: str, component: str, directories_only: bool, optional: bool) -> list[str]:
    if optional and not os.path.lexists(directory):
        return []
    matches = compile_fnmatch(component, Match.PERIOD)
    found = [
        name
        for name in _listing(directory, "Include/IncludeOptional: Could not open directory")
        if matches(name) and (not directories_only or os.path.isdir(os.path.join(directory, name)))
    ]
    if not found and not optional:
        raise _error(
            f"Include/IncludeOptional: No matches for the wildcard '{component}' in '{directory}', failing"
        )
    return found


def _listing(directory: str, complaint: str) -> list[str]:
    try:
        return sorted(os.listdir(directory), key=os.fsencode)
    except OSError as error:
        raise _error(f"{complaint} {directory}: {error.strerror}") from error


def _error(message: str) -> ConfigError:
    return ConfigError(message, kind=ErrorKind.READ)
