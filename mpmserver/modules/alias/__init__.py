"""mod_alias: maps parts of the file system into the document tree, and sends clients elsewhere.

Redirects are asked before aliases, those of a <Location> before the server's; within one place the first that
matches wins. TRANSLATE asks all that is known before there is a file name; FIXUP asks again with the settings of
the directories and .htaccess files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from mpmserver.config.paths import server_relative
from mpmserver.core.exchange import Exchange
from mpmserver.core.expr import StringExpression
from mpmserver.core.module import HANDLED, Handled, Hook, Module, Phase
from mpmserver.core.names import construct_url
from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError
from mpmserver.http.text import path_octets
from mpmserver.modules.alias.directives import DIRECTIVES
from mpmserver.modules.alias.rules import LocationAlias, LocationRedirect, Rule
from mpmserver.modules.alias.settings import AliasDir, AliasServer
from mpmserver.modules.alias.target import escape_target, is_url


def translate(x: Exchange) -> Handled | int | None:
    """Redirect, which is answered by a status, or give the request its file name."""
    if x.uri and x.uri[0] != "/":
        return None
    server, section = x.server[AliasServer], x.settings[AliasDir]
    status = _redirect(x, section, server.redirects, ("AH00673", "AH00674"))
    if status is not None:
        return status or HANDLED  # Redirect 0: done, and nothing is there
    if section.alias is not None:
        _use_location_alias(x, section.alias, section.alias_preserve_path)
        return HANDLED
    for rule in server.aliases:
        path = rule.path(x.uri)
        if path is not None:
            _use_alias(x, rule, path)
            return HANDLED
    return None


def fixup(x: Exchange) -> int | None:
    """Redirect by what the sections and .htaccess files on the way to the file say."""
    section = x.settings[AliasDir]
    return _redirect(x, section, section.redirects, ("AH00675", "AH00676")) or None


def _redirect(x: Exchange, section: AliasDir, rules: Iterable[Rule], numbers: tuple[str, str]) -> int | None:
    """The status of the redirect that is for this request, with its Location set; None where none is."""
    if section.redirect is not None:
        return _answer(x, section.redirect.status, _redirect_target(x, section.redirect), section, numbers)
    for rule in rules:
        target = rule.url(x.uri)
        if target is not None:
            if not rule.is_match:
                _set_context(x, rule.fake, rule.real)
            return _answer(x, rule.status, target, section, numbers)
    return None


def _redirect_target(x: Exchange, redirect: LocationRedirect) -> str:
    """Where a Redirect without URL-path leads to, escaped; raises HTTPError 500 where its expression fails."""
    if redirect.fixed is not None or redirect.target is None:
        return redirect.fixed or ""
    target, failure = redirect.target.evaluate(x)
    if failure is not None:
        x.server.log(Level.ERROR, "alias", f"AH02826: Can't evaluate redirect expression: {failure}", x)
        raise HTTPError(500)
    return escape_target(target)


def _answer(x: Exchange, status: int, target: str, section: AliasDir, numbers: tuple[str, str]) -> int:
    """The status, with the Location set where it is a redirect's. Raises HTTPError 500 for what can't be one."""
    if 300 <= status < 400:
        relative = target.startswith("/")
        if relative and not section.redirect_relative:
            url = construct_url(x, target)
            x.server.log(
                Level.DEBUG,
                "alias",
                f"{numbers[0]}: incomplete redirection target of '{target}' for URI '{x.uri}' modified to '{url}'",
                x,
            )
            target = url
        elif not relative and not is_url(target):
            x.server.log(
                Level.ERROR,
                "alias",
                f"{numbers[1]}: cannot redirect '{x.uri}' to '{target}'; target is not a valid absoluteURI or abs_path",
                x,
            )
            raise HTTPError(500)
        location = path_octets(target)
        if x.args is not None and "?" not in location:
            location = f"{location}?{x.args}"
        x.headers_out.set("Location", location)
    return status


def _use_alias(x: Exchange, rule: Rule, path: str) -> None:
    if not rule.is_match:
        _set_context(x, rule.fake, rule.real)
    x.filename = server_relative(x.server.site.configuration.server_root, path)
    _use_handler(x, rule.handler)


def _use_location_alias(x: Exchange, alias: LocationAlias, preserve_path: bool) -> None:
    real = path = alias.fixed or _alias_path(x, alias.path)
    match = alias.prefix.match(x.uri) if preserve_path else None
    if match is not None:
        _set_context(x, alias.fake, real)
        path += x.uri[match.end() :]
    x.filename = path
    _use_handler(x, alias.handler)


def _alias_path(x: Exchange, expression: StringExpression) -> str:
    """Where an expression leads to; ServerRoot where it fails, as in Apache."""
    path, failure = expression.evaluate(x)
    if failure is not None:
        x.server.log(Level.ERROR, "alias", f"AH02825: Can't evaluate alias expression: {failure}", x)
    return server_relative(x.server.site.configuration.server_root, path)


def _use_handler(x: Exchange, handler: str | None) -> None:
    """ScriptAlias: the handler is settled, and mod_cgi may run the script without Options ExecCGI."""
    if handler is not None:
        x.handler = handler
        x.notes["alias-forced-type"] = handler


def _set_context(x: Exchange, prefix: str, document_root: str | None) -> None:
    """CONTEXT_PREFIX and CONTEXT_DOCUMENT_ROOT of scripts (ap_set_context_info)."""
    x.notes["context-prefix"] = prefix
    if document_root is not None:
        x.notes["context-document-root"] = document_root


def _translates(settings: Any) -> bool:
    server, section = settings.server[AliasServer], settings[AliasDir]
    return bool(server.redirects or server.aliases or section.alias or section.redirect)


def _fixes_up(settings: Any) -> bool:
    section = settings[AliasDir]
    return bool(section.redirects or section.redirect)


def _pure(settings: Any) -> bool:
    section = settings[AliasDir]
    expressions = (section.alias and section.alias.path, section.redirect and section.redirect.target)
    return all(expression.is_pure for expression in expressions if expression)


MODULE = Module(
    "alias",
    directives=DIRECTIVES,
    hooks=(
        Hook(Phase.TRANSLATE, translate, before=("userdir", "vhost_alias"), applies=_translates, pure=_pure),
        Hook(Phase.FIXUP, fixup, applies=_fixes_up, pure=_pure),
    ),
    server_settings=AliasServer,
    dir_settings=AliasDir,
)
