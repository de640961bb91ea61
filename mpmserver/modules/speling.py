"""mod_speling: finds what a misspelled URL may have meant.

In FIXUP, when nothing else has found a file, the names in the directory are compared with the one that was asked
for: capitals, one character too many, too few, wrong, or two in the wrong order; then names that differ only behind
the first dot. One clear best candidate is redirected to; several are listed for the client to choose from.
"""

from __future__ import annotations

import enum
import os
from itertools import chain
from typing import Any, NoReturn

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_OPTIONS, Directive, Shape
from mpmserver.config.settings import Settings, setting
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Hook, Module, Order, Phase, always
from mpmserver.core.names import construct_url
from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError
from mpmserver.http.text import escape_html, path_text
from mpmserver.http.uri import escape_uri
from mpmserver.records import dataclass


@dataclass(slots=True)
class SpelingDir(Settings):
    """What a section says; it forgets all that outer sections said, for Apache merges nothing here."""

    enabled: bool = setting(False)
    case_only: bool = setting(False)
    basename_match: bool = setting(True)

    @classmethod
    def merge(cls, outer: SpelingDir, inner: SpelingDir) -> SpelingDir:
        return inner


class Quality(enum.IntEnum):
    """How near a name is to the one that was asked for, the nearest first."""

    MISCAPITALIZED = 1
    TRANSPOSED = 2
    MISSING = 3
    EXTRA = 4
    MISTYPED = 5
    BASENAME = 6


REASONS = {
    Quality.MISCAPITALIZED: "miscapitalized",
    Quality.TRANSPOSED: "transposed characters",
    Quality.MISSING: "character missing",
    Quality.EXTRA: "extra character",
    Quality.MISTYPED: "mistyped character",
    Quality.BASENAME: "common basename",
}


@dataclass(frozen=True, slots=True)
class Request:
    """The parts of a request's URI: `url` and what follows, in which `name` is what does not exist."""

    url: str
    name: str
    path_info: str
    query: str
    """With its question mark; empty for none."""

    def corrected(self, name: str) -> str:
        """The path with another name in it."""
        return f"{self.url}{name}{self.path_info}"


def fixup(x: Exchange) -> None:
    """Redirect (HTTPError 301) or list what is near (HTTPError 300), where the file does not exist."""
    if x.method not in ("GET", "HEAD") or x.finfo is not None or x.main is not None:
        return
    request = _parts(x)
    if request is None:
        return
    if x.memo is not None:
        x.memo.refuse("names in a directory")
    directory = (x.filename or "").rpartition("/")[0]
    found = candidates(request.name, directory, x.settings[SpelingDir])
    if not found:
        return
    best = found[0][0]
    if best is not Quality.BASENAME and (len(found) == 1 or best is not found[1][0]):
        _redirect(x, request, found[0][1])
    _choose(x, request, found)


def _parts(x: Exchange) -> Request | None:
    """The request in parts, None where URI and file name don't go together."""
    _directory, slash, name = (x.filename or "").rpartition("/")
    rest = name + x.path_info
    if not slash or x.uri == "/" or not x.uri.endswith(rest):
        return None
    _path, mark, query = x.unparsed_uri.partition("?")
    return Request(x.uri[: len(x.uri) - len(rest)], name, x.path_info, mark + query.partition("#")[0])


def candidates(name: str, directory: str, settings: SpelingDir) -> list[tuple[Quality, str]]:
    """The names in a directory that are near to `name`, the nearest first, else in the directory's own order."""
    found = []
    try:
        with os.scandir(directory) as entries:
            names = [".", "..", *(entry.name for entry in entries)]
    except OSError:
        return []
    for other in names:
        if other == name:
            return []  # a link that leads nowhere: to send the client there would never end
        quality = _quality(name, other, settings)
        if quality is not None:
            found.append((quality, other))
    return sorted(found, key=lambda candidate: candidate[0])


def _quality(name: str, other: str, settings: SpelingDir) -> Quality | None:
    wanted, given = os.fsencode(name).lower(), os.fsencode(other).lower()
    if wanted == given:
        return Quality.MISCAPITALIZED
    near = None if settings.case_only else distance(wanted, given)
    if near is not None:
        return near
    if settings.basename_match and wanted.partition(b".")[0] == given.partition(b".")[0]:
        return Quality.BASENAME
    return None


