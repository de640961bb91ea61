"""Run a case against one server: start it, send every item, stop it, and sort what it logged to the connections.

Both servers use the same directory and, one after the other, the same address and port, so that nothing that leaks
into an answer has to be guessed at. A log line belongs to the connection whose client port it names; this is exact,
where counting lines would race with the server's writing them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.differential import digest
from tests.differential.case import HOST_NAME, Case, Item
from tests.differential.recalled import ROUNDS, Rounds
from tests.live_server import MODULES, Live, LiveApache, LiveServer, server_head
from tests.wire_client import Response, exchange, parse_responses

ANSWER_SECONDS = 6.0
#: After so many unanswered requests the rest of the case is not tried: it would only take long.
PATIENCE = 4
NOT_TRIED = "not tried"
SERVERS: dict[str, type[Live]] = {"apache": LiveApache, "mpmserver": LiveServer}
#: Apache has no reactor: there it answers with event.
APACHE_MPM = {"reactor": "event"}
LOG_FORMAT = r"%{remote}p %h %l %u \"%r\" %>s %b %X \"%{Referer}i\" \"%{User-Agent}i\" \"%{Content-Type}o\" %f %q"
ERROR_LINE = re.compile(
    r"^\[[^\]]+\] \[(?P<module>[^:\]]*):(?P<level>\w+)\] \[pid (?P<pid>\d+)(?::tid \d+)?\] (?:[\w.]+\(\d+\): )?"
    r"(?P<os>\((?:EAI )?-?\d+\).*?: )?"
    r"(?:\[(?:client|remote) [^\]]*:(?P<port>\d+)\] )?(?P<text>.*)$"
)
#: Apache's own children sometimes crash while they are told to stop; one of ours never may.
CRASHED = re.compile(r"\bAH0005[12]: child pid \d+ exit signal")
NUMBERED = re.compile(r"\bAH\d{5}: ")
#: Where Apache traces in words that somebody reads; elsewhere its traces tell of its own source.
TRACED = frozenset({"rewrite"})


@dataclass(slots=True)
class Outcome:
    """What one server did with one item."""

    item: Item
    sent: tuple[bytes, ...] = ()
    port: int = 0
    responses: list[Response] = field(default_factory=list)
    rest: bytes = b""
    ended: str = NOT_TRIED
    logs: dict[str, list[str]] = field(default_factory=dict)
    hits: int = 0
    """How many of the answers came from memory, where that is asked (`recalled.py`)."""


@dataclass(slots=True)
class Transcript:
    """What one server did with one case. ``failure`` is why it did not start or stop well, or empty.

    Errors of no connection are kept in the order of their process: what the parent (its process id is ``parent``) says
    when it has started comes before or after what its children say first.
    """

    server: str
    outcomes: list[Outcome]
    run_folder: Path
    parent: int = 0
    parent_errors: list[str] = field(default_factory=list)
    other_errors: list[str] = field(default_factory=list)
    extra_ports: set[int] = field(default_factory=set)
    """Those of the clients of extra rounds."""
    failure: str = ""


def run(
    server: str,
    case: Case,
    mpm: str,
    port: int,
    tree: Path,
    folder: Path,
    sent: Transcript | None,
    rounds: Rounds | None = None,
) -> Transcript:
    """Replay ``case``; ``sent`` is the other server's transcript, whose very bytes are sent again.

    ``rounds``: what this server is asked before.
    """
    folder.mkdir()
    mpm = APACHE_MPM.get(mpm, mpm) if server == "apache" else mpm
    outcomes = [Outcome(item) for item in case.items]
    transcript = Transcript(server, outcomes, folder)
    text, environment = configuration(case, mpm, port, tree, folder), {}
    if rounds is not None:
        text, environment = text + rounds.configuration(mpm), rounds.environment()
    live = SERVERS[server](text, whole=True, mpm=mpm, root=folder, port=port, environment=environment)
    try:
        with live:
            transcript.parent = live.pid
            if rounds is not None and sent is not None:
                transcript.extra_ports = _ask_before(live, case.name, rounds, sent.outcomes)
            _replay(live, outcomes, sent, set(transcript.extra_ports))
    except AssertionError as error:
        transcript.failure = str(error)
    _sort_logs(live, transcript)
    if rounds is not None:
        hits = rounds.hits()
        for outcome in outcomes:
            outcome.hits = hits[outcome.port]
    return transcript


def configuration(case: Case, mpm: str, port: int, tree: Path, folder: Path) -> str:
    """The common head and the case's fragment."""
    modules = tuple(name for name in MODULES if name not in case.without) + case.extra
    head = server_head(folder, port, mpm, modules) + (
        f'ServerName {HOST_NAME}\nDocumentRoot "{tree}"\nKeepAliveTimeout 2\nTimeout 5\n'
        f'LogFormat "{LOG_FORMAT}" diff\nCustomLog "{folder}/logs/access.log" diff\n'
    )
    words = {"ROOT": str(tree), "PORT": str(port), "LOGS": f"{folder}/logs"}
    return head + re.sub(r"\$\{(ROOT|PORT|LOGS)\}", lambda match: words[match[1]], case.config)


