"""Host names: every row is what Apache did with the Host field."""

from __future__ import annotations

import pytest

from mpmserver.http.errors import HTTPError
from mpmserver.http.host import split_host


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        ("Ex.ORG", ("ex.org", None)),
        ("ex.org.:80", ("ex.org", 80)),
        ("a_b-", ("a_b-", None)),
        ("-", ("-", None)),
        (".a", (".a", None)),
        ("1.a", ("1.a", None)),
        ("a.1.b", ("a.1.b", None)),
        ("1.2.3.4.a", ("1.2.3.4.a", None)),
        ("1.2.3.4", ("1.2.3.4", None)),
        ("256.1.1.1:65535", ("256.1.1.1", 65535)),
        ("x:080", ("x", 80)),
        ("x:" + "0" * 5000 + "80", ("x", 80)),
        ("[::1]", ("[::1]", None)),
        ("[FE80::1]:81", ("[fe80::1]", 81)),
    ],
)
def test_names(value: str, parsed: tuple[str, int | None]) -> None:
    assert split_host(value) == parsed


@pytest.mark.parametrize(
    ("value", "log"),
    [
        (".", "AH02415: [strict] Invalid host name ''"),
        ("127.1", "AH02415: [strict] Invalid host name '127.1'"),
        ("01.2.3.4", "AH02415: [strict] Invalid host name '01.2.3.4'"),
        ("12", "AH02416: [strict] purely numeric host names not allowed: 12"),
        ("a.1", "AH02415: [strict] Invalid host name 'a.1', problem near: .1"),
        ("a.b.1", "AH02415: [strict] Invalid host name 'a.b.1', problem near: .1"),
        ("x.-y", "AH02415: [strict] Invalid host name 'x.-y', problem near: .-y"),
        ("a b", "AH02415: [strict] Invalid host name 'a b', problem near:  b"),
        ("x!$&()+=~y", "AH02415: [strict] Invalid host name 'x!$&()+=~y', problem near: !$&()+"),
        ("x:", "AH02415: [strict] Invalid host name 'x:', problem near: :"),
        ("x:abc", "AH02415: [strict] Invalid host name 'x:abc', problem near: :abc"),
        ("x, y", "AH02415: [strict] Invalid host name 'x, y', problem near: , y"),
    ],
)
def test_malformed_names(value: str, log: str) -> None:
    with pytest.raises(HTTPError) as caught:
        split_host(value)
    error = caught.value
    assert (error.status, error.close, error.log) == (400, True, log)
    assert error.log_more == (("debug", f"AH00550: Client sent malformed Host header: {value}"),)


@pytest.mark.parametrize(
    "value",
    ["a..b", "a/b", "x\\y", "x:0", "x:65536", "x:100000000000000000080", "[::1", "[::g]", "[::1]x", "[]", "[1.2.3.4]",
     "[::1]:", "[::1%25lo]"],
)  # fmt: skip
def test_malformed_without_explanation(value: str) -> None:
    with pytest.raises(HTTPError) as caught:
        split_host(value)
    assert caught.value.log == f"AH00550: Client sent malformed Host header: {value}"
    assert caught.value.log_more == ()


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        ("a b", ("a b", None)),
        ("x:abc", ("x:abc", None)),
        ("x, y", ("x, y", None)),
        (".", ("", None)),
        ("1.2", ("1.2", None)),
    ],
)
def test_unsafe_names(value: str, parsed: tuple[str, int | None]) -> None:
    assert split_host(value, strict=False) == parsed


@pytest.mark.parametrize("value", ["a/b", "x\\y", "a..b", "[::g]", "[::1"])
def test_malformed_even_when_unsafe(value: str) -> None:
    with pytest.raises(HTTPError):
        split_host(value, strict=False)
