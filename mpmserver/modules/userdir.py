"""mod_userdir: /~name/ leads to a directory of that user's.

UserDir names one or several places: a directory in the user's home, an absolute directory to which the name is
added, a pattern with the name in place of `*`, or a URL with such a star that clients are sent to. The first place
that exists is taken, and the last one in any case. Lists of users replace those of the main server in a
<VirtualHost> that says anything of UserDir at all.
"""

from __future__ import annotations

import pwd
from typing import Any

from mpmserver.config.build import Build
from mpmserver.config.directive import RSRC_CONF, Directive, Shape
from mpmserver.config.settings import Settings, setting
from mpmserver.config.syntax import take_word, words
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import HANDLED, Handled, Hook, Module, Phase, always
from mpmserver.http.errors import HTTPError
from mpmserver.http.text import path_octets
from mpmserver.net.waits import offload
from mpmserver.records import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """One word of UserDir as compiled: the user's name goes between `before` and `after`.

    `kind` is "directory" (a path), "url" (a redirect, with the rest of the URI behind the name), "home" (`after` is
    relative to the user's home).
    """

    kind: str
    before: str
    after: str


@dataclass(slots=True)
class UserDirServer(Settings):
    """What a server says; users are kept in lower case, in which Apache does not tell them apart."""

    places: tuple[Place, ...] = setting(())
    off: bool = setting(False)
    """For all but those that are enabled by name."""
    enabled: frozenset[str] = setting(frozenset())
    disabled: frozenset[str] = setting(frozenset())

    @classmethod
    def merge(cls, outer: UserDirServer, inner: UserDirServer) -> UserDirServer:
        merged = super().merge(outer, inner)
        merged.enabled, merged.disabled = inner.enabled, inner.disabled
        return merged


async def translate(x: Exchange) -> Handled | None:
    """Give /~name its file name, or send the client to its URL. Raises HTTPError 302."""
    uri = x.uri
    if not uri.startswith("/~"):
        return None
    name, slash, rest = uri[2:].partition("/")
    server = x.server[UserDirServer]
    if not _is_enabled(server, name):
        return None
    rest = slash + rest
    last = len(server.places) - 1
    for index, place in enumerate(server.places):
        if place.kind == "url":
            target = f"{place.before}{name}{rest}"
            x.headers_out.set("Location", path_octets(target))
            raise HTTPError(302)
        directory = await _directory(x, place, name)
        if directory is not None and (index == last or _exists(x, directory)):
            x.filename = directory + rest
            x.notes["context-prefix"] = uri[: len(uri) - len(rest)]
            x.notes["context-document-root"] = directory
            x.notes["mod_userdir_user"] = name
            return HANDLED
    return None


def _is_enabled(server: UserDirServer, name: str) -> bool:
    """Whether the name is one that places may be sought for."""
    key = name.lower()
    if name in ("", ".", "..") or key in server.disabled:
        return False
    return not server.off or key in server.enabled


def _exists(x: Exchange, path: str) -> bool:
    try:
        x.files.stat(path)
    except (OSError, ValueError):
        return False
    return True


async def _directory(x: Exchange, place: Place, name: str) -> str | None:
    if place.kind == "directory":
        return f"{place.before}{name}{place.after}"
    if x.memo is not None:
        x.memo.refuse("the users' homes")
    home = await offload(_home, name)
    return None if home is None else f"{home}/{place.after}"


def _home(name: str) -> str | None:
    """The home directory of a user; asking for it may take long (LDAP)."""
    try:
        return pwd.getpwnam(name).pw_dir
    except KeyError:
        return None


def user_dir(build: Build, arguments: str) -> None:
    """UserDir: a list of users that are enabled or disabled, or places."""
    word, rest = take_word(arguments)
    if not word:
        build.fail("UserDir requires an argument.")
    settings = build.server(UserDirServer)
    users = frozenset(user.lower() for user in words(rest))
    key = word.lower()
    if key in ("disable", "disabled"):
        _note(settings, "disabled", users, True)
    elif key in ("enable", "enabled"):
        _note(settings, "enabled", users, False)
    else:
        settings.places = tuple(map(_place, words(arguments)))


def _note(settings: UserDirServer, field: str, users: frozenset[str], off: bool) -> None:
    """Add users to a list; without any, all are meant."""
    if users:
        setattr(settings, field, (getattr(settings, field) or frozenset()) | users)
    else:
        settings.off = off


def _place(word: str) -> Place:
    """What a word means to Apache: a URL must have a star, behind which nothing counts; its manual promises more."""
    before, star, after = word.partition("*")
    if star and ":" in before:
        return Place("url", before, "")
    if star and (word.startswith("/") or not after):
        return Place("directory", before, after)
    if word.startswith("/"):
        return Place("directory", f"{word}/", "")
    return Place("home", "", after if star else word)


def _applies(settings: Any) -> bool:
    return bool(settings.server[UserDirServer].places)


MODULE = Module(
    "userdir",
    directives=(
        Directive(
            "UserDir", Shape.RAW_ARGS, RSRC_CONF, user_dir,
            "the public subdirectory in users' home directories, or 'disabled', or 'disabled username username...', "
            "or 'enabled username username...'",
        ),
    ),
    hooks=(Hook(Phase.TRANSLATE, translate, after=("alias",), before=("vhost_alias",), applies=_applies, pure=always),),
    server_settings=UserDirServer,
)  # fmt: skip
