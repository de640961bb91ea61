"""The wire table against the running server, under every MPM."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live_server import LiveServer
from tests.wire.cases import FILES, GROUPS, MODULES
from tests.wire.over_the_wire import mismatches

MPMS = ("prefork", "worker", "event", "reactor")


@pytest.fixture(scope="module", params=MPMS)
def server(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    """One server per MPM for all groups; its clean exit is part of the test."""
    with LiveServer("", mpm=request.param, files=FILES, modules=MODULES) as live:
        yield live


@pytest.mark.parametrize("group", GROUPS)
def test_live(server: LiveServer, group: str) -> None:
    """A group's cases end on the wire as the table says, and nothing is left in the error log that alarms."""
    assert mismatches(server, GROUPS[group]) == []
    assert "Traceback" not in server.error_log() + server.stderr()
