"""Subrequests: what would the answer be for another URI or file, without sending it.

Each returns a new Exchange on which all phases up to FIXUP have run; its `status` is 200 where it could be served,
the error's otherwise. Nothing is logged as an access and no handler runs.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from functools import partial

from mpmserver.core.errors import log_error
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import HANDLED, InternalRedirect
from mpmserver.core.pipeline import after_walk, crashed, phases
from mpmserver.core.redirect import exceeds_recursion_limit, redirected, successor
from mpmserver.core.steps import run_first, waited
from mpmserver.http.errors import HTTPError
from mpmserver.http.headers import Headers
from mpmserver.http.uri import escape_path, normalize_path

Run = Callable[[Exchange], object]


async def lookup_uri(x: Exchange, uri: str, method: str = "GET", quick: bool = False) -> Exchange:
    """Look up a URI (raw path and optional ?query; relative ones lead on from `x.uri`'s directory).

    `quick`: the answer may be what it finds, so quick handlers are asked.
    """
    if not uri.startswith("/"):
        uri = escape_path(x.uri[: x.uri.rfind("/") + 1]) + uri
    sub = _subrequest(x, uri, method)
    return await _run(sub, partial(phases, quick=quick))


async def lookup_file(x: Exchange, path: str) -> Exchange:
    """Look up a file without translation: a plain name or a relative path leads on from `x.filename`'s directory.

    Only a file of that directory has a URI, that of its neighbour. (ap_sub_req_lookup_file)
    """
    sub = _subrequest(x, "", "GET")
    folder = (x.filename or "/").rpartition("/")[0] + "/"
    sub.filename = os.path.normpath(os.path.join(folder, path)) + ("/" if path.endswith("/") else "")
    name = sub.filename.removeprefix(folder)
    sub.uri = x.uri[: x.uri.rfind("/") + 1] + name if name and "/" not in name else ""
    return await _run(sub, partial(_walk_file, path))


async def lookup_entry(x: Exchange, name: str, status: os.stat_result, is_link: bool) -> Exchange:
    """Look up an entry of the directory `x.filename` without translation; a directory's URI gets its slash.

    `status` is what stat() says of it. Only directories and links need a walk of their own.
    """
    is_directory = stat.S_ISDIR(status.st_mode)
    entry = f"{name}/" if is_directory else name
    uri = x.uri[: x.uri.rfind("/") + 1] + entry
    sub = _subrequest(x, uri, "GET")
    sub.uri = uri
    sub.filename = f"{(x.filename or '/').rstrip('/')}/{entry}"
    if is_directory or is_link or x.server.directory_matches:
        return await _run(sub, _walk_only)
    sub.finfo = status
    return await _run(sub, _file_within)


async def _file_within(sub: Exchange) -> object:
    assert sub.main is not None
    outcome = await _ask_modules(sub)
    if outcome is not None:
        return outcome
    sub.world.resolver.file_within(sub, sub.main)
    return await waited(after_walk(sub))


async def _walk_file(path: str, sub: Exchange) -> object:
    normalize_path(path)  # it is no URI's, but what would be no URI's path is refused, as in Apache
    if path.startswith(".."):
        raise HTTPError(400, log=f"AH10244: invalid URI path ({path})")
    return await _walk_only(sub)


async def _walk_only(sub: Exchange) -> object:
    outcome = await _ask_modules(sub)
    if outcome is not None:
        return outcome
    sub.world.resolver.map_to_storage(sub)
    return await waited(after_walk(sub))


async def _ask_modules(sub: Exchange) -> object:
    """MAP_TO_STORAGE, which comes before any section but the server's own holds; what ends the subrequest, or None."""
    outcome = await run_first(sub.server.defaults.plan.map_to_storage, sub)
    return None if outcome is HANDLED else outcome


def _subrequest(x: Exchange, uri: str, method: str) -> Exchange:
    sub = successor(x, uri)
    sub.main = x
    sub.method = method
    sub.protocol = "INCLUDED"
    sub.port = None  # as in Apache, where a request's port is one of its own URI
    sub.env = dict(x.env)
    sub.notes = {}
    return sub


async def _run(sub: Exchange, phases_of: Run) -> Exchange:
    if sub.main is not None and exceeds_recursion_limit(sub.main):
        sub.status = 500
        return sub
    try:
        outcome = await waited(phases_of(sub))
        while isinstance(outcome, InternalRedirect):
            main, sub = sub.main, redirected(sub, outcome.uri)
            sub.main = main
            outcome = await waited(phases(sub))
        if outcome is not None:
            sub.status = outcome if isinstance(outcome, int) else getattr(outcome, "status", 200)
    except HTTPError as error:
        log_error(sub, error)
        for name, value in error.headers:
            sub.err_headers_out.set(name, value)
        sub.status = error.status
    except Exception:  # noqa: BLE001 (whatever it was: logged, and a 500)
        sub.status = crashed(sub).status
    return sub


def fast_redirect(x: Exchange, sub: Exchange) -> None:
    """Let `x` go on as what the subrequest found (mod_dir's index): no new Exchange, no new checks."""
    x.uri, x.filename, x.path_info, x.finfo = sub.uri, sub.filename, sub.path_info, sub.finfo
    x.args = sub.args
    x.settings, x.plan = sub.settings, sub.plan
    x.handler, x.content_type, x.charset = sub.handler, sub.content_type, sub.charset
    x.content_encoding, x.content_languages = sub.content_encoding, sub.content_languages
    x.no_cache, x.no_local_copy = sub.no_cache, sub.no_local_copy
    x.filters = sub.filters
    x.used_path_info = sub.used_path_info
    x.headers_out = Headers([*sub.headers_out.items(), *x.headers_out.items()])
    x.err_headers_out = Headers([*sub.err_headers_out.items(), *x.err_headers_out.items()])
    x.env = {**x.env, **sub.env}
    x.notes.update(sub.notes)