def _ask_before(live: Live, case: str, rounds: Rounds, earlier: Sequence[Outcome]) -> set[int]:
    """Ask in extra rounds what was asked of the other server; the ports of their clients."""
    used: set[int] = set()
    rounds.wait()
    for number in range(ROUNDS):
        for outcome in earlier:
            parts = rounds.parts(case, outcome.item, outcome.sent, number)
            if parts is not None and outcome.ended == "closed":
                _send(live, Outcome(outcome.item, parts), used)
    return used


def _replay(live: Live, outcomes: Sequence[Outcome], earlier: Transcript | None, used: set[int]) -> None:
    """Ask, each time with another port than those ``used``, which grow."""
    values = {b"port": str(live.port).encode()}
    unanswered = 0
    for index, outcome in enumerate(outcomes):
        values[b"item"] = b"item-%d" % index
        own_answer = any(digest.PLACEHOLDER.search(part) for part in outcome.item.parts)
        if earlier and earlier.outcomes[index].sent and not own_answer:
            outcome.sent = earlier.outcomes[index].sent
        else:
            outcome.sent = tuple(_fill(part, values) for part in outcome.item.parts)
        if unanswered < PATIENCE:
            _send(live, outcome, used)
            unanswered += outcome.ended == "timeout"
            _remember(outcome, values)


def _send(live: Live, outcome: Outcome, used: set[int]) -> None:
    while True:
        connection = live.connect(ANSWER_SECONDS)
        outcome.port = connection.getsockname()[1]
        if outcome.port not in used:
            break
        connection.close()
    used.add(outcome.port)
    with connection:
        item = outcome.item
        received = exchange(connection, outcome.sent, ANSWER_SECONDS, half_close=item.half_close, methods=item.methods)
    outcome.ended = received.ended
    outcome.responses, outcome.rest = parse_responses(received.received, outcome.item.methods)


def _fill(part: bytes, values: dict[bytes, bytes]) -> bytes:
    """Put in ``{port}`` and ``{item}``, and of last answers ``{etag}``, ``{last-modified}`` and ``{digest ...}``."""
    part = re.sub(rb"\{(etag|last-modified|port|item)\}", lambda match: values.get(match[1], b"none"), part)
    return digest.fill(part, values) if digest.PLACEHOLDER.search(part) else part


def _remember(outcome: Outcome, values: dict[bytes, bytes]) -> None:
    for response in outcome.responses:
        for name in ("etag", "last-modified", "authentication-info"):
            if (value := response.header(name)) is not None:
                values[name.encode()] = value.encode("latin-1")
        if (value := response.header("www-authenticate")) is not None and value.startswith("Digest "):
            values[b"challenge"] = value.encode("latin-1")


def _sort_logs(live: Live, transcript: Transcript) -> None:
    by_port = {str(outcome.port): outcome for outcome in transcript.outcomes if outcome.port}
    by_port |= {f"item-{index}": outcome for index, outcome in enumerate(transcript.outcomes)}
    for path in sorted(live.root.joinpath("logs").glob("*.log")):
        for line in path.read_text(encoding="utf-8", errors="backslashreplace").splitlines():
            if path.name == "error.log":
                _sort_error(line, by_port, transcript)
            elif outcome := by_port.get(line.split(" ", 1)[0].rpartition(":")[2]):
                outcome.logs.setdefault(path.stem, []).append(line)


def _sort_error(line: str, by_port: dict[str, Outcome], transcript: Transcript) -> None:
    """Module, level and text of a message; of those of no connection only the numbered ones are kept."""
    match = ERROR_LINE.match(line)
    if match is None:
        if outcome := next((by_port[port] for port in re.findall(r"\bport=(\d+)", line) if port in by_port), None):
            outcome.logs.setdefault("error", []).append(line)
        return
    text = f"[{match['module']}:{match['level']}] {match['os'] or ''}{match['text']}"
    if match["level"].startswith("trace") and match["module"] not in TRACED and not NUMBERED.search(text):
        return
    if match["port"] and int(match["port"]) in transcript.extra_ports:
        return
    if owner := by_port.get(match["port"] or ""):
        owner.logs.setdefault("error", []).append(text)
    elif NUMBERED.search(text) and not (transcript.server == "apache" and CRASHED.search(text)):
        parents = int(match["pid"]) == transcript.parent
        (transcript.parent_errors if parents else transcript.other_errors).append(text)
