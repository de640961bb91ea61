"""The wire table through the parser alone: no socket, the same expectations.

What only a server can know (a missing file, a method that is not allowed) counts as accepted here.
"""

from __future__ import annotations

import pytest

from tests.wire.case import WireCase
from tests.wire.cases import CASES, PROBE
from tests.wire.simulate import ACCEPTED, Connection

#: Statuses that come from the parser; 404 only for what an escape hides.
PARSER = {100, 400, 404, 413, 414, 417}

NOT_THE_PARSERS = {
    "length: TRACE with length",  # 413 because of the method
    "length: body on 404",
    "length: chunks on 404",
    "line: high octet in target",  # no such file
    "line: delimiters in target",
    "target: escaped percent",
    "persistence: pipelined after 404",
    "persistence: continue on 404",
}


def expected(name: str, case: WireCase) -> list[int]:
    """The case's statuses as far as the parser decides them."""
    server = {404, 413} if name in NOT_THE_PARSERS else set()
    return [status if status in PARSER - server else ACCEPTED for status in case.expect]


@pytest.mark.parametrize("step", [65536, 1], ids=["whole", "octets"])
@pytest.mark.parametrize("name", CASES)
def test_parser(name: str, step: int) -> None:
    """Every case, in one piece and octet by octet, ends as the table says."""
    case = CASES[name]
    connection = Connection(case.sent + PROBE, step)
    # what the server alone refuses leaves the parser at the next request
    closed_by_server = case.closes and (case.expect[-1] == 501 or name in NOT_THE_PARSERS)
    probed = [ACCEPTED] if not case.closes or closed_by_server else []
    assert connection.statuses == expected(name, case) + probed
    assert not connection.open


def test_the_table_is_whole() -> None:
    """No case is lost by its name, and every deviation from Apache says why."""
    assert len(CASES) >= 250
    for name, case in CASES.items():
        differs = case.apache not in (None, case.expect) or case.apache_closes not in (None, case.closes)
        assert case.note or not differs, name
