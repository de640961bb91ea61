"""wrk's report is read as it is meant."""

from __future__ import annotations

import pytest

from bench.load import LoadError, parse

REPORT = """Running 1s test @ http://127.0.0.1:8080/small.html
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.20ms    0.31ms   9.06ms   93.33%
    Req/Sec    52.11k     4.5k    59.00k    81.82%
  Latency Distribution
     50%    1.17ms
     75%    1.25ms
     90%    1.38ms
     99%    2.50ms
  52210 requests in 1.01s, 41.27MB read
Requests/sec:  51693.07
Transfer/sec:     40.86MB
"""


def test_a_report() -> None:
    answers = parse(REPORT)
    assert (answers.requests, answers.per_second, answers.failed) == (52210, 51693.07, 0)
    assert answers.p99 == pytest.approx(0.0025)
    assert answers.size == int(41.27 * (1 << 20))


def test_failures_are_counted_together() -> None:
    worse = "  Non-2xx or 3xx responses: 7\n  Socket errors: connect 1, read 2, write 3, timeout 4\n"
    assert parse(REPORT.replace("Requests/sec", f"{worse}Requests/sec")).failed == 17


@pytest.mark.parametrize("line", ["requests in", "99%", "Requests/sec"])
def test_what_says_less_is_no_report(line: str) -> None:
    with pytest.raises(LoadError):
        parse("\n".join(kept for kept in REPORT.split("\n") if line not in kept))
