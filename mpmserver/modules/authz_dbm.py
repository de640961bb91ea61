"""mod_authz_dbm: Require dbm-group and Require dbm-file-group, by a DBM file of users and their groups.

A value is a list of groups with commas, or `password:groups`, in which what follows a second colon is ignored.
"""

from __future__ import annotations

import os

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_AUTHCFG, Directive, Shape
from mpmserver.config.settings import Settings, setting
from mpmserver.core import dbm
from mpmserver.core.auth import Authz, AuthzProvider, RequiredWords, no_words, required_words
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Module
from mpmserver.core.settings import Level
from mpmserver.records import dataclass


@dataclass(slots=True)
class GroupDbmDir(Settings):
    """AuthDBMGroupFile, absolute, and AuthzDBMType."""

    path: str | None = setting(None)
    kind: str = setting(dbm.DEFAULT)


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Apache's numbers for what can go wrong."""

    no_file: str
    not_in_it: str
    no_member: str


_GROUP = _Numbers("AH01798", "AH01800", "AH01801")
_FILE_GROUP = _Numbers("AH01802", "AH01804", "AH01805")
_EVALUATING = "AH02591: authz_dbm authorize: require dbm-group"


def _group_file(build: Build, name: str) -> None:
    build.dir(GroupDbmDir).path = build.resolve(name)


def _type(build: Build, name: str) -> None:
    build.dir(GroupDbmDir).kind = name


async def _check_group(x: Exchange, names: RequiredWords) -> Authz:
    """The user has to be a member of one of the groups."""
    groups = _groups_of(x, _GROUP)
    if isinstance(groups, Authz):
        return groups
    wanted = await names.of(x)
    if wanted is None:
        return Authz.DENIED
    if any(name in groups for name in wanted):
        return Authz.GRANTED
    return _failed(x, _GROUP.no_member, "user is not part of the 'require'ed group(s).")


async def _check_file_group(x: Exchange, parsed: None) -> Authz:
    """The user has to be a member of the group that the file belongs to."""
    groups = _groups_of(x, _FILE_GROUP)
    if isinstance(groups, Authz):
        return groups
    file_group = x.server.site.providers.get(("file", "group"))
    if file_group is None:
        x.server.log(Level.ERROR, "authz_dbm", "Require dbm-file-group needs mod_authz_owner", x)
        return Authz.GENERAL_ERROR
    if await file_group(x) in groups:
        return Authz.GRANTED
    return _failed(x, _FILE_GROUP.no_member, "user is not part of the 'require'ed group(s).")


def _groups_of(x: Exchange, numbers: _Numbers) -> tuple[str, ...] | Authz:
    """The groups of the user; the verdict where there are none."""
    if x.user is None:
        return Authz.DENIED_NO_USER
    settings = x.settings[GroupDbmDir]
    if settings.path is None:
        message = f"{numbers.no_file}: No group file was specified in the configuration"
        x.server.log(Level.ERROR, "authz_dbm", message, x)
        return Authz.DENIED
    try:
        value = dbm.fetch(settings.kind, settings.path, os.fsencode(x.user))
    except dbm.DbmError as error:
        message = f"AH01799: could not open dbm (type {settings.kind}) group access file: {settings.path}"
        x.server.log(Level.ERROR, "authz_dbm", f"{dbm.reason(error)}: {message}", x)
        return Authz.GENERAL_ERROR
    if value is None:
        return _failed(x, numbers.not_in_it, f"user doesn't appear in DBM group file ({settings.path}).")
    return _listed(os.fsdecode(value))


def _listed(value: str) -> tuple[str, ...]:
    """The groups in a value."""
    first, colon, rest = value.partition(":")
    return tuple((rest.partition(":")[0] if colon else first).split(","))


def _failed(x: Exchange, number: str, reason: str) -> Authz:
    message = f"{number}: Authorization of user {x.user} to access {x.uri} failed, reason: {reason}"
    x.server.log(Level.ERROR, "authz_dbm", message, x)
    return Authz.DENIED


MODULE = Module(
    "authz_dbm",
    directives=(
        Directive(
            "AuthDBMGroupFile", Shape.TAKE1, OR_AUTHCFG, _group_file,
            "database file containing group names and member user IDs",
        ),
        Directive("AuthzDBMType", Shape.TAKE1, OR_AUTHCFG, _type, "what type of DBM file the group file is"),
    ),
    dir_settings=GroupDbmDir,
    providers={
        ("authz", "dbm-group"): AuthzProvider(required_words("authz_dbm", _EVALUATING), _check_group),
        ("authz", "dbm-file-group"): AuthzProvider(no_words, _check_file_group),
    },
)  # fmt: skip
