"""What `Listen` says, and the sockets that are opened for it."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator

import pytest

from mpmserver.net import listen
from mpmserver.net.listen import (
    ListenAddress,
    Listener,
    ListenError,
    ListenFailed,
    ListenOptions,
    open_listeners,
    parse_listen,
    resolve,
)
from tests.live_server import free_port

OPTIONS = ListenOptions()


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("80", None, 80),
        ("018478", None, 18478),
        ("*:80", None, 80),
        ("127.0.0.1:80", "127.0.0.1", 80),
        ("[::1]:80", "::1", 80),
        ("::1:80", "::1", 80),
        ("localhost:80", "localhost", 80),
        ("[fe80::1%lo]:80", "fe80::1%lo", 80),
        ("1:2:3", "1:2", 3),
        ("65535", None, 65535),
    ],
)
def test_parse(text: str, host: str | None, port: int) -> None:
    assert parse_listen(text) == (host, port)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo", "Port must be specified"),
        ("127.0.0.1", "Port must be specified"),
        ("[::1]", "Port must be specified"),
        ("127.0.0.1:", "Port must be specified"),
        ("*", "Port must be specified"),
        ("-5", "Port must be specified"),
        ("0", "Invalid address or port"),
        ("70000", "Invalid address or port"),
        ("127.0.0.1:0", "Invalid address or port"),
        (":80", "Invalid address or port"),
        ("[::1:80", "Invalid address or port"),
        ("[*]:80", "Invalid address or port"),
    ],
)
def test_parse_errors(text: str, message: str) -> None:
    with pytest.raises(ListenError) as caught:
        parse_listen(text)
    assert str(caught.value) == message


def test_resolve() -> None:
    assert resolve(None, 80) == [ListenAddress("::", 80, socket.AF_INET6, "http", wildcard=True)]
    assert resolve("127.0.0.1", 443)[0].protocol == "https"
    assert resolve("127.0.0.1", 80, "HTTPS")[0].protocol == "https"
    assert resolve("::ffff:127.0.0.1", 80) == [ListenAddress("127.0.0.1", 80, socket.AF_INET)]
    assert resolve("::1", 80)[0].text == "[::1]:80"


def test_resolve_errors() -> None:
    with pytest.raises(ListenError, match="Listen setup failed") as caught:
        resolve("nohost.invalid", 80)
    assert caught.value.detail.endswith("AH00077: alloc_listener: failed to set up sockaddr for nohost.invalid")
    assert caught.value.detail.startswith("(EAI ")


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock.getsockname()[1]


def close(listeners: list[Listener]) -> None:
    for listener in listeners:
        listener.close()


def test_open_and_options() -> None:
    port = free_port()
    options = ListenOptions(send_buffer=20000, receive_buffer=30000, defer_seconds=7)
    (listener,) = opened = open_listeners(resolve("127.0.0.1", port), options)
    get = listener.socket.getsockopt
    assert (listener.address, listener.port, listener.protocol, listener.wildcard) == ("127.0.0.1", port, "http", False)
    assert listener.text == f"127.0.0.1:{port}"
    assert not listener.socket.getblocking()
    assert not os.get_inheritable(listener.fd)
    assert get(socket.SOL_SOCKET, socket.SO_REUSEADDR)
    assert get(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert get(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT) >= 7
    assert get(socket.SOL_SOCKET, socket.SO_SNDBUF) == 40000
    assert get(socket.SOL_SOCKET, socket.SO_RCVBUF) == 60000
    close(opened)


@pytest.mark.parametrize(("filters", "deferred"), [({}, True), ({"http": "data"}, True), ({"http": "none"}, False)])
def test_accept_filter(filters: dict[str, str], deferred: bool) -> None:
    (listener,) = opened = open_listeners(resolve("127.0.0.1", free_port()), ListenOptions(filters=filters))
    assert bool(listener.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT)) == deferred
    close(opened)


def test_every_interface() -> None:
    port = free_port()
    (listener,) = opened = open_listeners(resolve(None, port), ListenOptions(filters={"http": "none"}))
    assert listener.wildcard
    with socket.create_connection(("127.0.0.1", port), 5):
        listener.socket.setblocking(True)
        accepted, remote = listener.socket.accept()
        accepted.close()
        assert "127.0.0.1" in remote[0]
    close(opened)


def test_a_port_in_use_is_reported_in_apaches_words(taken: int) -> None:
    with pytest.raises(ListenFailed) as caught:
        open_listeners(resolve("127.0.0.1", taken), OPTIONS)
    assert caught.value.lines == (
        f"(98)Address already in use: AH00072: make_sock: could not bind to address 127.0.0.1:{taken}",
        "no listening sockets available, shutting down",
        "AH00015: Unable to open logs",
    )


def test_a_port_in_use_on_every_interface(taken: int) -> None:
    with pytest.raises(ListenFailed) as caught:
        open_listeners(resolve(None, taken), OPTIONS)
    assert caught.value.lines[:2] == (
        f"(98)Address already in use: AH00072: make_sock: could not bind to address [::]:{taken}",
        f"(98)Address already in use: AH00072: make_sock: could not bind to address 0.0.0.0:{taken}",
    )


def test_nothing_to_listen_on() -> None:
    with pytest.raises(ListenFailed) as caught:
        open_listeners([], OPTIONS)
    assert caught.value.lines == ("no listening sockets available, shutting down", "AH00015: Unable to open logs")


def test_all_or_none(taken: int) -> None:
    port = free_port()
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ListenFailed):
        open_listeners([*resolve("127.0.0.1", port), *resolve("127.0.0.1", taken)], OPTIONS)
    assert len(os.listdir("/proc/self/fd")) == before


def test_sockets_are_inherited_and_those_not_wanted_closed() -> None:
    first, second = (open_listeners(resolve("127.0.0.1", free_port()), OPTIONS)[0] for _each in range(2))
    new = free_port()
    addresses = [*resolve("127.0.0.1", new), *resolve("127.0.0.1", first.port, "https")]
    fds = [first.socket.detach(), second.socket.detach()]
    opened = open_listeners(addresses, OPTIONS, fds)
    assert [listener.port for listener in opened] == [new, first.port]
    assert opened[1].fd == fds[0]
    assert opened[1].protocol == "https"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fds[1])
    close(opened)


def test_a_wildcard_is_inherited() -> None:
    port = free_port()
    (listener,) = open_listeners(resolve(None, port), OPTIONS)
    fd = listener.socket.detach()
    opened = open_listeners(resolve(None, port), OPTIONS, [fd])
    assert opened[0].fd == fd
    close(opened)


def test_a_failure_leaves_inherited_sockets_alone(taken: int) -> None:
    (listener,) = open_listeners(resolve("127.0.0.1", free_port()), OPTIONS)
    port, fd = listener.port, listener.socket.detach()
    with pytest.raises(ListenFailed):
        open_listeners([*resolve("127.0.0.1", port), *resolve("127.0.0.1", taken)], OPTIONS, [fd])
    sock = socket.socket(fileno=fd)
    assert sock.getsockname()[1] == port
    sock.close()


def test_a_failure_to_take_over_leaves_all_inherited_sockets_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    old = [open_listeners(resolve("127.0.0.1", free_port()), OPTIONS)[0] for _each in range(2)]
    fds = [listener.socket.detach() for listener in old]
    addresses = [address for port in (old[0].port, free_port(), old[1].port) for address in resolve("127.0.0.1", port)]
    before = os.listdir("/proc/self/fd")
    tune = listen._tune

    def fail_at_last(sock: socket.socket, address: ListenAddress, options: ListenOptions) -> None:
        if address.port == old[1].port:
            raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
        tune(sock, address, options)

    monkeypatch.setattr(listen, "_tune", fail_at_last)
    with pytest.raises(OSError, match="No buffer space"):
        open_listeners(addresses, OPTIONS, fds)
    assert os.listdir("/proc/self/fd") == before
    for fd, listener in zip(fds, old, strict=True):
        with socket.socket(fileno=fd) as sock:
            assert sock.getsockname() == listener.local
