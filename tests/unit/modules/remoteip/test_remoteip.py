"""mod_remoteip in the pipeline: whom the walk believes, and what is left of the header (expectations from httpd)."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from mpmserver.core.exchange import Exchange, Peer
from mpmserver.core.preface import Refused
from mpmserver.core.settings import Level
from mpmserver.modules.remoteip import PROXIES_NOTE
from mpmserver.modules.remoteip.preface import CLIENT_NOTE, ProxyPreface, announce, proxy_protocol
from mpmserver.net.waits import Offload
from tests.unit.modules.kit import USUAL, SiteKit, refusal

MODULES = (*USUAL, "remoteip")
INTERNAL = "RemoteIPInternalProxy 127.0.0.2 10.0.0.0/8\n"
TRUSTED = "RemoteIPTrustedProxy 127.0.0.2 192.0.2.0/24\n"
ASK = "RemoteIPHeader X-F\nRemoteIPProxiesHeader X-By\n<Directory />\nRequire all granted\n</Directory>\n"

#: (configuration, header, client, what is left of the header, X-By)
WALKS = [
    ("", "8.8.8.8", "8.8.8.8", None, "127.0.0.2"),
    ("", "9.9.9.9, 8.8.8.8", "9.9.9.9", None, "127.0.0.2, 8.8.8.8"),
    ("", "10.1.1.1", "127.0.0.2", "10.1.1.1", None),
    ("RemoteIPInternalProxy 10.0.0.0/8\n", "8.8.8.8", "127.0.0.2", "8.8.8.8", None),
    (INTERNAL, "8.8.8.8", "8.8.8.8", None, None),
    (INTERNAL, "9.9.9.9, 8.8.8.8", "8.8.8.8", "9.9.9.9", None),
    (INTERNAL, "9.9.9.9, 10.1.1.1", "9.9.9.9", None, None),
    (INTERNAL, "10.2.2.2, 10.1.1.1", "10.2.2.2", None, None),
    (TRUSTED, "10.1.1.1, 192.0.2.1", "192.0.2.1", "10.1.1.1", "127.0.0.2"),
    (TRUSTED, "7.7.7.7 , 9.9.9.9 , 192.0.2.1", "9.9.9.9", "7.7.7.7 ", "127.0.0.2, 192.0.2.1"),
    (TRUSTED + INTERNAL, "10.1.1.1", "127.0.0.2", "10.1.1.1", None),
    (INTERNAL + TRUSTED, "10.1.1.1", "10.1.1.1", None, None),
    (INTERNAL, "garbage, 10.1.1.1", "10.1.1.1", "garbage", None),
    (INTERNAL, "9.9.9.9, known.test", "8.8.4.4", "9.9.9.9", None),
    (INTERNAL, "8.8.8.8, 1.2.3.4.5", "127.0.0.2", "8.8.8.8, 1.2.3.4.5", None),
    (INTERNAL, "8.8.8.8,", "127.0.0.2", "8.8.8.8,", None),
    (INTERNAL, ", 8.8.8.8", "8.8.8.8", "", None),
    (INTERNAL, "", "127.0.0.2", "", None),
    (INTERNAL, "1.2.3", "1.2.0.3", None, None),
    (INTERNAL, "::ffff:8.8.8.8", "8.8.8.8", None, None),
    (INTERNAL, "2001:DB8::1", "2001:db8::1", None, None),
    (TRUSTED, "4000::1, 192.0.2.1", "192.0.2.1", "4000::1", "127.0.0.2"),
    (TRUSTED, "2001:db8::1, 192.0.2.1", "2001:db8::1", None, "127.0.0.2, 192.0.2.1"),
]


def ask(root: Path, config: str, value: str | None = None) -> Exchange:
    kit = SiteKit(root, config + ASK, MODULES)
    x = kit.exchange("/a.txt", headers=[] if value is None else [("X-F", value)])
    post_read(x)
    return x


def post_read(x: Exchange) -> None:
    """Run the module's hook; what it has looked up elsewhere is looked up here."""
    step = next(step for step in x.plan.post_read if step.module == "remoteip")
    coroutine = step.function(x)
    answer: Any = None
    error: Exception | None = None
    while True:
        try:
            wait = coroutine.send(answer) if error is None else coroutine.throw(error)
        except StopIteration:
            return
        assert isinstance(wait, Offload)
        answer, error = None, None
        try:
            answer = wait.function()
        except OSError as raised:
            error = raised


