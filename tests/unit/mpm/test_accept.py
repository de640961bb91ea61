"""From a listening socket to a connection: what many connections share, and what is let go when one fails."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from mpmserver.core.exchange import Peer
from mpmserver.mpm import accept
from mpmserver.mpm.accept import Acceptor, Shortage
from mpmserver.net.listen import Listener
from mpmserver.net.transport import Transport
from tests.unit.mpm.kit import free_listener


class Child:
    """As much of a Child as an Acceptor asks for; a connection is what it is made of."""

    @staticmethod
    def connect(transport: Transport, listener: Listener, peer: Peer, worker: Any) -> tuple[Transport, Peer]:
        return transport, peer


def acceptor(blocking: bool = False) -> Acceptor:
    child: Any = Child()
    return Acceptor(child, blocking)


@pytest.fixture
def open_ends() -> Iterator[contextlib.ExitStack]:
    """What a test has opened, closed at its end."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def listener(open_ends: contextlib.ExitStack) -> Listener:
    return open_ends.enter_context(contextlib.closing(free_listener()))


def connect(listener: Listener, open_ends: contextlib.ExitStack) -> socket.socket:
    return open_ends.enter_context(socket.create_connection(("127.0.0.1", listener.port), 5))


def take(acceptor: Acceptor, listener: Listener, open_ends: contextlib.ExitStack) -> tuple[Transport, Peer, Any]:
    client = connect(listener, open_ends)
    transport, peer = accepted(acceptor, listener)
    open_ends.callback(transport.close)
    return transport, peer, client


def accepted(acceptor: Acceptor, listener: Listener) -> Any:
    worker: Any = None
    return acceptor.accept(listener, worker)


def wildcard_listener(family: socket.AddressFamily, address: str) -> Listener:
    sock = socket.socket(family)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind((address, 0))
    sock.listen()
    sock.setblocking(False)
    return Listener(sock)


@pytest.mark.parametrize("blocking", [False, True])
def test_a_connection_knows_both_ends(
    blocking: bool, listener: Listener, open_ends: contextlib.ExitStack
) -> None:
    transport, peer, client = take(acceptor(blocking), listener, open_ends)
    assert peer.local == ("127.0.0.1", listener.port)
    assert peer.remote == client.getsockname()
    assert peer.fd == transport.fd
    assert transport.blocking is blocking
    client.sendall(b"x")
    assert transport.recv_now(10) == b"x"
    transport.close()
    assert client.recv(1) == b""


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")])
def test_a_wildcards_address_is_asked_for_and_kept_once(
    family: socket.AddressFamily, address: str, open_ends: contextlib.ExitStack
) -> None:
    listener = open_ends.enter_context(contextlib.closing(wildcard_listener(family, address)))
    own = acceptor()
    _transport, first, client = take(own, listener, open_ends)
    _transport, second, _client = take(own, listener, open_ends)
    assert first.local == ("127.0.0.1", listener.port)
    assert first.local is second.local
    assert first.remote == client.getsockname()


def test_local_addresses_are_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accept, "MOST_LOCALS", 3)
    own = acceptor()
    for number in range(10):
        assert own._local((f"10.0.0.{number}", 80)) == (f"10.0.0.{number}", 80)
    assert len(own._locals) <= 3


def test_where_nobody_comes_there_is_none(listener: Listener) -> None:
    assert accepted(acceptor(), listener) is None


def test_a_descriptor_is_not_left_behind_where_no_socket_can_be_made(
    listener: Listener, open_ends: contextlib.ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: int) -> socket.socket:
        raise OSError

    monkeypatch.setattr(accept, "SocketType", broken)
    client = connect(listener, open_ends)
    assert accepted(acceptor(), listener) is None
    assert client.recv(1) == b""


def test_a_shortage_of_descriptors_is_said(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    own = acceptor()
    said: list[str] = []
    monkeypatch.setattr(own.__class__, "_log", lambda _self, message: said.append(message))

    def short() -> None:
        raise OSError(24, "Too many open files")

    listener.accept = short  # type: ignore[assignment]
    for _each in range(2):
        with pytest.raises(Shortage):
            accepted(own, listener)
    assert len(said) == 1
    assert "AH02179" in said[0]
