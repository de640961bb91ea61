"""What a client says in "Authorization: Digest ...", read as leniently as Apache reads it.

`credentials_of` is asked by the request itself and by whatever subrequest or error document comes of it: what counts is
always the request as it was received, read once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mpmserver.http.text import path_text
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

NOTE: Final = "digest-credentials"
NONCE_LENGTH: Final = 52
PADDING: Final = 11
"""Where in a nonce its time ends."""
RESPONSE_LENGTH: Final = 32
_PARAMETER = re.compile(
    r"""[ \t\n\v\f\r]*(?P<name>[^=,\s]*)[ \t\n\v\f\r]*
    (?:=[ \t\n\v\f\r]*(?:"(?P<quoted>(?:\\.|[^"])*)"?|(?P<token>[^,\s]*)))?
    [^,]*(?:,|$)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_HEXADECIMAL = re.compile(r"[ \t\n\v\f\r]*([+-]?)(?:0[xX])?([0-9a-fA-F]*)", re.ASCII)
_MOST: Final = (1 << 64) - 1


@dataclass(slots=True)
class Credentials:
    """The parameters of the header; those that authentication needs are text where `complete`.

    Set by the check: `ha1`, the hash of user, realm and password, `nonce_time`, and `needed`: a section has asked.
    """

    scheme: str | None
    """None where there is no header."""
    parameters: dict[str, str]
    complete: bool = False
    needed: bool = False
    ha1: str = ""
    nonce_time: int = 0

    @property
    def opaque(self) -> str | None:
        return self.parameters.get("opaque")

    @property
    def client(self) -> int:
        """The client's number; 0 for what is none."""
        return max(0, hexadecimal(self.opaque or "")[0]) if self.complete else 0

    def __getitem__(self, name: str) -> str:
        return self.parameters[name]


def credentials_of(x: Exchange) -> Credentials:
    """The credentials that came with the client's request."""
    first = x.first
    found: Credentials | None = first.notes.get(NOTE)
    if found is None:
        found = first.notes[NOTE] = parse(first.headers_in.get("Authorization"))
    return found


def parse(header: str | None) -> Credentials:
    """Read the header; of parameters that come twice the last one counts."""
    if header is None:
        return Credentials(None, {})
    scheme, _space, text = header.partition(" ")
    if scheme.lower() != "digest":
        return Credentials(scheme, {})
    credentials = Credentials(scheme, _parameters(text))
    wanted = {"username", "realm", "nonce", "uri", "response"}
    if "qop" in credentials.parameters:
        wanted |= {"cnonce", "nc"}
    credentials.complete = wanted <= credentials.parameters.keys() and _have_lengths(credentials)
    return credentials


def _have_lengths(credentials: Credentials) -> bool:
    """Whether the hash and the nonce can be what they should be: the time in a nonce ends with base64's padding."""
    nonce = credentials["nonce"]
    return len(credentials["response"]) == RESPONSE_LENGTH and len(nonce) == NONCE_LENGTH and nonce[PADDING] == "="


def _parameters(text: str) -> dict[str, str]:
    text = path_text(text)
    found = {}
    position = 0
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None or match.end() == position:
            break
        position = match.end()
        quoted = match["quoted"]
        value = _ESCAPED.sub(r"\1", quoted) if quoted is not None else match["token"] or ""
        found[match["name"].lower()] = value
    return found


def hexadecimal(text: str) -> tuple[int, bool]:
    """A number as C's strtoul reads it, and whether that was all of the text."""
    match = _HEXADECIMAL.match(text)
    digits = match[2] if match is not None else ""
    if match is None or not digits:
        return 0, not text
    value = min(int(digits, 16), _MOST)
    rest = text[match.end() :]
    return (_MOST + 1 - value if match[1] == "-" and value else value), not rest or rest[0].isspace()
