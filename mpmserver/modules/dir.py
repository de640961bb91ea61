"""mod_dir: the slash at a directory's end, its index files, and a resource for what does not exist.

All of it happens in FIXUP, after every other module had its say. An index is looked up as a subrequest, so whatever
forbids, redirects or rewrites the index file holds for the directory too; the request then goes on as that
subrequest. What was tried is left in the note "dir-index-names" for mod_autoindex's message.
"""

from __future__ import annotations

import stat
from collections.abc import Coroutine
from typing import Any

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_INDEXES, Directive, Shape
from mpmserver.config.settings import Settings, is_set, setting
from mpmserver.config.syntax import words
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import HANDLED, Handled, Hook, Module, Order, Phase
from mpmserver.core.names import construct_url
from mpmserver.core.subrequest import fast_redirect, lookup_uri
from mpmserver.http.errors import HTTPError
from mpmserver.http.text import path_octets
from mpmserver.http.uri import escape_uri
from mpmserver.records import dataclass

DIRECTORY_HANDLER = "httpd/unix-directory"
REDIRECT_HANDLER = "redirect-handler"
"""mod_rewrite's: the request is going to start again elsewhere."""
REDIRECTS = {"on": 302, "off": 0, "permanent": 301, "temp": 302, "seeother": 303}


@dataclass(slots=True)
class DirDir(Settings):
    """What holds in a section."""

    index_names: tuple[str, ...] = setting(("index.html",))
    """Escaped URLs, relative to the directory or absolute; none where DirectoryIndex is disabled."""
    slash: bool = setting(True)
    check_handler: bool = setting(False)
    index_redirect: int = setting(0)
    """The status that sends a client to the index, 0 to answer with it."""
    fallback: str | None = setting(None)


def fixup(x: Exchange) -> Coroutine[Any, Any, Handled | None] | None:
    """Send directories to their slash or their index, and what does not exist to its fallback."""
    if x.finfo is None:
        return _fallback(x)
    if stat.S_ISDIR(x.finfo.st_mode):
        return _directory(x, x.settings[DirDir])
    return None


def _directory(x: Exchange, settings: DirDir) -> Coroutine[Any, Any, Handled | None] | None:
    if x.handler is None:
        x.handler = DIRECTORY_HANDLER
    if not x.uri.endswith("/"):
        _add_slash(x, settings)
        return None
    if x.path_info or x.handler == REDIRECT_HANDLER:
        return None
    if settings.check_handler and x.handler not in (None, DIRECTORY_HANDLER):
        return None
    return _index(x, settings)


async def _index(x: Exchange, settings: DirDir) -> Handled | None:
    """Go on as the first of the index files that is there; what was tried is noted where none is."""
    failed = 0
    for name in settings.index_names:
        sub = await lookup_uri(x, _with_query(x, name), quick=True)
        if _is_servable(sub):
            if settings.index_redirect:
                x.headers_out.set("Location", construct_url(x, sub.uri))
                raise HTTPError(settings.index_redirect)
            fast_redirect(x, sub)
            return HANDLED
        if 300 <= sub.status < 400 or (sub.status in (401, 406) and name is settings.index_names[-1]):
            _take_over(x, sub)
            raise HTTPError(sub.status)
        if sub.status not in (200, 404):
            failed = sub.status
    if failed:
        raise HTTPError(failed)
    x.notes["dir-index-names"] = ",".join(settings.index_names)
    return None


def _add_slash(x: Exchange, settings: DirDir) -> None:
    """Redirect to the same URI with a slash, unless told not to."""
    if not settings.slash or (x.method not in ("GET", "HEAD") and "redirect-carefully" in x.env):
        return
    location = construct_url(x, escape_uri(x.uri) + "/")
    x.headers_out.set("Location", location if x.args is None else f"{location}?{x.args}")
    raise HTTPError(301)


def _fallback(x: Exchange) -> Coroutine[Any, Any, Handled | None] | None:
    name = x.settings[DirDir].fallback
    if x.handler is not None or name is None or name.lower() == "disabled":
        return None
    return _fall_back(x, name)


async def _fall_back(x: Exchange, name: str) -> Handled | None:
    sub = await lookup_uri(x, _with_query(x, name), quick=True)
    if _is_servable(sub):
        fast_redirect(x, sub)
        return HANDLED
    if 300 <= sub.status < 400:
        _take_over(x, sub)
    if sub.status not in (200, 404):
        raise HTTPError(sub.status)
    return None


def _with_query(x: Exchange, name: str) -> str:
    uri = path_octets(name)
    return uri if x.args is None else f"{uri}?{x.args}"


def _is_servable(sub: Exchange) -> bool:
    """Whether the subrequest found a regular file (a path behind a file, or a directory, is no index)."""
    if sub.status != 200:
        return False
    return sub.handler == "proxy-server" or (sub.finfo is not None and stat.S_ISREG(sub.finfo.st_mode))


def _take_over(x: Exchange, sub: Exchange) -> None:
    """Let the request answer as its subrequest would."""
    x.notes.update(sub.notes)
    for name, value in sub.headers_out.items():
        x.headers_out.set(name, value)
    for name, value in sub.err_headers_out.items():
        x.err_headers_out.set(name, value)


def directory_index(build: Build, arguments: str) -> None:
    """DirectoryIndex: adds to what this section has; a lone "disabled" forgets it."""
    settings = build.dir(DirDir)
    names = tuple(words(arguments))
    before = settings.index_names if is_set(settings.index_names) else ()
    is_reset = len(names) == 1 and names[0].lower() == "disabled"
    settings.index_names = () if is_reset else (*before, *names)


def directory_slash(build: Build, on: bool) -> None:
    build.dir(DirDir).slash = on


def directory_check_handler(build: Build, on: bool) -> None:
    build.dir(DirDir).check_handler = on


def directory_index_redirect(build: Build, word: str) -> None:
    """DirectoryIndexRedirect: a word or a 3xx status."""
    status = REDIRECTS.get(word.lower())
    if status is None:
        digits = word[: next((i for i, c in enumerate(word) if c not in "0123456789"), len(word))]
        if not digits:
            build.fail("DirectoryIndexRedirect ON|OFF|permanent|temp|seeother|3xx")
        status = int(digits)
        if not 300 <= status < 400:
            build.fail("DirectoryIndexRedirect only accepts values between 300 and 399")
    build.dir(DirDir).index_redirect = status


def fallback_resource(build: Build, url: str) -> None:
    build.dir(DirDir).fallback = url


def _pure(settings: Any) -> bool:
    return True


MODULE = Module(
    "dir",
    directives=(
        Directive("FallbackResource", Shape.TAKE1, OR_INDEXES, fallback_resource, "Set a default handler"),
        Directive("DirectoryIndex", Shape.RAW_ARGS, OR_INDEXES, directory_index, "a list of file names"),
        Directive("DirectorySlash", Shape.FLAG, OR_INDEXES, directory_slash, "On or Off"),
        Directive("DirectoryCheckHandler", Shape.FLAG, OR_INDEXES, directory_check_handler, "On or Off"),
        Directive(
            "DirectoryIndexRedirect", Shape.TAKE1, OR_INDEXES, directory_index_redirect,
            "On, Off, or a 3xx status code.",
        ),
    ),
    hooks=(Hook(Phase.FIXUP, fixup, order=Order.LAST, pure=_pure),),
    dir_settings=DirDir,
)  # fmt: skip
