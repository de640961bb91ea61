"""Status lines: the words were read off Apache's own answers."""

from __future__ import annotations

import pytest

from mpmserver.http.status import DROPS_CONNECTION, NO_BODY, is_known, reason, status_line


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (200, "200 OK"),
        (203, "203 Non-Authoritative Information"),
        (302, "302 Found"),
        (408, "408 Request Timeout"),
        (413, "413 Request Entity Too Large"),
        (414, "414 Request-URI Too Long"),
        (416, "416 Requested Range Not Satisfiable"),
        (451, "451 Unavailable For Legal Reasons"),
        (504, "504 Gateway Timeout"),
    ],
)
def test_words(status: int, line: str) -> None:
    assert status_line(status) == line
    assert reason(status) == line[4:]
    assert is_known(status)


@pytest.mark.parametrize("status", [299, 306, 418, 425, 599])
def test_unknown_codes_have_only_their_number(status: int) -> None:
    assert status_line(status) == f"{status} Status {status}"
    assert not is_known(status)


def test_what_ends_a_connection() -> None:
    assert [status for status in range(100, 600) if status in DROPS_CONNECTION] == [
        400, 408, 411, 413, 414, 500, 501, 503,
    ]  # fmt: skip


def test_what_has_no_body() -> None:
    assert [status for status in range(100, 600) if status in NO_BODY] == [*range(100, 200), 204, 304]
