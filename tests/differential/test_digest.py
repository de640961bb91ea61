"""The placeholder that answers a Digest challenge, against RFC 7616's own example (section 3.9.1, MD5)."""

from __future__ import annotations

import hashlib

import pytest

from tests.differential.digest import answer, fill, parameters

CHALLENGE = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
KNOWN = {name: value for name, value in parameters(CHALLENGE).items() if name in ("realm", "nonce", "opaque")}


def test_the_example_of_the_standard() -> None:
    ha1 = hashlib.md5(b"Mufasa:http-auth@example.org:Circle of Life").hexdigest()
    sent = parameters(answer(f"Mufasa: cnonce={CNONCE} ha1={ha1}", "GET", "/dir/index.html", KNOWN))
    assert sent["response"] == "8ca523f5e9506fed4657c9700eebdbec"
    assert sent["opaque"] == KNOWN["opaque"]


@pytest.mark.parametrize(
    ("words", "there", "not_there"),
    [
        ("u:p", 'username="u"', "none"),
        ("u:p -uri", 'realm="', "uri="),
        ("u:p opaque=1", 'opaque="1"', "none"),
        ("u:p next", 'nonce="N"', "7ypf"),
        ("u:p response=x", 'response="x"', "none"),
        ("u:p nc=2 qop=auth-int", "qop=auth-int, nc=2", "none"),
        ('u"v:p', r'username="u\"v"', "none"),
    ],
)
def test_changes(words: str, there: str, not_there: str) -> None:
    text = answer(words, "GET", "/", KNOWN, "N")
    assert there in text
    assert not_there not in text


def test_filling_in() -> None:
    values = {b"challenge": CHALLENGE.encode(), b"authentication-info": b'rspauth="x", nextnonce="N", nc=1'}
    part = fill(b"GET /x?y HTTP/1.1\r\nAuthorization: {digest u:p next -opaque}\r\n\r\n", values)
    assert b'uri="/x?y"' in part
    assert b'nonce="N"' in part
    assert b"opaque" not in part
