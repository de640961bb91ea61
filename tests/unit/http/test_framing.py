"""How a body is framed (RFC 9112 6.3), with Apache's log lines for what is refused."""

from __future__ import annotations

import pytest

from mpmserver.http.errors import HTTPError
from mpmserver.http.framing import CHUNKED, NO_BODY, Framing, Length, body_framing
from mpmserver.http.headers import Headers

CL, TE = "Content-Length", "Transfer-Encoding"


@pytest.mark.parametrize(
    ("fields", "framing", "smuggled"),
    [
        ([], NO_BODY, False),
        ([(CL, "0")], Length(0), False),
        ([(CL, "003")], Length(3), False),
        ([(CL, str(2**63 - 1))], Length(2**63 - 1), False),
        ([(CL, "0" * 5000 + "3")], Length(3), False),
        ([(TE, "chunked")], CHUNKED, False),
        ([(TE, "gzip,\tChunked")], CHUNKED, False),
        ([(TE, "gzip"), (TE, "chunked")], CHUNKED, False),
        ([(CL, "3"), (TE, "chunked")], CHUNKED, True),
    ],
)
def test_framing(fields: list[tuple[str, str]], framing: Framing, smuggled: bool) -> None:
    assert body_framing(Headers(fields)) == (framing, smuggled)


@pytest.mark.parametrize(
    ("fields", "log"),
    [
        ([(CL, "+3")], "AH10242: client sent invalid Content-Length (+3): /a"),
        ([(CL, "")], "AH10242: client sent invalid Content-Length (): /a"),
        ([(CL, "3"), (CL, "3")], "AH10242: client sent invalid Content-Length (3, 3): /a"),
        ([(CL, str(2**63))], f"AH10242: client sent invalid Content-Length ({2**63}): /a"),
        ([(CL, "\xb2")], "AH10242: client sent invalid Content-Length (\xb2): /a"),
        ([(TE, "chunked, gzip")], "AH02539: client sent unknown Transfer-Encoding (chunked, gzip): /a"),
        ([(TE, "")], "AH02539: client sent unknown Transfer-Encoding (): /a"),
        ([(TE, "x"), (CL, "x")], "AH10242: client sent invalid Content-Length (x): /a"),
    ],
)
def test_refused(fields: list[tuple[str, str]], log: str) -> None:
    with pytest.raises(HTTPError) as caught:
        body_framing(Headers(fields), "/a")
    error = caught.value
    assert (error.status, error.log, error.level, error.close) == (400, log, "debug", True)
