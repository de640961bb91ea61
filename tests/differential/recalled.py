"""Answers from memory: a second server of ours, asked so often that it knows the answers, and compared with Apache's.

An answer is remembered when its resource is asked for the second time. So each request that may be remembered goes to
this server in rounds, always on a new connection, and the answers of two of them are compared:

* twice with other fields, of those that most answers don't depend on but that a log shows;
* as Apache was asked: what is found now is found by its resource, and its log line is made anew (level 2);
* once more, and then the last time: this one is found byte by byte (level 1).

What reaches the error log is not remembered. So this server's LogLevel keeps nearly everything out of it, wherever a
case says something else, and error logs are not compared: the plain comparison does that. Left out is what would change
the answer to the next: other methods than GET and HEAD, and one's own answers to a challenge of Digest.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.differential import digest, witness
from tests.differential.case import Case
from tests.differential.compare import WHOLE_CASE, Difference, differences
from tests.differential.replay import Outcome, Transcript, client_ports, configuration, send, sort_logs
from tests.live_server import LiveServer

#: Whether pytest compares answers from memory, too: `MPMSERVER_TEST_RECALL=off` switches that off with Recall itself.
RECALLED = not LiveServer.always
#: What the answers are found by that are compared.
BY_RESOURCE, BY_HEAD = "by its resource", "by its head"
#: The rounds: whether fields differ from those that Apache was sent, and what the answers are found by if compared.
ROUNDS: Sequence[tuple[bool, str]] = ((True, ""), (True, ""), (False, BY_RESOURCE), (False, ""), (False, BY_HEAD))
#: What is not asked again: a case, what is searched for in the request's label, and why.
LEFT_OUT: Sequence[tuple[str, str, str]] = (
    ("auth_digest", "", "each challenge is another one"),
    ("unique_id", "", "each answer is another one"),
    ("rewrite_maps", "^GET /(p|both|asked)", "programs that fall behind answer what they were asked before"),
)
#: Answers that take so many seconds are a matter of waiting, and their connection ends before anything is remembered.
SLOW_SECONDS = 0.9
SAFE = frozenset({"GET", "HEAD"})
#: One child, so that who answers is who has been asked before.
ONE_CHILD: Mapping[str, str] = {
    "prefork": "StartServers 1\nMinSpareServers 1\nMaxSpareServers 1\nMaxRequestWorkers 1\n",
}
LOG_LEVEL = re.compile(r"(?im)^([ \t]*)LogLevel[ \t].*$")
RANDOM = re.compile("<id>[^<]*</id>")
ERROR_LOG = re.compile(r"(?im)^[ \t]*ErrorLog[ \t].*/([^/\s]+)\.log\b")


@dataclass(slots=True)
class Recalled:
    """What is different of answers that may come from memory, by request, and how many did."""

    differences: dict[str, list[Difference]]
    hits: Counter[str] = field(default_factory=Counter)
    failure: str = ""


def compare_recalled(case: Case, mpm: str, tree: Path, folder: Path, port: int, reference: Transcript) -> Recalled:
    """Ask a server whose run folder is `folder` (to be made) what Apache was asked; `reference` is what that said."""
    folder.mkdir()
    told = folder / "answered-from-memory"
    text = quiet(configuration(case, mpm, port, tree, folder))
    text += f"LoadModule witness_module {witness.__name__}\n{ONE_CHILD.get(mpm, '')}"
    live = LiveServer(text, whole=True, mpm=mpm, root=folder, port=port, environment={witness.PATH: str(told)})
    rounds: dict[str, list[tuple[int, Outcome]]] = {}
    try:
        with live:
            rounds = _ask(live, case.name, reference.outcomes)
    except AssertionError as error:
        whole = Difference(case.name, WHOLE_CASE, "run", reference.failure, str(error), "recalled")
        return Recalled({WHOLE_CASE: [whole]}, failure=str(error))
    ports = Counter(int(line) for line in told.read_text(encoding="ascii").split())
    found = Recalled({})
    for how, asked in rounds.items():
        found.hits[how] = sum(ports[outcome.port] for _, outcome in asked)
        for item in _differing(case, how, asked, reference, live):
            found.differences.setdefault(item.request, []).append(item)
    return found


def quiet(text: str) -> str:
    """A configuration whose servers have nothing to say; no line is moved."""
    return LOG_LEVEL.sub(r"\1LogLevel emerg", text) + "\nLogLevel emerg\n"


def _ask(live: LiveServer, case: str, earlier: Sequence[Outcome]) -> dict[str, list[tuple[int, Outcome]]]:
    """All rounds; of those that are compared the answers, each with the index of its item."""
    compared: dict[str, list[tuple[int, Outcome]]] = {}
    ports = client_ports()
    for number, (others, how) in enumerate(ROUNDS):
        for index, reference in enumerate(earlier):
            parts = _parts(case, reference, number if others else None, named=how == BY_RESOURCE)
            if parts is None:
                continue
            outcome = Outcome(reference.item, parts)
            send(live, outcome, ports)
            if how:
                compared.setdefault(how, []).append((index, outcome))
    return compared


def _parts(case: str, reference: Outcome, number: int | None, *, named: bool) -> tuple[bytes, ...] | None:
    """What is sent for an item, with other fields in round `number`; None: nothing.

    An item that says its own name (`{item}`), by which its log line finds it, does so only where it is compared by its
    resource (`named`).
    """
    item, sent = reference.item, reference.sent
    if reference.ended != "closed" or reference.seconds > SLOW_SECONDS or not SAFE.issuperset(item.methods):
        return None
    if any(case == name and re.search(label, item.label) for name, label, _ in LEFT_OUT):
        return None
    if any(digest.PLACEHOLDER.search(part) for part in item.parts):
        return None
    if not named and any(b"{item}" in part for part in item.parts):
        return None if number is None else tuple(part.replace(b"item-", b"none-") for part in sent)
    return sent if number is None or not item.plain else (other_fields(sent[0], number),)


def other_fields(part: bytes, number: int) -> bytes:
    """A request with fields that make another head of it, and another line in the log, but rarely another answer."""
    head, end, body = part.partition(b"\r\n\r\n")
    lower = head.lower()
    fields = [b"X-Round: %d" % number]
    fields += [b"%b: of-round/%d" % (name, number) for name in (b"User-Agent", b"Referer") if name.lower() not in lower]
    return b"\r\n".join([head, *fields]) + end + body


def _differing(
    case: Case, how: str, asked: Sequence[tuple[int, Outcome]], reference: Transcript, live: LiveServer
) -> Iterator[Difference]:
    """What is different in one round, error logs apart."""
    logs = {"error", *ERROR_LOG.findall(case.config)}
    ours = Transcript(live.name, [Outcome(item) for item in case.items], live.root)
    for index, outcome in asked:
        ours.outcomes[index] = outcome
    sort_logs(ours)
    theirs = [reference.outcomes[index] for index, _ in asked]
    sides = [
        Transcript(side.server, [_without(outcome, logs) for outcome in outcomes], side.run_folder)
        for side, outcomes in ((reference, theirs), (ours, [outcome for _, outcome in asked]))
    ]
    for items in differences(case.name, *sides).values():
        yield from (replace(item, how=how) for item in items)


def _without(outcome: Outcome, logs: set[str]) -> Outcome:
    """Less these logs, and less the ids in others, which only requests have that have logged an error."""
    left = {name: [RANDOM.sub("", line) for line in lines] for name, lines in outcome.logs.items() if name not in logs}
    return replace(outcome, logs=left)
