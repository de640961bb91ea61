"""mod_authn_dbm: users and passwords in a DBM file, keyed by the user's name, for the Digest scheme by user:realm.

A password ends at the first colon. The file is opened for each look-up.
"""

from __future__ import annotations

import os
from functools import partial

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_AUTHCFG, Directive, Shape
from mpmserver.config.settings import Settings, setting
from mpmserver.core import dbm
from mpmserver.core.auth import Authn, AuthnProvider
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Module
from mpmserver.core.passwords import MissingLibrary, check_password
from mpmserver.core.settings import Level
from mpmserver.core.userfiles import prepare_for
from mpmserver.net.waits import offload
from mpmserver.records import dataclass


@dataclass(slots=True)
class DbmDir(Settings):
    """AuthDBMUserFile, absolute, and AuthDBMType."""

    path: str | None = setting(None)
    kind: str = setting(dbm.DEFAULT)


def _user_file(build: Build, name: str) -> None:
    build.dir(DbmDir).path = build.resolve(name)


def _type(build: Build, name: str) -> None:
    build.dir(DbmDir).kind = name


async def _check(x: Exchange, user: str, password: str) -> Authn:
    """Look the user up and compare passwords."""
    stored = _stored(x, user)
    if not isinstance(stored, str):
        return stored
    try:
        matches = await offload(check_password, password, stored)
    except MissingLibrary as error:
        path = x.settings[DbmDir].path
        message = f"the password of user {user} in {path} has a format that needs a library: {error}"
        x.server.log(Level.ERROR, "authn_dbm", message, x)
        return Authn.GENERAL_ERROR
    return Authn.GRANTED if matches else Authn.DENIED


def _realm_hash(x: Exchange, user: str, realm: str) -> str | Authn:
    """What is stored for a user in a realm."""
    return _stored(x, f"{user}:{realm}")


def _stored(x: Exchange, key: str) -> str | Authn:
    """What stands before the first colon of a key's value."""
    settings = x.settings[DbmDir]
    try:
        value = dbm.fetch(settings.kind, settings.path or "", os.fsencode(key))
    except dbm.DbmError as error:
        message = f"AH10285: could not open dbm (type {settings.kind}) file: {settings.path or '(null)'}"
        x.server.log(Level.ERROR, "authn_dbm", f"{dbm.reason(error)}: {message}", x)
        return Authn.GENERAL_ERROR
    return Authn.USER_NOT_FOUND if value is None else os.fsdecode(value.partition(b":")[0])


MODULE = Module(
    "authn_dbm",
    directives=(
        Directive(
            "AuthDBMUserFile", Shape.TAKE1, OR_AUTHCFG, _user_file,
            "dbm database file containing user IDs and passwords",
        ),
        Directive("AuthDBMType", Shape.TAKE1, OR_AUTHCFG, _type, "what type of DBM file the user file is"),
    ),
    dir_settings=DbmDir,
    providers={("authn", "dbm"): AuthnProvider(_check, _realm_hash)},
    post_config=partial(prepare_for, DbmDir, "authdbmuserfile"),
)  # fmt: skip
