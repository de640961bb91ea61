"""Request targets: their four forms, escapes and dot segments (RFC 9112 3.2, RFC 3986).

``parse_target`` splits what was received. ``decode_path`` makes of its path the ``str`` that hooks and
the file system use (``os.fsdecode``), in Apache's order: ``normalize_path`` removes dot segments while the
path is still escaped, ``unescape_path`` decodes it. ``escape_path`` leads back, for Location and links.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from mpmserver.http.errors import HTTPError
from mpmserver.http.syntax import decimal


class Target(NamedTuple):
    """A request target in parts.

    ``path_raw`` is still escaped (latin-1 text) and ``/`` where the target has none; ``query`` has no
    ``?``. ``host`` is as spelled, IPv6 addresses in their brackets; ``port`` None where none was given.
    ``userinfo`` and ``fragment`` are only kept to be refused.
    """

    path_raw: str
    query: str | None = None
    host: str | None = None
    port: int | None = None
    scheme: str | None = None
    fragment: str | None = None
    userinfo: str | None = None
    authority: str | None = None


# scheme, authority, path, query, fragment; RFC 3986 appendix B with Apache's rule that a scheme starts with a letter
_ABSOLUTE = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?://(?P<authority>[^/?#]*))?"
    r"(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?",
    re.DOTALL,
)
_AUTHORITY = re.compile(
    r"(?:(?P<userinfo>.*)@)?(?P<host>\[[0-9A-Fa-f:.]*\]|[^:\[\]]*)(?::(?P<port>[0-9]*))?", re.DOTALL
)
_CONNECT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]/?#@]*):(?P<port>[0-9]+)")


def parse_target(target: str, method: str = "GET") -> Target | None:
    """Split a request target; None where it has none of RFC 9112 3.2's forms for this method."""
    if method == "CONNECT":
        match = _CONNECT.fullmatch(target)
        if match is None:
            return None
        return Target("/", host=match["host"], port=_port(match["port"]), authority=target)
    if target[:1] in ("/", "?", "#"):
        return _origin_form(target)
    if target == "*" or target.startswith("*?"):
        return Target("*", query=target[2:] if len(target) > 1 else None) if method == "OPTIONS" else None
    return _absolute_form(target, method)


def without_slashes_before(target: str) -> str:
    """A path whose first slashes are one: `//name/x` is a path here, no authority. (ap_parse_uri)"""
    return "/" + target.lstrip("/") if target.startswith("//") else target


def _origin_form(target: str) -> Target:
    target = without_slashes_before(target)
    if "?" not in target and "#" not in target:
        return Target(target)
    rest, mark, fragment = target.partition("#")
    path, question, query = rest.partition("?")
    return Target(path or "/", query if question else None, fragment=fragment if mark else None)


def _absolute_form(target: str, method: str) -> Target | None:
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        return None
    path = match["path"] or ("*" if method == "OPTIONS" and match["query"] is None else "/")
    if path[0] != "/" and path != "*":
        return None
    authority = match["authority"]
    if authority is None:
        return Target(path, match["query"], scheme=match["scheme"].lower(), fragment=match["fragment"])
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        return None
    return Target(
        path,
        match["query"],
        parts["host"],
        _port(parts["port"]),
        match["scheme"].lower(),
        match["fragment"],
        parts["userinfo"],
        authority.rpartition("@")[2],
    )


def _port(digits: str | None) -> int | None:
    """Apache keeps a target's port in sixteen bits, whatever was written."""
    if not digits:
        return None
    number = decimal(digits, 2**63 - 1)
    return 0xFFFF if number is None else number & 0xFFFF


_ESCAPE = re.compile("%([0-9A-Fa-f]{2})?")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SLASHES = re.compile("//+")
_TO_ESCAPE = re.compile(rb"[^A-Za-z0-9!$&'()*+,\-./:;=@_~]")
_WANTS_ESCAPE = re.compile(_TO_ESCAPE.pattern.decode())
_HIDDEN = re.compile("%(?:2[fF]|00)")


def decode_path(raw: str, *, merge_slashes: bool = True, allow_encoded_slashes: str = "Off", target: str = "") -> str:
    """The path of a target as hooks see it (``%U``): normalized, unescaped, a ``str`` for ``os`` functions.

    ``raw`` is ``Target.path_raw``; ``target`` the whole target, for the log. Raises what
    ``normalize_path`` and ``unescape_path`` raise.
    """
    if raw[:1] != "/":
        raise _invalid(target or raw)
    if "%" not in raw and "//" not in raw and "/." not in raw and raw.isascii():
        return raw
    path = unescape_path(normalize_path(raw, merge_slashes, target), allow_encoded_slashes, target)
    if allow_encoded_slashes == "On" and _HIDDEN.search(raw):
        return _SLASHES.sub("/", without_dots(path)[0]) if merge_slashes else without_dots(path)[0]
    return path


