"""One request as its client sent it: made by ``head.parse_head``, read by everything, changed by nobody."""

from __future__ import annotations

from mpmserver.http.framing import Chunked, Framing, Length, NoBody
from mpmserver.http.headers import Headers
from mpmserver.http.uri import Target
from mpmserver.records import dataclass

__all__ = ["Chunked", "Framing", "Length", "NoBody", "Request"]


@dataclass(slots=True)
class Request:
    """A parsed request head. Never changed after it was made (a frozen class would cost as much as the parser).

    ``target`` and ``request_line`` are as received (``request_line`` is what ``%r`` logs; latin-1 text),
    ``uri`` is the parsed target. ``host`` is the host name the client meant, in lower case and without
    port, from an absolute target or else from Host; ``port`` the port it named there, or None.
    ``keep_alive`` says whether the client's side allows another request after this one, and
    ``keep_alive_asked`` that it said so in a Connection field (Apache then answers with one).
    ``ambiguous_framing`` tells of a Content-Length beside a Transfer-Encoding: the connection ends then.
    ``head_bytes`` is the head's size on the wire, with the blank lines before it.
    """

    method: str
    target: str
    protocol: str
    version: tuple[int, int]
    headers: Headers
    request_line: str
    head_bytes: int
    uri: Target
    host: str | None
    port: int | None
    keep_alive: bool
    keep_alive_asked: bool
    expect_continue: bool
    framing: Framing
    ambiguous_framing: bool = False

    @property
    def has_body(self) -> bool:
        """Whether a body follows the head (a Content-Length of 0 is none)."""
        framing = self.framing
        return not (framing.octets == 0 if isinstance(framing, Length) else isinstance(framing, NoBody))
