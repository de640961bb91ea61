"""Networks as directives write them: what apr_ipsubnet_create takes, refuses, and means."""

from __future__ import annotations

import pytest

from mpmserver.core.subnets import BAD_ADDRESS, BAD_MASK, LOOPBACK, BadSubnet, NotAnAddress, is_in, parse_subnet


@pytest.mark.parametrize(
    ("text", "mask", "inside", "outside"),
    [
        ("10.1.2.3", None, "10.1.2.3", "10.1.2.4"),
        ("10", None, "10.255.0.1", "11.0.0.1"),
        ("10.1", None, "10.1.9.9", "10.2.0.0"),
        ("10.1.", None, "10.1.9.9", "10.2.0.0"),
        ("10.1.2", None, "10.1.2.200", "10.1.3.0"),
        ("010.1.1.1", None, "10.1.1.1", "8.1.1.1"),
        ("00000010.1", None, "10.1.0.7", "10.2.0.7"),
        ("10.0.0.0", "8", "10.9.9.9", "11.0.0.0"),
        ("10.1.0.0", "+016", "10.1.255.255", "10.2.0.0"),
        ("10.1.0.0", "0000000000000016", "10.1.255.255", "10.2.0.0"),
        ("10.0.0.1", "255.0.0.255", "10.77.88.1", "10.77.88.2"),
        ("1.2.3.4", "0.0.0.0", "9.9.9.9", "::1"),
        ("128.0.0.0", "1", "200.0.0.1", "127.0.0.1"),
        ("2001:db8::", "32", "2001:db8:1::1", "2001:db9::1"),
        ("::1", None, "::1", "::2"),
        ("::1.2.3.4", None, "::102:304", "1.2.3.4"),
        ("127.0.0.1", None, "::ffff:127.0.0.1", "::1"),
        ("fe80::1", None, "fe80::1%lo", "fe80::2%lo"),
    ],
)
def test_what_is_meant(text: str, mask: str | None, inside: str, outside: str) -> None:
    subnet = parse_subnet(text, mask)
    assert is_in(inside, [subnet])
    assert not is_in(outside, [subnet])


@pytest.mark.parametrize(
    ("text", "mask", "reason"),
    [
        ("300.1.1", None, BAD_ADDRESS), ("1.2.3.4.5", None, BAD_ADDRESS), ("1..2", None, BAD_ADDRESS),
        (".", None, BAD_ADDRESS), ("12345", None, BAD_ADDRESS), ("0000000000000010", None, BAD_ADDRESS),
        ("10.1", "16", BAD_ADDRESS), ("10", "8", BAD_ADDRESS), ("010.1.1.1", "8", BAD_ADDRESS),
        ("::ffff:1.2.3.4", None, BAD_ADDRESS), ("fe80::1%lo", None, BAD_ADDRESS), ("[::1]", None, BAD_ADDRESS),
        ("a:b", None, BAD_ADDRESS), ("1.2.3.4", "33", BAD_MASK), ("1.2.3.4", "0", BAD_MASK), ("1.2.3.4", "", BAD_MASK),
        ("1.2.3.4", "-1", BAD_MASK), ("1.2.3.4", "24x", BAD_MASK), ("1.2.3.4", "255.255.255", BAD_MASK),
        ("1.2.3.4", "9" * 6000, BAD_MASK), ("::1", "129", BAD_MASK), ("::1", "255.0.0.0", BAD_MASK),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, mask: str | None, reason: str) -> None:
    with pytest.raises(BadSubnet) as caught:
        parse_subnet(text, mask)
    assert str(caught.value) == reason


@pytest.mark.parametrize("text", ["", "foo", "123.foo", "1.2.3.4,5", "all"])
def test_what_is_a_name(text: str) -> None:
    with pytest.raises(NotAnAddress):
        parse_subnet(text)


def test_loopback() -> None:
    assert is_in("127.9.9.9", LOOPBACK)
    assert is_in("::1", LOOPBACK)
    assert not is_in("128.0.0.1", LOOPBACK)
