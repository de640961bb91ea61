"""The lines of an answer's head that modules have a say in: their own fields, how long the body is, and what it is.

Fields of `err_headers_out` come first, then those of `headers_out`, each as it was spelled; then what the connection
adds; Content-Type and its kin last, unless a module has given them a place. What Apache alone decides (Date, Server,
Connection, how a body is framed) is left out, whatever a module said about it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from mpmserver.core.names import full_content_type
from mpmserver.http.headers import Headers
from mpmserver.http.status import NO_BODY

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

_DROPPED: Final = ("Date", "Server", "Connection", "Transfer-Encoding")
_SPECIAL: Final = frozenset({
    *(name.lower() for name in _DROPPED), "keep-alive", "content-type", "content-encoding", "content-language",
})  # fmt: skip
"""Fields that can't be written just as a module has set them."""
_SPECIAL_BEFORE: Final = _SPECIAL | {"content-length", "vary"}
"""Those among the fields for errors, too: the place of these is among the others."""


def field_lines(x: Exchange, status: int, length: int | None, own: tuple[str, ...] = ()) -> list[str]:
    """The modules' lines, those that the connection adds (`own`), and those that stand last.

    `length` is the body's, None where that isn't known.
    """
    before, fields = x.err_headers_out, x.headers_out
    if not (_SPECIAL.isdisjoint(fields.joined) and (not before.joined or _SPECIAL_BEFORE.isdisjoint(before.joined))):
        return _special_lines(x, status, length, own)
    if "vary" in fields.joined:
        _set_vary(x, fields)
    if length and status not in NO_BODY:
        fields.set("Content-Length", str(length))
    else:
        _set_length(x, fields, status, length)
    lines = before.lines() + fields.lines() if before.joined else fields.lines()
    lines += own
    if status in NO_BODY:
        x.content_type = None  # the log shows what was sent
        return lines
    kind = full_content_type(x)
    if kind:
        lines.append(f"Content-Type: {kind}")
    if x.content_encoding:
        lines.append(f"Content-Encoding: {x.content_encoding}")
    if x.content_languages:
        lines.append(f"Content-Language: {','.join(dict.fromkeys(x.content_languages))}")
    return lines


def _set_length(x: Exchange, fields: Headers, status: int, length: int | None) -> None:
    """Name the body's length; a 304 keeps all fields but this one."""
    header_only = x.request.method == "HEAD"
    named = fields.joined.get("content-length")
    if status not in NO_BODY and length is not None and not (header_only and length == 0):
        text = str(length)
        if named != text:
            fields.set("Content-Length", text)
    elif named is not None and (status in NO_BODY or not header_only or named == "0"):
        fields.unset("Content-Length")


def _set_vary(x: Exchange, fields: Headers) -> None:
    """Name each field once in Vary, or none at all."""
    if "force-no-vary" in x.env:
        fields.unset("Vary")
        return
    named = fields.joined["vary"]
    once = _one_vary(named)
    if once and once != named:
        fields.set("Vary", once)


def _special_lines(x: Exchange, status: int, length: int | None, own: tuple[str, ...]) -> list[str]:
    """As `field_lines`, where some fields must be left out, put into another's place, or made one."""
    fields = x.err_headers_out.copy()
    fields.extend(x.headers_out)
    for name in _DROPPED:
        fields.unset(name)
    if own and own[0].startswith("Keep-Alive"):
        fields.unset("Keep-Alive")  # a module's gives way to the connection's
    if "vary" in fields.joined:
        _set_vary(x, fields)
    _set_length(x, fields, status, length)
    last = _content_lines(x, fields, status)
    return [*fields.lines(), *own, *last]


def _content_lines(x: Exchange, fields: Headers, status: int) -> list[str]:
    """Content-Type and its kin: in the place that a module gave them, else as lines of their own."""
    if status in NO_BODY:
        x.content_type = None
        return []
    own = {
        "Content-Type": full_content_type(x),
        "Content-Encoding": x.content_encoding,
        "Content-Language": _languages(x, fields) if x.content_languages else None,
    }
    lines = []
    for name, value in own.items():
        if not value:
            continue
        if name in fields:
            fields.set(name, value)
        else:
            lines.append(f"{name}: {value}")
    return lines


def _languages(x: Exchange, fields: Headers) -> str:
    """The resource's own languages, and those that a module named besides."""
    named = dict.fromkeys(x.content_languages)
    known = {language.lower() for language in named}
    for language in (fields.get("Content-Language") or "").split(","):
        if language.strip() and language.strip().lower() not in known:
            named[language.strip()] = None
    return ",".join(named)


@lru_cache(maxsize=256)
def _one_vary(value: str) -> str:
    """All that Vary fields name, each once. (fixup_vary)"""
    names: dict[str, str] = {}
    for name in value.replace(",", " ").split():
        names.setdefault(name.lower(), name)
    return ",".join(names.values())