@pytest.fixture(autouse=True)
def no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name is looked up in earnest; one of them is known."""
    really: Any = socket.getaddrinfo

    def look_up(host: Any, port: Any, *arguments: Any, flags: int = 0, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if flags & socket.AI_NUMERICHOST or name == "localhost":
            return really(host, port, *arguments, flags=flags, **named)
        if name == "known.test":
            return really("8.8.4.4", port, *arguments, **named)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.mark.parametrize(("config", "value", "client", "rest", "by"), WALKS)
def test_the_walk(tmp_path: Path, config: str, value: str, client: str, rest: str | None, by: str | None) -> None:
    x = ask(tmp_path, config, value)
    assert x.client_ip == client
    assert x.client_port == (40000 if client == "127.0.0.2" else 0)
    assert x.headers_in.get("X-F") == rest
    assert x.headers_in.get("X-By") == by == x.notes.get(PROXIES_NOTE)
    assert x.request.headers.get("X-F") == value  # what was received stays as it was


def test_without_the_header_nothing_is_changed(tmp_path: Path) -> None:
    x = ask(tmp_path, INTERNAL)
    assert (x.client_ip, x.client_port) == ("127.0.0.2", 40000)
    assert x.headers_in is x.request.headers


def test_without_directives_there_is_no_hook_and_no_preface(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, "RemoteIPProxyProtocol Off\n", MODULES)
    assert kit.world.pre_connection == ()
    assert "remoteip" not in [step.module for step in kit.site.main.defaults.plan.post_read]


def test_lists_from_files(tmp_path: Path) -> None:
    listed = tmp_path / "proxies"
    listed.write_text("# ours\n10.0.0.0/8 127.0.0.2 # and more\n\n  192.0.2.\\\n1\n")
    x = ask(tmp_path, f"RemoteIPInternalProxyList {listed}\n", "9.9.9.9, 192.0.2.1, 10.1.1.1")
    assert (x.client_ip, x.headers_in.get("X-F")) == ("9.9.9.9", None)


REFUSALS = [
    ("RemoteIPInternalProxy 10.0.0.0/33",
        "RemoteIP: Error parsing IP 10.0.0.0/33 (The specified network mask is invalid. error) for "
        "RemoteIPInternalProxy"),
    ("RemoteIPTrustedProxy 10.0.0.300",
        "RemoteIP: Error parsing IP 10.0.0.300 (The specified IP address is invalid. error) for RemoteIPTrustedProxy"),
    ("RemoteIPTrustedProxy localhost/8",
        "RemoteIP: Error parsing IP localhost/8 the subnet /8 is invalid for RemoteIPTrustedProxy"),
    ("RemoteIPTrustedProxy /8", "RemoteIP: Error parsing IP /8 (Invalid argument error) for RemoteIPTrustedProxy"),
    ("RemoteIPProxyProtocolExceptions", "RemoteIPProxyProtocolExceptions requires an argument"),
    ("RemoteIPProxyProtocolExceptions localhost", "ip address 'localhost' appears to be invalid"),
    ("RemoteIPProxyProtocolExceptions 10.0.0.0/99",
        "ip address '10.0.0.0' appears to be invalid: The specified network mask is invalid."),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), REFUSALS)
def test_refusals(tmp_path: Path, line: str, message: str) -> None:
    assert refusal(tmp_path, line, MODULES) == message


def test_a_virtual_hosts_proxies_come_first(tmp_path: Path) -> None:
    config = f"{INTERNAL}<VirtualHost *:80>\nServerName a\nRemoteIPTrustedProxy 127.0.0.2\n</VirtualHost>\n"
    kit = SiteKit(tmp_path, config, MODULES)
    announce(kit.site, None)
    assert [message for _level, module, message in kit.log if module == "remoteip"] == [
        "AH10633: RemoteIP proxy entries are configured in both the main server and the virtual host defined at "
        "test.conf:4, they are merged"
    ]


# The PROXY protocol: which addresses, which clients

BOTH = "<VirtualHost *:80>\nServerName a\nRemoteIPProxyProtocol {}\n</VirtualHost>\n"
PLACES = [
    ("RemoteIPProxyProtocol On\n", 8080, True),
    ("RemoteIPProxyProtocol Off\n", 8080, False),
    (BOTH.format("On"), 8080, False),
    (BOTH.format("On"), 80, True),
    ("RemoteIPProxyProtocol On\n" + BOTH.format("Off"), 80, False),
    ("RemoteIPProxyProtocol On\n" + BOTH.format("Off"), 8080, True),
    ("RemoteIPProxyProtocol Off\n" + BOTH.format("On"), 80, False),
    (BOTH.format("On") + BOTH.format("Off"), 80, False),
    (BOTH.format("Off") + BOTH.format("On"), 80, True),
    ("RemoteIPProxyProtocol On\nRemoteIPProxyProtocolExceptions 127.0.0.0/8\n", 80, False),
    ("RemoteIPProxyProtocol On\nRemoteIPProxyProtocolExceptions 10.0.0.0/8\n", 80, True),
    ("RemoteIPProxyProtocol On\n<VirtualHost *:1>\nRemoteIPProxyProtocolExceptions 127.0.0.1\n</VirtualHost>\n",
        80, False),
    ("<VirtualHost 127.0.0.9:80>\nRemoteIPProxyProtocol On\n</VirtualHost>\n", 80, False),
    ("<VirtualHost 127.0.0.1:*>\nRemoteIPProxyProtocol On\n</VirtualHost>\n", 80, True),
]  # fmt: skip


class Log(list[tuple[Level, str]]):
    def write(self, level: Level, module: str, message: str) -> None:
        assert module == "remoteip"
        self.append((level, message))


@pytest.mark.parametrize(("config", "port", "wanted"), PLACES)
def test_which_connections_begin_with_a_header(tmp_path: Path, config: str, port: int, wanted: bool) -> None:
    hook = proxy_protocol(SiteKit(tmp_path, config, MODULES).site)
    peer = Peer(("127.0.0.1", port), ("127.0.0.1", 40000))
    assert (hook is not None and hook(peer, Log().write) is not None) == wanted


def test_a_change_of_mind_is_told(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, BOTH.format("On") + BOTH.format("Off\nRemoteIPProxyProtocol Off"), MODULES)
    assert kit.warnings == [
        "AH03491: RemoteIPProxyProtocol: previous setting for 0.0.0.0:80 from virtual host {a:80 in test.conf} is "
        "being overridden by virtual host {a:80 in test.conf}; new setting is 'Off'"
    ]
    announce(kit.site, None)
    assert kit.log[-1] == (Level.NOTICE, "remoteip", "AH03494: RemoteIPProxyProtocol: disabled on 0.0.0.0:80")


def preface() -> tuple[ProxyPreface, Peer, Log]:
    log = Log()
    peer = Peer(("127.0.0.1", 80), ("127.0.0.1", 40000))
    return ProxyPreface(peer, log.write), peer, log


def test_a_preface_takes_its_header_and_nothing_else() -> None:
    found, peer, log = preface()
    buffer = bytearray(b"PROXY TCP4 1.2.3.4 5")
    assert not found.take(buffer)
    buffer += b".6.7.8 1234 80\r\nGET"
    assert found.take(buffer)
    assert buffer == b"GET"
    assert peer.notes[CLIENT_NOTE] == ("1.2.3.4", 1234)
    assert [message[:7] for _level, message in log] == ["AH03503", "AH03511"]


@pytest.mark.parametrize(("data", "logged"), [
    (b"GET / HTTP/1.1\r\n\r\n", []), (b"PROXY TCP5 1.2.3.4 x 1 2\r\n", [Level.ERROR]),
])
def test_a_preface_refuses(data: bytes, logged: list[Level]) -> None:
    found, peer, log = preface()
    with pytest.raises(Refused):
        found.take(bytearray(data))
    assert [level for level, _message in log[1:]] == logged
    assert not peer.notes


def test_what_the_header_said_counts_and_nothing_else(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, f"RemoteIPProxyProtocol On\n{ASK}", MODULES)
    x = kit.exchange("/a.txt", headers=[("X-F", "8.8.8.8")])
    x.peer.note(CLIENT_NOTE, ("1.2.3", 77))
    post_read(x)
    assert (x.client_ip, x.client_port) == ("1.2.3", 77)
    assert x.headers_in.get("X-F") == "8.8.8.8"
