"""mod_authn_file: users and passwords in a text file (htpasswd's)."""

from __future__ import annotations

import os
from dataclasses import dataclass

from mpmserver.config.build import Build, Configuration
from mpmserver.config.directive import OR_AUTHCFG, Directive, Shape
from mpmserver.config.settings import Settings, setting
from mpmserver.core.auth import Authn, AuthnProvider
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Module
from mpmserver.core.passwords import MissingLibrary, check_password, prepare
from mpmserver.core.settings import Level
from mpmserver.net.waits import offload


@dataclass(slots=True)
class FileDir(Settings):
    """AuthUserFile, absolute."""

    path: str | None = setting(None)


def _user_file(build: Build, name: str) -> None:
    build.dir(FileDir).path = build.resolve(name)


async def _check(x: Exchange, user: str, password: str) -> Authn:
    """Look the user up and compare passwords."""
    path = x.settings[FileDir].path
    if path is None:
        _log(x, "AH01619: AuthUserFile not specified in the configuration")
        return Authn.GENERAL_ERROR
    try:
        stored = _lookup(path, user)
    except OSError as error:
        reason = f"({error.errno}){os.strerror(error.errno or 0)}"
        _log(x, f"{reason}: AH01620: Could not open password file: {path}")
        return Authn.GENERAL_ERROR
    if stored is None:
        return Authn.USER_NOT_FOUND
    try:
        matches = await offload(check_password, password, stored)
    except MissingLibrary as error:
        _log(x, f"the password of user {user} in {path} has a format that needs a library: {error}")
        return Authn.GENERAL_ERROR
    return Authn.GRANTED if matches else Authn.DENIED


def _lookup(path: str, user: str) -> str | None:
    """The stored password of a user: the first line that names him; raises OSError."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        for line in map(str.strip, file):
            if not line or line.startswith("#"):
                continue
            name, _colon, rest = line.partition(":")
            if name == user:
                return rest.partition(":")[0]
    return None


def _log(x: Exchange, message: str) -> None:
    x.server.log(Level.ERROR, "authn_file", message, x)


def _prepare(configuration: Configuration) -> None:
    """The library is loaded before the fork where any section could ask for passwords."""
    hosts = (configuration.main, *configuration.virtual_hosts)
    sections = [section for host in hosts for section in (*host.directories, *host.files, *host.locations)]
    if any(FileDir in section.tables for section in sections):
        prepare()


MODULE = Module(
    "authn_file",
    directives=(
        Directive("AuthUserFile", Shape.TAKE1, OR_AUTHCFG, _user_file, "text file containing user IDs and passwords"),
    ),
    dir_settings=FileDir,
    providers={("authn", "file"): AuthnProvider(_check)},
    post_config=_prepare,
)
