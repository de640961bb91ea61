"""Reading "Authorization: Digest ..." as leniently as Apache does."""

from __future__ import annotations

import pytest

from mpmserver.modules.auth_digest.credentials import hexadecimal, parse

NONCE = "n" * 11 + "=" + "n" * 40
RESPONSE = "d" * 32
WHOLE = f'username="u", realm="r", nonce="{NONCE}", uri="/x", response="{RESPONSE}", qop=auth, nc=1, cnonce="c"'


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ('username="u", realm=r', {"username": "u", "realm": "r"}),
        ('  a = "1" ,b= 2,c=3 junk, d', {"a": "1", "b": "2", "c": "3", "d": ""}),
        (r'a="x\"y\\z"', {"a": r'x"y\z'}),
        ('a="open', {"a": "open"}),
        ('a="x,y" z,b=1', {"a": "x,y", "b": "1"}),
        (",,a=1,,", {"": "", "a": "1"}),
        ("=x, A=1, a=2", {"": "x", "a": "2"}),
        ("", {}),
        ('name="Ã¼"', {"name": "ü"}),
        ('name="ÿ"', {"name": "\udcff"}),
    ],
)
def test_parameters(text: str, parameters: dict[str, str]) -> None:
    assert parse(f"Digest {text}").parameters == parameters


@pytest.mark.parametrize(
    ("header", "scheme", "complete"),
    [
        (None, None, False),
        ("", "", False),
        ("Basic x", "Basic", False),
        ("Digest", "Digest", False),
        (f"dIgEsT {WHOLE}", "dIgEsT", True),
        (f"Digest {WHOLE.replace('nc=1, ', '')}", "Digest", False),
        (f"Digest {WHOLE.replace('qop=auth, nc=1, ', '')}", "Digest", True),
        (f"Digest {WHOLE.replace(NONCE, NONCE[1:])}", "Digest", False),
        (f"Digest {WHOLE.replace('uri', 'uris')}", "Digest", False),
        (f"Digest {WHOLE.replace(NONCE, 'n' * 52)}", "Digest", False),
        (f"Digest {WHOLE.replace(RESPONSE, 'd')}", "Digest", False),
        (f"Digest {WHOLE.replace(RESPONSE, 'd' * 33)}", "Digest", False),
        (f"Digest {WHOLE.replace(RESPONSE, 'z' * 32)}", "Digest", True),
    ],
)
def test_what_is_complete(header: str | None, scheme: str | None, complete: bool) -> None:
    credentials = parse(header)
    assert (credentials.scheme, credentials.complete) == (scheme, complete)


@pytest.mark.parametrize(("opaque", "client"), [("1", 1), ("ff", 255), ("zz", 0), ("", 0), ("0", 0), ("0x10", 16)])
def test_the_number_of_the_client(opaque: str, client: int) -> None:
    assert parse(f'Digest {WHOLE}, opaque="{opaque}"').client == client
    assert parse(f'Digest opaque="{opaque}"').client == 0


@pytest.mark.parametrize(
    ("text", "value", "whole"),
    [
        ("00000001", 1, True), ("FF", 255, True), ("0x1f", 31, True), (" 9", 9, True), ("9 x", 9, True),
        ("9x", 9, False), ("xyz", 0, False), ("", 0, True), ("-1", (1 << 64) - 1, True), ("-0", 0, True),
        ("f" * 40, (1 << 64) - 1, True), ("+2", 2, True),
    ],
)  # fmt: skip
def test_hexadecimal(text: str, value: int, whole: bool) -> None:
    assert hexadecimal(text) == (value, whole)
