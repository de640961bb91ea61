"""mod_usertrack: a cookie by which the requests of one visitor can be found in a log (%{cookie}n).

A request that brings the cookie has its value noted; another one is given a new one, also where it is answered by
an error. As in Apache the settings of a section stand alone: an inner section with any directive of this module forgets
what the outer one said, and CookieExpires holds for the whole server in whose configuration it stands (in a .htaccess
file: for the folder). The hook runs in FIXUP, on the thread that drives the request.
"""

from __future__ import annotations

import re
import secrets
import time
from typing import Final, Self

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_FILEINFO, Directive, Shape
from mpmserver.config.settings import Settings, setting
from mpmserver.config.syntax import words
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Hook, Module, Order, Phase
from mpmserver.records import dataclass

NOTE: Final = "cookie"
DEFAULT_NAME: Final = "Apache"
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY: Final = 86400
_UNITS: Final = (
    ("y", 365 * _DAY), ("mo", 30 * _DAY), ("w", 7 * _DAY), ("d", _DAY), ("h", 3600), ("mi", 60), ("s", 1),
)  # fmt: skip
"""Units of time by the letters that suffice to name them."""
_STYLES: Final = {
    "netscape": "netscape", "cookie": "cookie", "rfc2109": "cookie", "cookie2": "cookie2", "rfc2965": "cookie2",
}  # fmt: skip
_SAME_SITE: Final = {"strict": "Strict", "lax": "Lax", "none": "None"}
_DIGITS = re.compile(r"[0-9]+", re.ASCII)


class _Alone(Settings):
    """Settings that are not merged: those of the inner section replace the outer's."""

    __slots__ = ()

    @classmethod
    def merge(cls, outer: Self, inner: Self) -> Self:
        return inner


@dataclass(slots=True)
class UsertrackServer(_Alone):
    """CookieExpires, in seconds; 0 for a cookie that ends with the session."""

    expires: int = setting(0)


@dataclass(slots=True)
class UsertrackDir(_Alone):
    """Everything else, and CookieExpires of a .htaccess file."""

    enabled: bool = setting(False)
    name: str = setting(DEFAULT_NAME)
    pattern: re.Pattern[str] = setting(re.compile(""))
    style: str = setting("netscape")
    domain: str | None = setting(None)
    same_site: str | None = setting(None)
    secure: bool = setting(False)
    http_only: bool = setting(False)
    expires: int | None = setting(None)
    """None where the server's holds."""

    def finished(self) -> Self:
        whole = super().finished()
        whole.pattern = _finder(whole.name)
        return whole


def _finder(name: str) -> re.Pattern[str]:
    """What finds the cookie's value in a Cookie field; the name is a literal, whatever it contains."""
    quoted = re.escape(name)
    return re.compile(f"(?:^|[;,][ \\t]*){quoted}=([^;,]+)")


def _settings(build: Build) -> UsertrackDir:
    """The section's settings; any directive gives its server settings of its own, too."""
    if not build.in_htaccess:
        build.server(UsertrackServer)
    return build.dir(UsertrackDir)


def _tracking(build: Build, on: bool) -> None:
    _settings(build).enabled = on


def _name(build: Build, name: str) -> None:
    _settings(build).name = name


def _style(build: Build, word: str) -> None:
    style = _STYLES.get(word.lower())
    if style is None:
        build.fail(f"Invalid CookieStyle keyword: '{word}'")
    _settings(build).style = style


def _domain(build: Build, domain: str) -> None:
    if not domain.startswith("."):
        build.fail("CookieDomain values must begin with a dot")
    if "." not in domain[1:]:
        build.fail("CookieDomain values must contain at least one embedded dot")
    _settings(build).domain = domain


def _same_site(build: Build, word: str) -> None:
    value = _SAME_SITE.get(word.lower())
    if value is None:
        build.fail("CookieSameSite accepts 'Strict', 'Lax', or 'None'")
    _settings(build).same_site = value


def _secure(build: Build, on: bool) -> None:
    _settings(build).secure = on


def _http_only(build: Build, on: bool) -> None:
    _settings(build).http_only = on


