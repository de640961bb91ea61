"""mod_headers: Header and RequestHeader.

A request's fields are changed in FIXUP, after every other module, an answer's by an output filter just before its head
is written. `always` rules act on the fields that survive errors, `onsuccess` rules on the others. An answer from a
handler passes through FIXUP_HEADERS_OUT, which has both; a page of the server's own passes through FIXUP_HEADERS_ERR,
which has `always` rules only. Rules that are `early` run in POST_READ. Each is inserted only where a section has such
rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mpmserver.core.body import Filter, FilterClass
from mpmserver.core.module import Hook, Module, Order, Phase
from mpmserver.core.settings import Level
from mpmserver.modules.headers.directives import DIRECTIVES, HeadersDir
from mpmserver.modules.headers.rules import Rules, run, run_async

if TYPE_CHECKING:
    from mpmserver.core.body import Response
    from mpmserver.core.exchange import Exchange

_ON_ANSWER: Final = Level.TRACE2
_ON_ERROR: Final = Level.DEBUG


def change_request(x: Exchange) -> None:
    """Apply RequestHeader's rules."""
    run(x, x.own_headers_in(), x.settings[HeadersDir].request)


async def change_request_async(x: Exchange) -> None:
    """As `change_request`, where a rule has to wait."""
    await run_async(x, x.own_headers_in(), x.settings[HeadersDir].request)


async def change_early(x: Exchange) -> None:
    """Apply what is to happen before anything else: the server's own rules, as no section is known."""
    rules = x.settings[HeadersDir]
    if rules.early_request:
        await run_async(x, x.own_headers_in(), rules.early_request)
    await run_async(x, x.err_headers_out, rules.early_always)
    await run_async(x, x.headers_out, rules.early_onsuccess)


def _change_answer(x: Exchange, response: Response) -> Response:
    rules = x.settings[HeadersDir]
    x.server.log(_ON_ANSWER, "headers", "AH01502: headers: ap_headers_output_filter()", cause=x)
    run(x, x.err_headers_out, rules.always)
    run(x, x.headers_out, rules.onsuccess)
    return response


async def _change_answer_async(x: Exchange, response: Response) -> Response:
    rules = x.settings[HeadersDir]
    x.server.log(_ON_ANSWER, "headers", "AH01502: headers: ap_headers_output_filter()", cause=x)
    await run_async(x, x.err_headers_out, rules.always)
    await run_async(x, x.headers_out, rules.onsuccess)
    return response


async def _change_error(x: Exchange, response: Response) -> Response:
    x.server.log(_ON_ERROR, "headers", "AH01503: headers: ap_headers_error_filter()", cause=x)
    await run_async(x, x.err_headers_out, x.settings[HeadersDir].always)
    return response


ON_ANSWER: Final = Filter("FIXUP_HEADERS_OUT", FilterClass.CONTENT_SET, _change_answer)
ON_ANSWER_ASYNC: Final = Filter("FIXUP_HEADERS_OUT", FilterClass.CONTENT_SET, _change_answer_async)
ON_ERROR: Final = Filter("FIXUP_HEADERS_ERR", FilterClass.CONTENT_SET, _change_error)


def insert_filter(x: Exchange) -> None:
    """Have an answer's head changed."""
    x.filters.append(ON_ANSWER)


def insert_async_filter(x: Exchange) -> None:
    """As `insert_filter`, where a rule has to wait."""
    x.filters.append(ON_ANSWER_ASYNC)


def insert_error_filter(x: Exchange) -> None:
    """Have the head of a page of the server's own changed."""
    x.filters.append(ON_ERROR)


def _any_async(rules: Rules) -> bool:
    return any(rule.is_async for rule in rules)


def _all_pure(rules: Rules) -> bool:
    return all(rule.is_pure for rule in rules)


def _answer_rules(settings: Any) -> Rules:
    found = settings[HeadersDir]
    return (*found.always, *found.onsuccess)


def _early_rules(settings: Any) -> Rules:
    found = settings[HeadersDir]
    return (*found.early_request, *found.early_always, *found.early_onsuccess)


def _changes_request(settings: Any) -> bool:
    rules = settings[HeadersDir].request
    return bool(rules) and not _any_async(rules)


def _changes_answer(settings: Any) -> bool:
    rules = _answer_rules(settings)
    return bool(rules) and not _any_async(rules)


MODULE = Module(
    "headers",
    directives=DIRECTIVES,
    hooks=(
        Hook(
            Phase.POST_READ, change_early, Order.FIRST,
            applies=lambda settings: bool(_early_rules(settings)),
            pure=lambda settings: _all_pure(_early_rules(settings)),
        ),
        Hook(
            Phase.FIXUP, change_request, Order.LAST,
            applies=_changes_request,
            pure=lambda settings: _all_pure(settings[HeadersDir].request),
        ),
        Hook(
            Phase.FIXUP, change_request_async, Order.LAST,
            applies=lambda settings: _any_async(settings[HeadersDir].request),
        ),
        Hook(
            Phase.INSERT_FILTERS, insert_filter, Order.LAST,
            applies=_changes_answer,
            pure=lambda settings: _all_pure(_answer_rules(settings)),
        ),
        Hook(
            Phase.INSERT_FILTERS, insert_async_filter, Order.LAST,
            applies=lambda settings: _any_async(_answer_rules(settings)),
        ),
        Hook(
            Phase.INSERT_ERROR_FILTERS, insert_error_filter, Order.LAST,
            applies=lambda settings: bool(settings[HeadersDir].always),
            pure=lambda settings: _all_pure(settings[HeadersDir].always),
        ),
    ),
    dir_settings=HeadersDir,
    filters=(ON_ANSWER_ASYNC, ON_ERROR),
)  # fmt: skip
