"""The wire table against real Apache: the expectations are measured, not remembered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live_server import LiveApache, require_apache
from tests.wire.cases import FILES, GROUPS, MODULES
from tests.wire.over_the_wire import mismatches


@pytest.fixture(scope="module")
def apache() -> Iterator[LiveApache]:
    """One reference server for all groups."""
    require_apache()
    with LiveApache("", mpm="event", files=FILES, modules=MODULES) as live:
        yield live


@pytest.mark.parametrize("group", GROUPS)
def test_reference(apache: LiveApache, group: str) -> None:
    """Apache does what the table says it does."""
    assert mismatches(apache, GROUPS[group], reference=True) == []
