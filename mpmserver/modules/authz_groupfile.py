"""mod_authz_groupfile: Require group and Require file-group, by a text file of groups and their members.

The names of groups are compared without case (they are keys of a table in Apache), those of users with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mpmserver.config.directive import OR_AUTHCFG, Directive, Shape
from mpmserver.config.settings import Settings, setting
from mpmserver.config.syntax import words
from mpmserver.core.auth import Authz, AuthzProvider, RequiredWords, no_words, required_words
from mpmserver.core.errorlog import os_error
from mpmserver.core.module import Module
from mpmserver.core.settings import Level
from mpmserver.core.userfiles import read_lines
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.config.build import Build
    from mpmserver.core.exchange import Exchange


@dataclass(slots=True)
class GroupDir(Settings):
    """AuthGroupFile, absolute."""

    path: str | None = setting(None)


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Apache's numbers and levels for what can go wrong."""

    no_file: str
    unreadable: str
    not_in_it: str
    not_in_it_level: Level


_GROUP = _Numbers("AH01664", "AH01665", "AH01666", Level.INFO)
_FILE_GROUP = _Numbers("AH01668", "AH01669", "AH01670", Level.ERROR)


_EVALUATING = "AH02592: authz_groupfile authorize: require group"


def _group_file(build: Build, name: str) -> None:
    build.dir(GroupDir).path = build.resolve(name)


async def _check_group(x: Exchange, names: RequiredWords) -> Authz:
    """The user has to be a member of one of the groups."""
    if x.user is None:
        return Authz.DENIED_NO_USER
    groups = _groups_of(x, x.user, _GROUP)
    if not groups:
        return Authz.DENIED
    wanted = await names.of(x)
    if wanted is None:
        return Authz.DENIED
    if any(name.lower() in groups for name in wanted):
        return Authz.GRANTED
    _failed(x, Level.DEBUG, "AH01667", "user is not part of the 'require'ed group(s).")
    return Authz.DENIED


async def _check_file_group(x: Exchange, parsed: None) -> Authz:
    """The user has to be a member of the group that the file belongs to."""
    if x.user is None:
        return Authz.DENIED_NO_USER
    groups = _groups_of(x, x.user, _FILE_GROUP)
    if not groups:
        return Authz.DENIED
    file_group = x.server.site.providers.get(("file", "group"))
    if file_group is None:
        x.server.log(Level.ERROR, "authz_groupfile", "Require file-group needs mod_authz_owner", x)
        return Authz.GENERAL_ERROR
    name = await file_group(x)
    if name is None:
        return Authz.DENIED
    if name.lower() in groups:
        return Authz.GRANTED
    _failed(x, Level.DEBUG, "AH01671", "user is not part of the 'require'ed file group.")
    return Authz.DENIED


def _groups_of(x: Exchange, user: str, numbers: _Numbers) -> frozenset[str]:
    """The groups of a user, in lower case; where there are none it has been logged why."""
    path = x.settings[GroupDir].path
    if path is None:
        message = f"{numbers.no_file}: No group file was specified in the configuration"
        x.server.log(Level.ERROR, "authz_groupfile", message, x)
        return frozenset()
    try:
        groups = frozenset(_memberships(read_lines(x, path), user))
    except OSError as error:
        message = f"{os_error(error)}: {numbers.unreadable}: Could not open group file: {path}"
        x.server.log(Level.ERROR, "authz_groupfile", message, x)
        return frozenset()
    if not groups:
        _failed(x, numbers.not_in_it_level, numbers.not_in_it, f"user doesn't appear in group file ({path}).")
    return groups


def _memberships(lines: Iterable[str], user: str) -> Iterable[str]:
    for line in lines:
        name, _colon, members = line.partition(":")
        if user in members and user in words(members):
            yield name.rstrip(" \t\v\f\r").lower()


def _failed(x: Exchange, level: Level, number: str, reason: str) -> None:
    message = f"{number}: Authorization of user {x.user} to access {x.uri} failed, reason: {reason}"
    x.server.log(level, "authz_groupfile", message, x)


MODULE = Module(
    "authz_groupfile",
    directives=(
        Directive("AuthGroupFile", Shape.TAKE1, OR_AUTHCFG, _group_file,
            "text file containing group names and member user IDs"),
    ),
    dir_settings=GroupDir,
    providers={
        ("authz", "group"): AuthzProvider(required_words("authz_groupfile", _EVALUATING), _check_group),
        ("authz", "file-group"): AuthzProvider(no_words, _check_file_group),
    },
)  # fmt: skip
