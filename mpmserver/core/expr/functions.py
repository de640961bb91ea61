"""The functions of expressions: name(word) and %{name:text}, each a function of one evaluation and a text.

Texts of expressions are UTF-8 with surrogates for other octets; what works on bytes does so explicitly.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import stat
from collections.abc import Callable, Mapping
from typing import Final

from mpmserver.core.environment import get_variable
from mpmserver.core.expr.run import Run, octets, received, text_of
from mpmserver.core.settings import Level
from mpmserver.http.text import decode_base64, to_lower, to_upper
from mpmserver.http.uri import escape_uri

MAX_FILE_SIZE = 10 * 1024 * 1024
"""What file() reads at most."""
RESTRICTED: Final = frozenset({"file", "filesize"})
MAY_FAIL: Final = frozenset({"file"})
PURE: Final = frozenset({
    "http", "req", "req_novary", "tolower", "toupper", "escape", "unescape", "base64", "unbase64", "md5", "sha1",
    "ldap", "reqenv", "osenv", "env", "note", "file", "filesize",
})  # fmt: skip
"""Functions that say nothing but what follows from the request's head, its configuration, and files looked at."""

_UNESCAPE = re.compile(rb"%(..?)?", re.DOTALL)
_HEX = re.compile(rb"[0-9A-Fa-f]{2}")
_LDAP_SPECIAL = re.compile(rb'[*()\\,+"<>;\x00-\x1f\x7f-\xff]')

Function = Callable[[Run, str], str]


def _request_header(run: Run, name: str) -> str:
    return run.header(name)


def _request_header_no_vary(run: Run, name: str) -> str:
    return received(run.x.headers_in.get(name))


def _response_header(run: Run, name: str) -> str:
    """A field of the answer; once its head is sent that has a Content-Type, too, and what else came last."""
    head = run.x.notes.get("sent-head")
    if head is not None and name.lower() not in ("date", "server"):
        fields = [line.partition(": ") for line in head.split("\r\n")]
        return received(", ".join(value for key, mark, value in fields if mark and key.lower() == name.lower()))
    value = run.x.headers_out.get(name)
    return received(run.x.err_headers_out.get(name) if value is None else value)


def _request_env(run: Run, name: str) -> str:
    return _look_up(run.x.env, name) or ""


def _os_env(run: Run, name: str) -> str:
    return os.environ.get(name, "")


def _note(run: Run, name: str) -> str:
    return _look_up(run.x.notes, name) or ""


def _look_up(table: Mapping[str, object], name: str) -> str | None:
    """A text by its name; notes may be other things, too."""
    value = get_variable(table, name)
    return value if isinstance(value, str) else None


def _any_env(run: Run, name: str) -> str:
    """The first of note, reqenv and osenv that knows the name."""
    for table in (run.x.notes, run.x.env):
        value = _look_up(table, name)
        if value is not None:
            return value
    return os.environ.get(name, "")


def _lower(run: Run, text: str) -> str:
    return to_lower(text)


def _upper(run: Run, text: str) -> str:
    return to_upper(text)


def _escape(run: Run, text: str) -> str:
    return escape_uri(text)


def _unescape(run: Run, text: str) -> str:
    """Percent escapes undone, those of slashes excepted; "" where one is wrong or stands for NUL."""
    wrong: list[str] = []

    def octet(match: re.Match[bytes]) -> bytes:
        digits = match[1] or b""
        if not _HEX.fullmatch(digits):
            wrong.append("Bad")
            return b""
        value = int(digits, 16)
        if value == 0:
            wrong.append("Forbidden")
        return match[0] if value == 0x2F else bytes([value])

    result = _UNESCAPE.sub(octet, octets(text))
    if wrong:
        kind = "Bad" if "Bad" in wrong else "Forbidden"
        run.messages.append((Level.DEBUG, f"AH00538: {kind} % escape in unescape('{text}') at {run.origin}"))
        return ""
    return text_of(result)


def _base64(run: Run, text: str) -> str:
    return base64.b64encode(octets(text)).decode("ascii")


def _unbase64(run: Run, text: str) -> str:
    """As far as it is base64, and up to a NUL."""
    return decode_base64(text)


def _md5(run: Run, text: str) -> str:
    return hashlib.md5(octets(text), usedforsecurity=False).hexdigest()


def _sha1(run: Run, text: str) -> str:
    return hashlib.sha1(octets(text), usedforsecurity=False).hexdigest()


def _ldap(run: Run, text: str) -> str:
    """What LDAP names and filters treat specially as backslash and two digits (RFC 4514, RFC 4515)."""
    escaped = _LDAP_SPECIAL.sub(lambda match: b"\\%02x" % match[0][0], octets(text))
    return text_of(escaped)


def _file(run: Run, name: str) -> str:
    """What a file contains; the evaluation fails where it can't be read."""
    try:
        run.x.files.stat(name)
        with open(name, "rb") as file:
            if os.fstat(file.fileno()).st_size > MAX_FILE_SIZE:
                run.failure = f"File {name} too large"
                return ""
            return text_of(file.read(MAX_FILE_SIZE))
    except IsADirectoryError:
        run.failure = f"Cannot read from file {name}"
    except (OSError, ValueError):
        run.failure = f"Cannot open file {name}"
    return ""


def _file_size(run: Run, name: str) -> str:
    """The size of a regular file, 0 for anything else."""
    try:
        status = run.x.files.stat(name)
    except (OSError, ValueError):
        return "0"
    return str(status.st_size) if stat.S_ISREG(status.st_mode) else "0"


FUNCTIONS: Final[Mapping[str, Function]] = {
    "req": _request_header,
    "http": _request_header,
    "req_novary": _request_header_no_vary,
    "resp": _response_header,
    "reqenv": _request_env,
    "osenv": _os_env,
    "note": _note,
    "env": _any_env,
    "tolower": _lower,
    "toupper": _upper,
    "escape": _escape,
    "unescape": _unescape,
    "base64": _base64,
    "unbase64": _unbase64,
    "md5": _md5,
    "sha1": _sha1,
    "ldap": _ldap,
    "file": _file,
    "filesize": _file_size,
}
