"""mod_status: figures, the reading of the scoreboard, both forms of the report."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mpmserver.core.scoreboard import READY, WRITING, Scoreboard, worker_states
from mpmserver.core.settings import CoreServer
from mpmserver.modules.status import Wanted, wanted
from mpmserver.modules.status.figures import byte_text, duration_text, general, kbyte_text, pid_key, short, wrapped
from mpmserver.modules.status.report import report
from mpmserver.modules.status.snapshot import Snapshot, process_cpu, snapshot
from tests.memory import get, world


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.1, ".1"), (0.563781, ".563781"), (68.5, "68.5"), (1195.5, "1195.5"), (9838592, "9838590"),
        (8229.694, "8229.69"), (12288.0, "12288"), (-2.5, "-2.5"), (0.00012, ".00012"), (0.0000123, "1.23e-05"),
        (10000.0, "10000"), (1.0, "1"),
    ],
)  # fmt: skip
def test_general(value: float, text: str) -> None:
    assert general(value) == text


def test_other_figures() -> None:
    assert [short(1195.5), short(68.456), short(0.5)] == ["1200", "68.5", ".5"]
    assert [byte_text(n) for n in (0, 341, 5119, 5120, 9838592, 1 << 31)] == [
        "0 B", "341 B", "5119 B", "5.0 kB", "9.4 MB", "2.0 GB",
    ]  # fmt: skip
    assert [kbyte_text(n) for n in (0, 1023, 19216, 1 << 21)] == ["0 kB", "1023 kB", "18.8 MB", "2.0 GB"]
    assert duration_text(0) == ""
    assert duration_text(90061) == " 1 day 1 hour 1 minute 1 second"
    assert duration_text(7202) == " 2 hours 2 seconds"
    assert wrapped("x" * 65) == "x" * 64 + "\nx"
    assert pid_key([(7, "_"), (8, "W"), (0, "."), (0, ".")]) == (
        "   7 in state: _ ,   8 in state: W ,   0 in state:   \n   0 in state:   \n"
    )


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        (None, Wanted(False, True, None)),
        ("auto", Wanted(True, True, None)),
        ("notable", Wanted(False, False, None)),
        ("refresh", Wanted(False, True, 10)),
        ("refresh=0", Wanted(False, True, 10)),
        ("x&refresh=5&auto", Wanted(True, True, 5)),
        ("refresh=x", Wanted(False, True, 10)),
    ],
)
def test_the_query(query: str | None, asked: Wanted) -> None:
    assert wanted(query) == asked


def test_a_listener_that_answers_stands_in_for_an_idle_worker() -> None:
    assert worker_states(b"__W", 2) == b"W_"
    assert worker_states(b"WWW", 2) == b"WW"
    assert worker_states(b"___", 2) == b"__"
    assert worker_states(b"S.", 2) == b"S."


def child(tmp_path: Path, text: str = "", asynchronous: bool = True) -> Any:
    """A process of one generation with two slots of two workers and a listener."""
    made = world(tmp_path, text + "\n<Location /status>\nSetHandler server-status\n</Location>\n")
    board = Scoreboard.create(2, 3, 1)
    board.claim(0, os.getpid())
    for thread in range(3):
        board.worker(0, thread).start()
        board.worker(0, thread).busy(READY)
    geometry = SimpleNamespace(threads=2, processes=2, server_limit=2)
    mpm = SimpleNamespace(name="event", asynchronous=asynchronous, geometry=lambda configuration: geometry)
    found = SimpleNamespace(site=made.site, scoreboard=board, generation=1, mpm=mpm, stopping=False)
    made.child = found  # type: ignore[assignment]
    found.world = made
    return found


def serve(board: Scoreboard, thread: int, line: bytes = b"GET /<a> HTTP/1.1", sent: int = 2048) -> None:
    worker = board.worker(0, thread)
    worker.request(b"10.0.0.1", b"h:80", line)
    worker.done(sent, 3000)
    worker.busy(READY)


KEYS = """ServerVersion ServerMPM Server@Built CurrentTime RestartTime ParentServerConfigGeneration
ParentServerMPMGeneration ServerUptimeSeconds ServerUptime Load1 Load5 Load15 Total@Accesses Total@kBytes
Total@Duration CPUUser CPUSystem CPUChildrenUser CPUChildrenSystem CPULoad Uptime ReqPerSec BytesPerSec BytesPerReq
DurationPerReq BusyWorkers GracefulWorkers IdleWorkers Processes Stopping ConnsTotal ConnsAsyncWaitIO
ConnsAsyncWriting ConnsAsyncKeepAlive ConnsAsyncClosing Scoreboard""".replace("@", "_").split()


def test_the_report_for_programs(tmp_path: Path) -> None:
    made = child(tmp_path)
    serve(made.scoreboard, 0)
    serve(made.scoreboard, 2)
    made.scoreboard.set_global("restart_time", 1_000_000)
    made.scoreboard.worker(0, 2).busy(WRITING)
    name, *lines = report(snapshot(made), "h").splitlines()
    pairs = dict(line.split(":", 1) for line in lines)
    assert name == "h"
    assert [key.replace(" ", "_") for key in pairs if key != "CPULoad"] == [key for key in KEYS if key != "CPULoad"]
    values = {key: value.strip() for key, value in pairs.items()}
    assert (values["Total Accesses"], values["Total kBytes"], values["Total Duration"]) == ("2", "4", "6")
    assert (values["BytesPerReq"], values["DurationPerReq"]) == ("2048", "3")
    assert (values["BusyWorkers"], values["IdleWorkers"], values["Scoreboard"]) == ("1", "1", "W_..")


def test_less_is_told_where_little_is_known(tmp_path: Path) -> None:
    made = child(tmp_path, "ExtendedStatus Off", asynchronous=False)
    keys = [line.split(":")[0] for line in report(snapshot(made), "h").splitlines()[1:]]
    assert not {"Total Accesses", "Processes"} & set(keys)
    assert keys[-4:] == ["BusyWorkers", "GracefulWorkers", "IdleWorkers", "Scoreboard"]


class Memory:
    """As much of a Recall as a report asks for."""

    def __init__(self) -> None:
        self.reasons = {"log": 2, "mod_<x>": 2, "status 404": 7}

    def shelf(self, address: object) -> None:
        """Nothing is remembered here."""

    def figures(self) -> dict[str, int]:
        return {"hits": 100, "resource_hits": 20, "misses": 3, "size": 4096, "limit": 8192, "heads": 5, "resources": 4}


def test_what_was_answered_from_memory(tmp_path: Path) -> None:
    made = child(tmp_path)
    board = made.scoreboard
    board.process(0).recalled(9, 9, 9, 9)
    board.claim(1, 1)
    board.process(1).recalled(1000, 1, 2, 3)
    made.world.recall = Memory()
    text = report(snapshot(made, made.world.recall), "h")
    assert text.endswith(
        "RecallHits: 1100\nRecallResourceHits: 21\nRecallMisses: 5\nRecallBytes: 4099\nRecallProcessLimit: 8192\n"
        "RecallProcessHeads: 5\nRecallProcessResources: 4\n"
        "RecallProcessRefusals: status 404=7; log=2; mod_<x>=2\n"
    )
    page = get(made.world, "/status").body.decode()
    assert "<dt>Answers from memory: 1100 by their head, 21 by their resource; 5 others; 4099 B kept" in page
    assert "<tr><td>mod_&lt;x&gt;</td><td>2</td></tr>" in page
    made.world.recall = None
    assert "Recall" not in get(made.world, "/status").body.decode()


def test_the_page(tmp_path: Path) -> None:
    made = child(tmp_path)
    serve(made.scoreboard, 0)
    answer = get(made.world, "/status")
    text = answer.body.decode()
    assert answer.headers["content-type"] == "text/html; charset=ISO-8859-1"
    assert "<h1>Apache Server Status for memory.example (via 127.0.0.1)</h1>" in text
    assert "<dt>Total accesses: 1 - Total Traffic: 2 kB - Total Duration: 3</dt>" in text
    assert "<pre>__..</pre>" in text
    row = re.search(r"<tr><td><b>0-0</b></td>.*?</tr>", text, re.DOTALL)
    assert row is not None
    assert f"<td>{os.getpid()}</td><td>1/1/1</td><td>_\n" in row[0]
    assert "<td nowrap>GET /&lt;a&gt; HTTP/1.1</td>" in row[0]
    assert "<table rules" in text


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/status?notable", "<h2>Server Details</h2>"),
        ("/status?notable", "0|1|1 [Ready] u"),
        ("/status?notable", "<i>10.0.0.1 {GET /&lt;a&gt; HTTP/1.1}</i> <i>(http/1.1)</i> <b>[h:80]</b><br />"),
        ("/status?auto", "Total Accesses: 1\n"),
    ],
)
def test_forms(tmp_path: Path, target: str, expected: str) -> None:
    made = child(tmp_path)
    serve(made.scoreboard, 0)
    made.scoreboard.worker(0, 0).connected()
    assert expected in get(made.world, target).body.decode()


def test_without_extended_status_there_is_a_list_of_process_ids(tmp_path: Path) -> None:
    made = child(tmp_path, "ExtendedStatus Off")
    text = get(made.world, "/status").body.decode()
    assert f"PID Key: <br />\n<pre>\n   {os.getpid()} in state: _ ," in text
    assert "ExtendedStatus On</code> directive." in text
    assert "Total accesses" not in text


def test_refresh_and_methods(tmp_path: Path) -> None:
    made = child(tmp_path)
    assert get(made.world, "/status?refresh=7").headers["refresh"] == "7"
    assert get(made.world, "/status", method="POST", body=b"x").status == 404
    head = get(made.world, "/status?auto", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    made.world.child = None
    assert get(made.world, "/status").status == 500


@pytest.mark.parametrize(("tail", "shown"), [("Off", "a" * 63), ("On", "b" * 63)])
def test_the_tail_of_requests(tmp_path: Path, tail: str, shown: str) -> None:
    made = child(tmp_path, f"SeeRequestTail {tail}")
    serve(made.scoreboard, 0, b"a" * 100 + b"b" * 100)
    (worker,) = snapshot(made).workers
    assert worker.request == shown


def test_processes_of_an_older_generation_finish_gracefully(tmp_path: Path) -> None:
    made = child(tmp_path)
    newer = Scoreboard.create(2, 3, 2)
    newer.older = (made.scoreboard,)
    serve(made.scoreboard, 0)
    made.scoreboard.worker(0, 0).busy(WRITING)
    made.scoreboard, made.generation = newer, 2
    seen: Snapshot = snapshot(made)
    assert (seen.busy, seen.graceful, seen.idle, seen.accesses) == (0, 1, 0, 1)
    assert seen.scoreboard == "....G_"
    assert [process.stopping_text for process in seen.processes] == ["yes (old gen)"]
    assert report(seen, "h").splitlines()[7] == "ParentServerMPMGeneration: 1"


def test_processor_time_of_nobody() -> None:
    assert process_cpu(1 << 30).total == 0
    assert process_cpu(os.getpid()).user > 0


def test_loading_the_module_turns_extended_status_on(tmp_path: Path) -> None:
    assert world(tmp_path, "").site.main[CoreServer].extended_status