def _expires(build: Build, text: str) -> None:
    if text[0] in "0123456789" and text[-1] in "0123456789":
        match = _DIGITS.match(text)
        seconds = int(match[0]) if match is not None else 0
    else:
        seconds = _duration(build, text)
    seconds = (seconds + (1 << 31)) % (1 << 32) - (1 << 31)  # the figure has 32 bits, and no fewer surprises
    settings = _settings(build)
    if build.in_htaccess:
        settings.expires = seconds
    else:
        build.server(UsertrackServer).expires = seconds


def _duration(build: Build, text: str) -> int:
    """Seconds of "2 weeks 3 days", with "plus" in front of it or without."""
    given = words(text)
    if given and given[0][0] in "pP":
        given = given[1:]
    total = 0
    for index in range(0, len(given), 2):
        number = _DIGITS.match(given[index])
        if number is None:
            build.fail("bad expires code, numeric value expected.")
        if index + 1 == len(given):
            build.fail("bad expires code, missing <type>")
        unit = given[index + 1].lower()
        size = next((size for letters, size in _UNITS if unit.startswith(letters)), None)
        if size is None:
            build.fail("bad expires code, unrecognized type")
        total += int(number[0]) * size
    return total


def _track(x: Exchange) -> None:
    """FIXUP: note the visitor's cookie, or give one."""
    if x.main is not None:
        return
    settings = x.settings[UsertrackDir]
    found = settings.pattern.search(x.headers_in.get("Cookie") or "")
    if found is not None:
        x.notes[NOTE] = found[1]
        return
    value = f"{secrets.randbits(32):x}.{int(x.request_time * 1_000_000):x}"
    x.notes[NOTE] = value
    expires = x.server[UsertrackServer].expires if settings.expires is None else settings.expires
    field = "Set-Cookie2" if settings.style == "cookie2" else "Set-Cookie"
    x.err_headers_out.add(field, f"{settings.name}={value}; path=/{_attributes(settings, expires)}")


def _attributes(settings: UsertrackDir, expires: int) -> str:
    parts = []
    if expires and settings.style == "netscape":
        parts.append(f"expires={_date(time.time() + expires)}")
    elif expires:
        parts.append(f"max-age={expires}")
    if settings.domain is not None:
        parts.append(f"domain={settings.domain}{'; version=1' if settings.style == 'cookie2' else ''}")
    if settings.same_site is not None:
        parts.append(f"SameSite={settings.same_site}")
    if settings.secure:
        parts.append("Secure")
    if settings.http_only:
        parts.append("HttpOnly")
    return "".join(f"; {part}" for part in parts)


def _date(seconds: float) -> str:
    """Netscape's form: Mon, 23-Nov-26 07:50:59 GMT."""
    at = time.gmtime(seconds)
    day = f"{_DAYS[at.tm_wday]}, {at.tm_mday:02}-{_MONTHS[at.tm_mon - 1]}-{at.tm_year % 100:02}"
    return f"{day} {at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} GMT"


MODULE = Module(
    "usertrack",
    directives=(
        Directive("CookieExpires", Shape.TAKE1, OR_FILEINFO, _expires, "an expiry date code"),
        Directive("CookieDomain", Shape.TAKE1, OR_FILEINFO, _domain, "domain to which this cookie applies"),
        Directive("CookieStyle", Shape.TAKE1, OR_FILEINFO, _style,
            "'Netscape', 'Cookie' (RFC2109), or 'Cookie2' (RFC2965)"),
        Directive("CookieTracking", Shape.FLAG, OR_FILEINFO, _tracking, "whether or not to enable cookies"),
        Directive("CookieName", Shape.TAKE1, OR_FILEINFO, _name, "name of the tracking cookie"),
        Directive("CookieSameSite", Shape.TAKE1, OR_FILEINFO, _same_site, "SameSite setting"),
        Directive("CookieSecure", Shape.FLAG, OR_FILEINFO, _secure, "is cookie secure"),
        Directive("CookieHttpOnly", Shape.FLAG, OR_FILEINFO, _http_only, "is cookie http only"),
    ),
    hooks=(Hook(Phase.FIXUP, _track, Order.MIDDLE, applies=lambda settings: settings[UsertrackDir].enabled),),
    server_settings=UsertrackServer,
    dir_settings=UsertrackDir,
)  # fmt: skip
