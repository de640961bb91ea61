"""What one wire case is, and the short words in which the tables are written.

A case is what a client sends on a fresh connection and what must come back. The expectations are Apache
2.4.71's, measured; where ours differs on purpose, ``apache`` has its statuses and ``note`` says why.
"""

from __future__ import annotations

from dataclasses import dataclass

H = "Host: x\r\n"
CH = "Transfer-Encoding: chunked\r\n"
R = "\r\nabc\r\n0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class WireCase:
    """``expect`` are the statuses in order, interim ones too; 0 is an HTTP/0.9 answer, which has none.

    ``closes`` says that the server ends the connection after them by itself; otherwise one more request
    on the same connection must be answered. ``apache`` and ``apache_closes`` are given where the
    reference differs.
    """

    name: str
    sent: bytes
    expect: tuple[int, ...]
    closes: bool
    note: str = ""
    apache: tuple[int, ...] | None = None
    apache_closes: bool | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of the requests that get answers, as far as they decide whether there is content."""
        return ("HEAD", "GET") if self.sent.startswith(b"HEAD ") else ("GET",)


def kept(name: str, sent: str, *statuses: int, note: str = "") -> WireCase:
    """Answered (200 unless said otherwise), and the connection goes on."""
    return WireCase(name, sent.encode("latin-1"), statuses or (200,), closes=False, note=note)


def last(
    name: str, sent: str, *statuses: int, note: str = "",
    apache: tuple[int, ...] | None = None, apache_closes: bool | None = None,
) -> WireCase:  # fmt: skip
    """Answered (200 unless said otherwise), and the connection ends."""
    return WireCase(name, sent.encode("latin-1"), statuses or (200,), True, note, apache, apache_closes)


def refused(
    name: str, sent: str, status: int = 400, note: str = "",
    apache: tuple[int, ...] | None = None, apache_closes: bool | None = None,
) -> WireCase:  # fmt: skip
    """Refused, and the connection ends."""
    return WireCase(name, sent.encode("latin-1"), (status,), True, note, apache, apache_closes)


def get(target: str = "/f.txt", fields: str = H, proto: str = "HTTP/1.1", method: str = "GET") -> str:
    """A request without a body."""
    return f"{method} {target} {proto}\r\n{fields}\r\n"


def line(text: str) -> str:
    """A request whose first line is ``text``."""
    return f"{text}\r\n{H}\r\n"


def field(text: str) -> str:
    """A request with more field lines."""
    return get(fields=f"{H}{text}")


def host(value: str) -> str:
    """A request for a host."""
    return get(fields=f"Host: {value}\r\n")


def post(fields: str, body: str = "", proto: str = "HTTP/1.1", target: str = "/f.txt", method: str = "POST") -> str:
    """A request with a body."""
    return get(target, f"{H}{fields}", proto, method) + body


def length(value: str) -> str:
    """A request with this Content-Length and three octets."""
    return post(f"Content-Length: {value}\r\n", "abc")


def coding(value: str) -> str:
    """A request with this Transfer-Encoding and one chunk."""
    return post(f"Transfer-Encoding: {value}\r\n", "3\r\nabc\r\n0\r\n\r\n")


def chunked(body: str) -> str:
    """A request with these chunks."""
    return post(CH, body)


def connection(value: str, proto: str = "HTTP/1.1") -> str:
    """A request with a Connection field."""
    return get(fields=f"{H}Connection: {value}\r\n", proto=proto)
