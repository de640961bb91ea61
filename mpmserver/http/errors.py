"""The one exception by which anything says "answer the client with this status".

Parsers, hooks and filters raise it; one place (the connection) renders the error page and writes the
log. It carries no I/O and may be raised and caught on any thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mpmserver.http.headers import Headers
    from mpmserver.http.uri import Target


class HTTPError(Exception):
    """A request ends with ``status``.

    ``message`` is the detail Apache puts into the error page ("error-notes"; "" for none), ``log`` the line
    for the error log (with Apache's AHnnnnn number where it logs one), ``level`` that line's LogLevel;
    ``log_more`` are (level, line) pairs that follow it. ``close`` says that the connection cannot be used
    after the answer. ``headers`` are added to the answer.

    What a parser already knew when it gave up is kept for the access log: ``request_line``, ``method``,
    ``target`` (in parts: ``uri``), ``protocol`` and ``headers_in``; for the page, ``host``, where a virtual host was
    settled.
    """

    request_line: str | None = None
    method: str | None = None
    target: str | None = None
    protocol: str | None = None
    headers_in: Headers | None = None
    uri: Target | None = None
    host: str | None = None

    def __init__(
        self,
        status: int,
        message: str = "",
        *,
        log: str = "",
        close: bool = False,
        headers: tuple[tuple[str, str], ...] = (),
        level: str = "error",
        log_more: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.log = log
        self.close = close
        self.headers = headers
        self.level = level
        self.log_more = log_more

    def __str__(self) -> str:
        return f"{self.status}: {self.log or self.message}".rstrip(": ")
