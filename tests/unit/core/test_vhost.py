"""Virtual hosts by address and by name; what is expected was measured with Apache 2.4.71."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver.config.errors import ConfigError
from mpmserver.core.settings import CoreServer
from mpmserver.core.vhost import VhostTable
from mpmserver.http.errors import HTTPError
from tests.unit.modules.core_kit import BASE, TestSite

LINE = BASE.count("\n")


def hosts(*addresses_and_names: str, before: str = "") -> str:
    """A configuration of <VirtualHost>s: "address name extra-directive"."""
    text = before + "\n"
    for one in addresses_and_names:
        address, name, *extra = one.split(" ", 2)
        lines = [f"<VirtualHost {address}>", f"ServerName {name}", *extra, "</VirtualHost>", ""]
        text += "\n".join(lines)
    return text


def table(text: str, root: Path) -> VhostTable:
    return TestSite(text, root).world.hosts


def name_of(text: str, root: Path, host: str | None, ip: str = "127.0.0.1", path: str = "/") -> str | None:
    return table(text, root).for_address((ip, 80)).choose(host, path)[CoreServer].server_name


STAR = hosts("*:80 star ServerAlias foo.* b?r", "*:80 two ServerAlias foo.exact")
NAMED: list[tuple[str, str | None, str]] = [
    (hosts("*:* any", "*:80 port"), "x", "port"),
    (hosts("*:* any", "*:80 port"), "any", "port"),
    (hosts("*:80 port", "*:* any"), "any", "port"),
    (hosts("127.0.0.1:* ipany", "127.0.0.1:80 ipport"), "ipany", "ipport"),
    (hosts("127.0.0.1:80 ipport", "127.0.0.1:* ipany"), "x", "ipport"),
    (STAR, "foo.exact", "star"),
    (STAR, "foo.x", "star"),
    (STAR, "bar", "star"),
    (STAR, "two", "two"),
    (STAR, "zzz", "star"),
    (STAR, None, "star"),
    (hosts("127.0.0.1:80 ip", "*:80 star"), "star", "ip"),
    (hosts("0.0.0.0:80 zero", "*:80 star"), "star", "star"),
    (hosts("0.0.0.0:80 zero", "*:80 star"), "q", "zero"),
    (hosts("*:1 p1", "127.0.0.1:2 p2"), "p1", "localhost"),
    (hosts("localhost:80 aaa", "127.0.0.1:80 bbb"), "127.0.0.1", "bbb"),
    (hosts("localhost:80 aaa", "127.0.0.1:80 bbb"), "main", "aaa"),
    (hosts("_default_:80 fallback"), "x", "fallback"),
    ("", "x", "localhost"),
]


@pytest.mark.parametrize(("text", "host", "expected"), NAMED)
def test_by_name(text: str, host: str | None, expected: str, tmp_path: Path) -> None:
    assert name_of(text, tmp_path, host) == expected


PATHS = hosts("*:80 p1 ServerPath /p1", "*:80 p2 ServerPath /p2/")


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/p2/x", "p2"), ("/p2", "p1"), ("/p1x", "p1"), ("/p1/x", "p1"), ("/other", "p1")],
)
def test_old_clients_by_server_path(path: str, expected: str, tmp_path: Path) -> None:
    assert name_of(PATHS, tmp_path, None, path=path) == expected


def test_server_path_is_no_matter_with_a_host(tmp_path: Path) -> None:
    assert name_of(PATHS, tmp_path, "p2", path="/p1/") == "p2"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (hosts("*:80 p1", before="StrictHostCheck on"), "AH10157"),
        (hosts("*:80 p1 StrictHostCheck on"), "AH10157"),
        ("StrictHostCheck on", "AH10156"),
    ],
)
def test_strict_host_check(text: str, number: str, tmp_path: Path) -> None:
    found = table(text, tmp_path).for_address(("127.0.0.1", 80))
    with pytest.raises(HTTPError) as refused:
        found.choose("zz")
    assert refused.value.status == 400
    assert refused.value.log.startswith(f"{number}: Requested hostname 'zz' did not match any ServerName/ServerAlias")
    assert found.choose(None) is found.default


def test_ipv6_addresses(tmp_path: Path) -> None:
    text = hosts("[::1]:80 six", "*:80 star")
    assert name_of(text, tmp_path, "x", ip="::1") == "six"
    assert name_of(text, tmp_path, "x", ip="::2") == "star"


def test_port_and_name_of_a_host_without_its_own(tmp_path: Path) -> None:
    found = table("<VirtualHost *:81>\n</VirtualHost>", tmp_path).for_address(("127.0.0.1", 81)).default
    assert (found[CoreServer].server_name, found[CoreServer].server_port) == ("localhost", 81)
    named = table(hosts("*:81 https://n:444"), tmp_path).for_address(("127.0.0.1", 81)).default[CoreServer]
    assert (named.server_scheme, named.server_name, named.server_port) == ("https", "n", 444)


def test_description(tmp_path: Path) -> None:
    text = """<VirtualHost *:80>
ServerName one.example
ServerAlias www.one.example *.wild.example o?e
</VirtualHost>
<VirtualHost *:80>
ServerName two.example
</VirtualHost>
<VirtualHost *:81>
ServerName three.example
ServerAlias x
</VirtualHost>
<VirtualHost 127.0.0.1:80>
ServerName ip.example
</VirtualHost>
<VirtualHost 127.0.0.2 127.0.0.3:90>
ServerName multi.example
</VirtualHost>
<VirtualHost [::1]:80>
ServerName six.example
</VirtualHost>
<VirtualHost _default_:*>
ServerName def.example
</VirtualHost>"""
    expected = """VirtualHost configuration:
[::1]:80               six.example (F:18)
127.0.0.3:90           multi.example (F:15)
127.0.0.2:*            multi.example (F:15)
127.0.0.1:80           ip.example (F:12)
*:80                   is a NameVirtualHost
         default server one.example (F:1)
         port 80 namevhost one.example (F:1)
                 alias www.one.example
                 wild alias *.wild.example
                 wild alias o?e
         port 80 namevhost two.example (F:5)
*:81                   three.example (F:8)
*:*                    def.example (F:21)
"""
    shown = table(text, tmp_path).describe()
    for line in range(1, 30):
        shown = shown.replace(f"{tmp_path}/httpd.conf:{line + LINE})", f"F:{line})")
    assert shown == expected


def test_description_without_any(tmp_path: Path) -> None:
    assert table("", tmp_path).describe() == "VirtualHost configuration:\n"


def test_order_of_addresses_is_apaches_hash_table(tmp_path: Path) -> None:
    addresses = ("10.0.0.1", "10.0.0.2", "192.168.10.20", "172.16.5.4", "[2001:db8::1]", "[fe80::aa:1]")
    text = hosts(*(f"{address}:80 n{index}" for index, address in enumerate(addresses)))
    names = [line.split()[1] for line in table(text, tmp_path).describe().splitlines()[1:]]
    assert names == ["n4", "n1", "n0", "n2", "n5", "n3"]


@pytest.mark.parametrize("address", ["*:0", "*:99999", "[::1", "[x]:80", ":80"])
def test_no_address(address: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^.*The address or port is invalid$"):
        TestSite(f"<VirtualHost {address}>\n</VirtualHost>", tmp_path)


def test_unknown_names_are_left_out(tmp_path: Path) -> None:
    site = TestSite(hosts("nosuch.invalid:80 gone"), tmp_path)
    assert site.world.hosts.for_address(("127.0.0.1", 80)).default is site.world.site.main
