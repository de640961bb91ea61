"""mod_expires: Expires and Cache-Control: max-age, by the media type of an answer.

A rule is a base (the time of the request, or that of the file's last change) and seconds behind it; it is read once.
The answer's type chooses: a rule for the type itself, one for `major/*`, or the default. Nothing is added to errors,
nor where an Expires is there already. The filter runs before those that change other fields (mod_headers), and on pages
of the server's own too: redirects expire.

An answer whose Expires lies behind its Date by a fixed time may be remembered, and is told so that it is made anew each
time; one that counts from the file's last change may not, as its max-age is another each second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_INDEXES, Directive, Shape
from mpmserver.config.numbers import atoi
from mpmserver.config.settings import Settings, setting
from mpmserver.config.syntax import take_word
from mpmserver.core.body import Filter, FilterClass
from mpmserver.core.module import Hook, Module, Phase, always
from mpmserver.http.dates import http_date
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.core.body import Response
    from mpmserver.core.exchange import Exchange

MICROSECONDS: Final = 1_000_000
UNITS: Final = (
    ("y", 365 * 86400), ("mo", 30 * 86400), ("w", 7 * 86400), ("d", 86400), ("h", 3600), ("mi", 60), ("s", 1),
)  # fmt: skip
"""What a word for a unit begins with, and its seconds."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When an answer expires: so many seconds after it was asked for, or after its file was last changed."""

    after_change: bool
    seconds: int


@dataclass(slots=True)
class ExpiresDir(Settings):
    """What holds in a section."""

    active: bool = setting(False)
    by_type: dict[str, Rule] = setting({}, merge="update")
    """By media type in lower case, `major/*` among them."""
    default: Rule | None = setting(None)


def add_expiry(x: Exchange, response: Response) -> Response:
    """Say when the answer expires, unless that was said or it is an error."""
    if 400 <= response.status < 600 or "Expires" in x.err_headers_out or "Expires" in x.headers_out:
        return response
    rule = _rule(x.settings[ExpiresDir], x.content_type)
    if rule is None or (rule.after_change and x.finfo is None):
        return response
    if x.memo is not None:
        if rule.after_change:
            x.memo.refuse("mod_expires")
        x.memo.expires_after = max(0, rule.seconds)
    now = int(x.request_time * MICROSECONDS)
    base = x.finfo.st_mtime_ns // 1000 if rule.after_change else now
    expires = max(base + rule.seconds * MICROSECONDS, now)
    x.headers_out.merge("Cache-Control", f"max-age={(expires - now) // MICROSECONDS}")
    x.headers_out.set("Expires", http_date(expires // MICROSECONDS))
    return response


def _rule(settings: ExpiresDir, content_type: str | None) -> Rule | None:
    """The rule for a media type."""
    if content_type is None or not settings.by_type:
        return settings.default
    essence = content_type.partition(";")[0].strip().lower()
    by_type = settings.by_type
    return by_type.get(essence) or by_type.get(f"{essence.partition('/')[0]}/*") or settings.default


def expires_active(build: Build, on: bool) -> None:
    build.dir(ExpiresDir).active = on


def expires_by_type(build: Build, media_type: str, code: str) -> None:
    if "/" not in media_type:
        build.fail("Invalid mimetype: should contain a slash")
    rule = _read(build, code, f"'ExpiresByType {media_type} {code}'")
    build.dir(ExpiresDir).table("by_type")[media_type.lower()] = rule


def expires_default(build: Build, code: str) -> None:
    build.dir(ExpiresDir).default = _read(build, code, f"'ExpiresDefault {code}'")


def _read(build: Build, code: str, directive: str) -> Rule:
    """Read A or M with seconds, or a base with numbers and units; of words only their beginnings count."""
    if code[0] in "AM":
        return Rule(code[0] == "M", atoi(code[1:]))
    complaint = f"{directive}: bad expires code, "
    base, rest = take_word(code.lstrip(" \t\n\v\f\r"))
    letter = base[:1].lower()
    if letter not in ("a", "n", "m") or not letter:
        build.fail(f"{complaint}unrecognised <base> '{base}'")
    word, rest = take_word(rest)
    if word[:1].lower() == "p":
        word, rest = take_word(rest)
    seconds = 0
    while word:
        if not word[0].isdecimal():
            build.fail(f"{complaint}numeric value expected <num> '{word}'")
        unit, rest = take_word(rest)
        if not unit:
            build.fail(f"{complaint}missing <type>")
        seconds += atoi(word) * _unit(build, unit, complaint)
        word, rest = take_word(rest)
    return Rule(letter == "m", atoi(str(seconds)))


def _unit(build: Build, word: str, complaint: str) -> int:
    """The seconds of a unit."""
    found = next((seconds for beginning, seconds in UNITS if word.lower().startswith(beginning)), None)
    if found is None:
        build.fail(f"{complaint}unrecognised <type>'{word}'")
    return found


MOD_EXPIRES: Final = Filter("MOD_EXPIRES", FilterClass.CONTENT_SET - 2, add_expiry)


def insert_filter(x: Exchange) -> None:
    """Have the answer looked at."""
    x.filters.append(MOD_EXPIRES)


def _applies(settings: Any) -> bool:
    expires = settings[ExpiresDir]
    return expires.active and bool(expires.by_type or expires.default)


MODULE = Module(
    "expires",
    directives=(
        Directive("ExpiresActive", Shape.FLAG, OR_INDEXES, expires_active, "Limited to 'on' or 'off'"),
        Directive(
            "ExpiresByType", Shape.TAKE2, OR_INDEXES, expires_by_type,
            "a MIME type followed by an expiry date code",
        ),
        Directive("ExpiresDefault", Shape.TAKE1, OR_INDEXES, expires_default, "an expiry date code"),
    ),
    hooks=(
        Hook(Phase.INSERT_FILTERS, insert_filter, applies=_applies, pure=always),
        Hook(Phase.INSERT_ERROR_FILTERS, insert_filter, applies=_applies, pure=always),
    ),
    dir_settings=ExpiresDir,
    filters=(MOD_EXPIRES,),
)  # fmt: skip