def distance(wanted: bytes, given: bytes) -> Quality | None:
    """What is wrong with `wanted`, that should be `given`, both in lower case; None for more than one byte."""
    unlike = (index for index, (a, b) in enumerate(zip(wanted, given, strict=False)) if a != b)
    start = next(unlike, min(len(wanted), len(given)))
    asked, there = wanted[start:], given[start:]
    if asked[:2] == there[1::-1] and len(asked) > 1 and asked[2:] == there[2:]:
        return Quality.TRANSPOSED
    if asked and there and asked[1:] == there[1:]:
        return Quality.MISTYPED
    if asked and asked[1:] == there:
        return Quality.EXTRA
    if there and asked == there[1:]:
        return Quality.MISSING
    return None


def _redirect(x: Exchange, request: Request, name: str) -> NoReturn:
    uri = escape_uri(request.corrected(name)) + request.query
    x.headers_out.set("Location", construct_url(x, uri))
    referer = _referer(x)
    fixed = f"Fixed spelling: {x.uri} to {path_text(uri)}"
    message = f"AH03225: {fixed}" if referer is None else f"AH03224: {fixed} from {referer}"
    x.server.log(Level.INFO, "speling", message, x)
    raise HTTPError(301)


def _referer(x: Exchange) -> str | None:
    """Where the client has the wrong name from, as text for a log and a page."""
    referer = x.headers_in.get("Referer")
    return None if referer is None else path_text(referer)


def _choose(x: Exchange, request: Request, found: list[tuple[Quality, str]]) -> NoReturn:
    """Answer with the list of candidates; it is also in the environment as VARIANTS."""
    referer = _referer(x)
    targets = [(quality, request.corrected(name) + path_text(request.query)) for quality, name in found]
    x.notes["variant-list"] = _page(x.uri, targets, referer)
    variants = [('"', escape_uri(target), '";"', REASONS[quality], '"') for quality, target in targets]
    x.env["VARIANTS"] = ",".join(chain.from_iterable(variants))  # a comma behind each piece, as Apache has it
    fix = f"Spelling fix: {x.uri}: {len(found)} candidates"
    message = f"AH03227: {fix}" if referer is None else f"AH03226: {fix} from {referer}"
    x.server.log(Level.INFO, "speling", message, x)
    raise HTTPError(300)


def _page(uri: str, targets: list[tuple[Quality, str]], referer: str | None) -> str:
    """What the client may choose from; those that only have a base name in common come apart behind several others."""
    page = (
        f"The document name you requested (<code>{escape_html(uri)}</code>) could not be found on this server.\n"
        "However, we found documents with names similar to the one you requested.<p>Available documents:\n<ul>\n"
    )
    following = [quality for quality, _target in targets[1:]] + [None]
    for index, ((quality, target), after) in enumerate(zip(targets, following, strict=True)):
        page += f'<li><a href="{escape_uri(target)}">{escape_html(target)}</a> ({REASONS[quality]})\n'
        if index and quality is not Quality.BASENAME and after is Quality.BASENAME:
            page += "</ul>\nFurthermore, the following related documents were found:\n<ul>\n"
    page += "</ul>\n"
    if referer is not None:
        informing = "Please consider informing the owner of the referring page"
        page += f"{informing} <tt>{escape_html(referer)}</tt> about the broken link.\n"
    return page


def check_spelling(build: Build, on: bool) -> None:
    build.dir(SpelingDir).enabled = on


def check_case_only(build: Build, on: bool) -> None:
    build.dir(SpelingDir).case_only = on


def check_basename_match(build: Build, on: bool) -> None:
    build.dir(SpelingDir).basename_match = on


def _applies(settings: Any) -> bool:
    enabled: bool = settings[SpelingDir].enabled
    return enabled


MODULE = Module(
    "speling",
    directives=(
        Directive(
            "CheckSpelling", Shape.FLAG, OR_OPTIONS, check_spelling,
            "whether or not to fix miscapitalized/misspelled requests",
        ),
        Directive(
            "CheckCaseOnly", Shape.FLAG, OR_OPTIONS, check_case_only,
            "whether or not to fix only miscapitalized requests",
        ),
        Directive(
            "CheckBasenameMatch", Shape.FLAG, OR_OPTIONS, check_basename_match,
            "whether or not to fix files with the same base name",
        ),
    ),
    hooks=(Hook(Phase.FIXUP, fixup, order=Order.LAST, applies=_applies, pure=always),),
    dir_settings=SpelingDir,
)  # fmt: skip
