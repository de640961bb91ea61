"""Run a case against one server: start it, send every item, stop it, and sort what it logged to the connections.

Both servers use the same directory and, one after the other, the same address and port, so that nothing that leaks
into an answer has to be guessed at. A log line belongs to the connection whose client port it names; this is exact,
where counting lines would race with the server's writing them.
"""

from __future__ import annotations

import errno
import random
import re
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.differential import digest
from tests.differential.case import HOST_NAME, Case, Item
from tests.live_server import HOST, MODULES, Live, LiveApache, LiveServer, server_head
from tests.wire_client import Response, exchange, parse_responses

ANSWER_SECONDS = 6.0
#: After so many unanswered requests the rest of the case is not tried: it would only take long.
PATIENCE = 4
NOT_TRIED = "not tried"
SERVERS: dict[str, type[Live]] = {"apache": LiveApache, "mpmserver": LiveServer}
#: Apache has no reactor: there it answers with event.
APACHE_MPM = {"reactor": "event"}
LOG_FORMAT = r"%{remote}p %h %l %u \"%r\" %>s %b %X \"%{Referer}i\" \"%{User-Agent}i\" \"%{Content-Type}o\" %f %q"
#: What the kernel takes the ports of connections from.
PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
#: A log of all virtual hosts that tells by which handler each request was answered, whatever way led to that.
HANDLER_LOG = "handler"
HANDLER_FORMAT = "%{X-Item}i:%{remote}p %>R"
SCRIPT = "cgi-script"
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
    seconds: float = 0.0
    logs: dict[str, list[str]] = field(default_factory=dict)

    @property
    def by_script(self) -> bool:
        """Whether an answer, at least one of them, is what a script said."""
        return any(line.endswith(f" {SCRIPT}") for line in self.logs.get(HANDLER_LOG, ()))


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
    failure: str = ""


def run(server: str, case: Case, mpm: str, port: int, tree: Path, folder: Path, sent: Transcript | None) -> Transcript:
    """Replay ``case``; ``sent`` is the other server's transcript, whose very bytes are sent again."""
    folder.mkdir()
    mpm = APACHE_MPM.get(mpm, mpm) if server == "apache" else mpm
    outcomes = [Outcome(item) for item in case.items]
    transcript = Transcript(server, outcomes, folder)
    live = SERVERS[server](configuration(case, mpm, port, tree, folder), whole=True, mpm=mpm, root=folder, port=port)
    try:
        with live:
            transcript.parent = live.pid
            _replay(live, outcomes, sent)
    except AssertionError as error:
        transcript.failure = str(error)
    sort_logs(transcript)
    return transcript


def configuration(case: Case, mpm: str, port: int, tree: Path, folder: Path) -> str:
    """The common head and the case's fragment."""
    modules = tuple(name for name in MODULES if name not in case.without) + case.extra
    head = server_head(folder, port, mpm, modules) + (
        f'ServerName {HOST_NAME}\nDocumentRoot "{tree}"\nKeepAliveTimeout 2\nTimeout 5\n'
        f'LogFormat "{LOG_FORMAT}" diff\nCustomLog "{folder}/logs/access.log" diff\n'
        f'GlobalLog "{folder}/logs/{HANDLER_LOG}.log" "{HANDLER_FORMAT}"\n'
    )
    words = {"ROOT": str(tree), "PORT": str(port), "LOGS": f"{folder}/logs"}
    return head + re.sub(r"\$\{(ROOT|PORT|LOGS)\}", lambda match: words[match[1]], case.config)


def _replay(live: Live, outcomes: Sequence[Outcome], earlier: Transcript | None) -> None:
    values = {b"port": str(live.port).encode()}
    ports = client_ports()
    unanswered = 0
    for index, outcome in enumerate(outcomes):
        values[b"item"] = b"item-%d" % index
        own_answer = any(digest.PLACEHOLDER.search(part) for part in outcome.item.parts)
        if earlier and earlier.outcomes[index].sent and not own_answer:
            outcome.sent = earlier.outcomes[index].sent
        else:
            outcome.sent = tuple(_fill(part, values) for part in outcome.item.parts)
        if unanswered < PATIENCE:
            send(live, outcome, ports)
            unanswered += outcome.ended == "timeout"
            _remember(outcome, values)


def client_ports() -> Iterator[int]:
    """Every port that the kernel gives to connections, each once; where they begin is left to chance.

    The kernel's own choice comes back to ports that it had given not long ago, and a connection that is closed again
    for that reason is one of which a server may log something: in the name of the earlier one.
    """
    lowest, highest = map(int, PORT_RANGE.read_text(encoding="ascii").split())
    start = random.randint(lowest, highest)
    yield from range(start, highest + 1)
    yield from range(lowest, start)


def connect(server: int, ports: Iterator[int]) -> socket.socket:
    """A connection to the port `server` from the next of `ports` that nobody else has."""
    for port in ports:
        connection = socket.socket()
        connection.settimeout(ANSWER_SECONDS)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that are over don't count
        try:
            connection.bind((HOST, port))
            connection.connect((HOST, server))
        except OSError as error:
            connection.close()
            if error.errno not in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
                raise
        else:
            return connection
    raise AssertionError("every port has been used")


def send(live: Live, outcome: Outcome, ports: Iterator[int]) -> None:
    """Ask what `outcome` says from the next of `ports`, and put the answers into it."""
    connection = connect(live.port, ports)
    outcome.port = connection.getsockname()[1]
    item, began = outcome.item, time.monotonic()
    with connection:
        received = exchange(
            connection, outcome.sent, ANSWER_SECONDS,
            half_close=item.half_close, methods=item.methods, take_leave=item.plain,
        )  # fmt: skip
    outcome.ended, outcome.seconds = received.ended, time.monotonic() - began
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


def sort_logs(transcript: Transcript) -> None:
    """Give each line of the logs in the run folder to the connection that it names."""
    by_port = {str(outcome.port): outcome for outcome in transcript.outcomes if outcome.port}
    by_port |= {f"item-{index}": outcome for index, outcome in enumerate(transcript.outcomes)}
    for path in sorted(transcript.run_folder.joinpath("logs").glob("*.log")):
        for line in path.read_text(encoding="utf-8", errors="backslashreplace").splitlines():
            if path.name == "error.log":
                _sort_error(line, by_port, transcript)
            elif outcome := next((by_port[name] for name in _names(line) if name in by_port), None):
                outcome.logs.setdefault(path.stem, []).append(line)


def _names(line: str) -> list[str]:
    """What may tell whose line of a log it is: the parts of its first word."""
    return line.split(" ", 1)[0].split(":")


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
    if owner := by_port.get(match["port"] or ""):
        owner.logs.setdefault("error", []).append(text)
    elif NUMBERED.search(text) and not (transcript.server == "apache" and CRASHED.search(text)):
        parents = int(match["pid"]) == transcript.parent
        (transcript.parent_errors if parents else transcript.other_errors).append(text)
