"""mod_actions: answers for a handler, a media type or a method with a script.

The request goes on inside the server at the script's URL-path with its own URI behind it, so that the script finds it
in PATH_INFO; the handler's name travels along as REDIRECT_HANDLER. An Action is stronger than a Script, and both are
asked after all handlers of other modules but the default one.
"""

from __future__ import annotations

from typing import Any

from mpmserver.config.build import Build
from mpmserver.config.directive import ACCESS_CONF, OR_FILEINFO, RSRC_CONF, Directive, Shape
from mpmserver.config.settings import Settings, setting
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Hook, InternalRedirect, Module, Order, Phase, always
from mpmserver.core.settings import CoreServer, Level
from mpmserver.http.errors import HTTPError
from mpmserver.http.limits import REGISTERED_METHODS
from mpmserver.http.text import path_octets
from mpmserver.http.uri import escape_uri
from mpmserver.records import dataclass


@dataclass(frozen=True, slots=True)
class Script:
    """Where an Action leads; `virtual`: also where there is no file."""

    path: str
    virtual: bool = False


@dataclass(slots=True)
class ActionsDir(Settings):
    """What holds in a section."""

    actions: dict[str, Script] = setting({}, merge="update")
    """By handler or media type, in lower case."""
    scripts: dict[str, str] = setting({}, merge="update")
    """By method; HEAD goes with GET."""


def handler(x: Exchange) -> InternalRedirect | None:
    """Go on at the script for this handler, media type or method. Raises HTTPError 404 where a file is missing."""
    settings = x.settings[ActionsDir]
    script = _for_method(x, settings.scripts)
    if script is not None and x.prev is not None and x.prev.prev is not None:
        return None  # it leads to itself, perhaps because it is no CGI script
    name = x.handler or ""
    action = settings.actions.get(name.lower())
    if action is not None:
        if not action.virtual and x.finfo is None:
            x.server.log(Level.INFO, "actions", f"AH00652: File does not exist: {x.filename}", x)
            raise HTTPError(404)
        script = action.path
        x.env["HANDLER"] = name
        if action.virtual:
            x.notes["virtual_script"] = "1"
    if script is None:
        return None
    query = "" if x.args is None else f"?{x.args}"
    target = f"{path_octets(script)}{escape_uri(x.uri)}{query}"
    return InternalRedirect(target, content_type=x.content_type, quick=False)


def _for_method(x: Exchange, scripts: dict[str, str]) -> str | None:
    """The script for the request's method; one for GET wants a query."""
    if x.method in ("GET", "HEAD"):
        return scripts.get("GET") if x.args is not None else None
    return scripts.get(x.method)


def action(build: Build, kind: str, script: str, option: str | None = None) -> None:
    """Action handler-or-type script [virtual]."""
    if option is not None and option.lower() != "virtual":
        build.fail(f"unrecognized option '{option}'")
    build.dir(ActionsDir).table("actions")[kind.lower()] = Script(script, virtual=option is not None)


def script(build: Build, method: str, path: str) -> None:
    """Script method script: also makes a method known that no standard names."""
    if method == "TRACE":
        build.fail("TRACE not allowed for Script")
    main = build.main(CoreServer)
    if method not in ("HEAD", *REGISTERED_METHODS, *(main.http_methods or ())):
        main.append("http_methods", method)
    build.dir(ActionsDir).table("scripts")["GET" if method == "HEAD" else method] = path


def _applies(settings: Any) -> bool:
    section = settings[ActionsDir]
    return bool(section.actions or section.scripts)


MODULE = Module(
    "actions",
    directives=(
        Directive(
            "Action", Shape.TAKE23, OR_FILEINFO, action, "a media type followed by a script name"
        ),
        Directive("Script", Shape.TAKE2, RSRC_CONF | ACCESS_CONF, script, "a method followed by a script name"),
    ),
    hooks=(Hook(Phase.HANDLER, handler, order=Order.LAST, applies=_applies, pure=always),),
    dir_settings=ActionsDir,
)  # fmt: skip