def normalize_path(path: str, merge_slashes: bool = True, target: str = "") -> str:
    """Decode what need not be escaped, merge slashes, remove dot segments; the rest stays escaped.

    Raises HTTPError 400 for an escape that is none and for a path that leaves the root (AH10244).
    """

    def decoded(match: re.Match[str]) -> str:
        if match[1] is None:
            raise _invalid(target or path)
        octet = int(match[1], 16)
        return chr(octet) if octet in _UNRESERVED else match[0]

    result = _ESCAPE.sub(decoded, path) if "%" in path else path
    if merge_slashes and "//" in result:
        result = _SLASHES.sub("/", result)
    if "/." not in result:
        return result
    result, above = without_dots(result)
    if above:
        raise _invalid(target or path)
    return result


def refused_path(raw: str, merge_slashes: bool = True) -> str:
    """What logs show (``%U``) of a path that ``decode_path`` has refused: as much as was done when the fault was found.

    One that leads above the root is shown below it, an encoded slash is one, an encoded NUL ends it; a broken escape
    stays.
    """
    if raw[:1] != "/" or any(match[1] is None for match in _ESCAPE.finditer(raw)):
        return raw
    path = without_dots(_SLASHES.sub("/", raw) if merge_slashes else raw)[0]
    return os.fsdecode(_unquoted(path.partition("%00")[0]))


def without_dots(path: str) -> tuple[str, bool]:
    """Remove dot segments (RFC 3986 5.2.4); whether one of them pointed above the root."""
    kept: list[str] = []
    above = False
    segments = path.split("/")
    for segment in segments[1:]:
        if segment == "..":
            above = above or not kept
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", "..") and kept and kept[-1] != "":
        kept.append("")
    return "/" + "/".join(kept), above


def _invalid(target: str) -> HTTPError:
    """The refusal; `target` has a character for each octet, and the log is UTF-8."""
    text = target.encode("latin-1", "replace").decode("utf-8", "surrogateescape")
    return HTTPError(400, log=f"AH10244: invalid URI path ({text})", close=True)


def unescape_path(raw: str, allow_encoded_slashes: str = "Off", target: str = "") -> str:
    """Decode the escapes of a normalized path, once.

    Raises HTTPError 400 for an escape that is none, 404 for an encoded NUL, and 404 for an encoded slash
    unless AllowEncodedSlashes is ``"On"`` (it becomes a slash) or ``"NoDecode"`` (it stays escaped).
    """
    hidden = _HIDDEN.findall(raw) if "%" in raw else []
    if hidden and allow_encoded_slashes == "Off":
        log = f"AH00026: found %2f (encoded '/') in URI path ({target or raw}), returning 404"
        raise HTTPError(404, log=log, level="info")
    if "%00" in hidden:
        raise HTTPError(404)
    if "%" in raw and any(match[1] is None for match in _ESCAPE.finditer(raw)):
        raise HTTPError(400, close=True)
    if allow_encoded_slashes == "NoDecode" and hidden:
        pieces = re.split("(%2[fF])", raw)
        octets = b"".join(part.encode() if i % 2 else _unquoted(part) for i, part in enumerate(pieces))
    else:
        octets = _unquoted(raw)
    return os.fsdecode(octets)


def _unquoted(raw: str) -> bytes:
    return unquote_to_bytes(raw.encode("latin-1"))


def escape_uri(path: str) -> str:
    """Escape a path as Apache does in a URI (lower-case hexadecimal); slashes stay."""
    if _WANTS_ESCAPE.search(path) is None:
        return path
    octets = os.fsencode(path)
    return _TO_ESCAPE.sub(lambda match: b"%%%02x" % match[0][0], octets).decode("ascii")


def needs_escape(path: str) -> bool:
    """Whether `escape_uri` would change anything in a text."""
    return _WANTS_ESCAPE.search(path) is not None


def escape_path(path: str) -> str:
    """As ``escape_uri``, but a relative path whose first segment holds a colon gets ``./`` before it."""
    escaped = escape_uri(path)
    return f"./{escaped}" if ":" in escaped.partition("/")[0] else escaped


def unescape_query(text: str) -> str:
    """Decode one name or value of a form-encoded query; text that is no escape stays as it is."""
    return _unquoted(text.replace("+", " ")).decode("latin-1")
