"""mod_allowmethods: AllowMethods, which refuses all methods but some, before anything else looks at the request.

GET stands for HEAD and the other way round. What it refuses is 405, with an Allow field that names no method of its
own: this module does not say what a handler would take. TRACE is answered before any access check and can't be refused
here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mpmserver.config.build import Build
from mpmserver.config.directive import ACCESS_CONF, Directive, Shape
from mpmserver.config.settings import Settings, setting
from mpmserver.core.module import Hook, Module, Order, Phase, always
from mpmserver.core.settings import CoreServer, Level
from mpmserver.http.errors import HTTPError
from mpmserver.http.limits import REGISTERED_METHODS
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

RESET: Final = "reset"


@dataclass(slots=True)
class AllowMethodsDir(Settings):
    """What holds in a section."""

    allowed: frozenset[str] = setting(frozenset())
    """Empty where all methods are."""


def check_method(x: Exchange) -> None:
    """Refuse a method that is not among those allowed; raises HTTPError 405."""
    method = "GET" if x.method == "HEAD" else x.method
    if method in x.settings[AllowMethodsDir].allowed:
        return
    place = f"uri {x.uri}" if x.filename is None else x.filename
    message = f"AH01623: client method denied by server configuration: '{x.method}' to {place}"
    x.server.log(Level.ERROR, "allowmethods", message, x)
    raise HTTPError(405)


def allow_methods(build: Build, *words: str) -> None:
    """AllowMethods reset, or methods besides those that this section allows already; an empty word ends them."""
    methods = words[: words.index("")] if "" in words else words
    if not methods:
        build.fail("AllowMethods: No method or 'reset' keyword given")
    if len(methods) == 1 and methods[0].lower() == RESET:
        build.dir(AllowMethodsDir).allowed = frozenset()
        return
    known = {*REGISTERED_METHODS, *(build.main(CoreServer).http_methods or ())}
    for method in methods:
        if method not in known:
            build.fail(f"AllowMethods: Invalid Method '{method}'")
    settings = build.dir(AllowMethodsDir)
    named = frozenset("GET" if method == "HEAD" else method for method in methods)
    settings.allowed = named | (settings.allowed or frozenset())


def _applies(settings: Any) -> bool:
    return bool(settings[AllowMethodsDir].allowed)


MODULE = Module(
    "allowmethods",
    directives=(
        Directive("AllowMethods", Shape.TAKE_ARGV, ACCESS_CONF, allow_methods, "only allow specific methods"),
    ),
    hooks=(Hook(Phase.ACCESS, check_method, Order.REALLY_FIRST, applies=_applies, pure=always),),
    dir_settings=AllowMethodsDir,
    checks_by_uri=True,
)
