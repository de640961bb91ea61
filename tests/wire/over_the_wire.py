"""The wire table over a socket: one connection per case, a probing request behind each."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from tests.live_server import Live
from tests.wire.case import WireCase
from tests.wire.cases import PROBE
from tests.wire_client import exchange, parse_responses

SECONDS = 10.0
AT_ONCE = 4
PROBED = b"probe\n"
FILE = b"hello\n"


def observed(server: Live, case: WireCase) -> tuple[tuple[int, ...], bool]:
    """The statuses that came back (0 for HTTP/0.9), and whether the connection ended before the probe's answer.

    Raises AssertionError where the connection does not end at all or carries what is no response.
    """
    with server.connect(SECONDS) as connection:
        received = exchange(connection, (case.sent + PROBE,), SECONDS)
    responses, rest = parse_responses(received.received, case.methods)
    statuses = tuple(response.status for response in responses)
    assert received.ended == "closed", f"{statuses}, then the connection stays open"
    if rest == FILE:
        statuses, rest = (*statuses, 0), b""
    assert not rest, f"{statuses}, then {rest[:60]!r}"
    assert all(response.complete for response in responses), f"{statuses}, cut short"
    probed = bool(responses) and responses[-1].body == PROBED
    return (statuses[:-1] if probed else statuses), not probed


def mismatches(server: Live, cases: Iterable[WireCase], *, reference: bool = False) -> list[str]:
    """What is not as the table says, one line per case; ``reference`` compares with Apache's column."""

    def check(case: WireCase) -> str:
        expect = case.apache if reference and case.apache is not None else case.expect
        closes = case.apache_closes if reference and case.apache_closes is not None else case.closes
        try:
            statuses, closed = observed(server, case)
        except AssertionError as error:
            return f"{case.name}: expected {expect}, got {error}"
        if (statuses, closed) == (expect, closes):
            return ""
        return f"{case.name}: expected {expect} {'closed' if closes else 'open'}, got {statuses} closed={closed}"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [line for line in pool.map(check, cases) if line]
