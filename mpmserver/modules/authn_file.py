"""mod_authn_file: users and passwords in a text file, htpasswd's or for the Digest scheme htdigest's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_AUTHCFG, Directive, Shape
from mpmserver.config.settings import Settings, setting
from mpmserver.core.auth import Authn, AuthnProvider
from mpmserver.core.errorlog import os_error
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Module
from mpmserver.core.passwords import MissingLibrary, check_password
from mpmserver.core.settings import Level
from mpmserver.core.userfiles import prepare_for, read_lines
from mpmserver.net.waits import offload
from mpmserver.records import dataclass


@dataclass(slots=True)
class FileDir(Settings):
    """AuthUserFile, absolute."""

    path: str | None = setting(None)


def _user_file(build: Build, name: str) -> None:
    build.dir(FileDir).path = build.resolve(name)


async def _check(x: Exchange, user: str, password: str) -> Authn:
    """Look the user up and compare passwords."""
    lines = _open(x, "AH01619", "AH01620")
    if lines is None:
        return Authn.GENERAL_ERROR
    stored = _lookup(lines, user)
    if stored is None:
        return Authn.USER_NOT_FOUND
    try:
        matches = await offload(check_password, password, stored)
    except MissingLibrary as error:
        _log(x, f"the password of user {user} in {x.settings[FileDir].path} has a format that needs a library: {error}")
        return Authn.GENERAL_ERROR
    return Authn.GRANTED if matches else Authn.DENIED


def _realm_hash(x: Exchange, user: str, realm: str) -> str | Authn:
    """What htdigest has written for a user and realm."""
    lines = _open(x, "AH01621", "AH01622")
    if lines is None:
        return Authn.GENERAL_ERROR
    stored = _lookup(lines, f"{user}:{realm}") if ":" not in user and ":" not in realm else None
    return Authn.USER_NOT_FOUND if stored is None else stored


def _open(x: Exchange, unspecified: str, unreadable: str) -> Iterator[str] | None:
    """The lines of the file; None, and a message with one of these numbers, where it can't be read."""
    path = x.settings[FileDir].path
    if path is None:
        _log(x, f"{unspecified}: AuthUserFile not specified in the configuration")
        return None
    try:
        return read_lines(x, path)
    except OSError as error:
        _log(x, f"{os_error(error)}: {unreadable}: Could not open password file: {path}")
        return None


def _lookup(lines: Iterable[str], key: str) -> str | None:
    """What stands in the field behind `key`, in the first line that begins with it and a colon."""
    for line in lines:
        if line.startswith(key) and line[len(key) :][:1] in ("", ":"):
            return line[len(key) + 1 :].partition(":")[0]
    return None


def _log(x: Exchange, message: str) -> None:
    x.server.log(Level.ERROR, "authn_file", message, x)


MODULE = Module(
    "authn_file",
    directives=(
        Directive("AuthUserFile", Shape.TAKE1, OR_AUTHCFG, _user_file, "text file containing user IDs and passwords"),
    ),
    dir_settings=FileDir,
    providers={("authn", "file"): AuthnProvider(_check, _realm_hash)},
    post_config=partial(prepare_for, FileDir, "authuserfile"),
)
