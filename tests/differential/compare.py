"""Compare two transcripts of a case: every field as text, made independent of what cannot be equal.

What is normalized, and nothing else: the client's port, the server's own run folder, the product token in signatures,
environments and start messages, the reactor's name (it is compared with Apache's event), multipart boundaries and the
lengths that follow from theirs (Apache's is a number without leading zeros), the order of ``Allow`` (it comes from a
hash with a seed per process), the source line and the addresses in memory that mod_rewrite's traces name, and what
a case itself marks as ``<v>...</v>`` (a time, a process id: its shape is compared), ``<id>...</id>`` (random: whether
there is one) or ``<sent>...</sent>`` (bytes sent: less the ``Server`` headers). ``Expires`` is equal when it is the
same time, or at the same distance from ``Date``, and a ``max-age`` also when it leads there. Nonces of digest
authentication, which each server signs for itself, and the proofs made of them are compared by their form. ``Date``
and ``Server`` headers are left out, and so is of a script's answer whether it is sent chunked or with a length: a
server gives the length where it sees the script's end together with its output, and that is a race with the script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from tests.differential.replay import NOT_TRIED, Outcome, Transcript
from tests.wire_client import Response

LEFT_OUT = frozenset({"date", "server"})
FRAMING = frozenset({"content-length", "transfer-encoding"})
PRODUCT = re.compile(
    rb"(?P<before><address>|SERVER_SOFTWARE=|\bAH\d{5}: )(?:Apache|mpmserver)(?:/[\w.+-]+)?(?: \((?:Debian|Unix)\))?"
)
#: Keys of the status page that are there only when a count has left zero.
VARYING_KEYS = frozenset({b"CPULoad", b"ReqPerSec", b"BytesPerSec", b"BytesPerReq", b"DurationPerReq"})
COMMAND_LINE = re.compile(rb"(?<=AH00094: Command line: ')\S+(?: -m mpmserver)?(?= )")
VOLATILE = re.compile(rb"<v>(.*?)</v>")
POINTER = re.compile(rb"\b([sr]id)#[0-9a-f]+")
RANDOM = re.compile(rb"<id>[^<]{2,}</id>")
NONCE = re.compile(rb"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{11}=[0-9a-f]{40}\b")
PROOF = re.compile(rb'(?<=rspauth=")[0-9a-f]{32}(?=")|(?<=received - hash is not )[0-9a-f]{40}\b')
SENT = re.compile(r"<sent>(\d+)</sent>")
BOUNDARY = re.compile(r'multipart/[\w-]+; boundary="?([^"\s;]+)')
WHOLE_CASE = "(the whole case)"
#: Stands between two readings of a field, of which one must be equal.
EITHER = " {or} "


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs: ``None`` where a server did not have it. ``how`` ours was found in memory, if so."""

    case: str
    request: str
    field: str
    apache: str | None
    ours: str | None
    how: str = ""


def differences(case: str, reference: Transcript, subject: Transcript) -> dict[str, list[Difference]]:
    """All differences of a case, by request label, in order; equal requests are in it with an empty list."""
    result: dict[str, list[Difference]] = {}
    if subject.failure or reference.failure:
        result[WHOLE_CASE] = [Difference(case, WHOLE_CASE, "run", reference.failure, subject.failure)]
    errors = [
        {"error-log": "\n".join(_text(line.encode(), side, 0) for line in (*side.parent_errors, *side.other_errors))}
        for side in (reference, subject)
    ]
    result.setdefault(WHOLE_CASE, []).extend(_unequal(case, WHOLE_CASE, *errors))
    for theirs, ours in zip(reference.outcomes, subject.outcomes, strict=True):
        label = theirs.item.label
        if NOT_TRIED in (theirs.ended, ours.ended):
            result[label] = [Difference(case, label, "end", theirs.ended, ours.ended)]
            continue
        result[label] = list(_unequal(case, label, dict(fields(theirs, reference)), dict(fields(ours, subject))))
    return result


def _unequal(case: str, label: str, theirs: Mapping[str, str], ours: Mapping[str, str]) -> Iterator[Difference]:
    for name in [*theirs, *(name for name in ours if name not in theirs)]:
        if not _same(theirs.get(name), ours.get(name)):
            yield Difference(case, label, name, theirs.get(name), ours.get(name))


def _same(theirs: str | None, ours: str | None) -> bool:
    """Whether two texts are equal, or one of two readings of each (`EITHER` stands between them) is."""
    if theirs is None or ours is None or EITHER not in theirs or EITHER not in ours:
        return theirs == ours
    return any(first == second for first, second in zip(theirs.split(EITHER), ours.split(EITHER), strict=True))


def fields(outcome: Outcome, transcript: Transcript) -> Iterator[tuple[str, str]]:
    """Everything that is compared of one connection, as (field, text)."""
    yield "end", outcome.ended
    yield "responses", str(len(outcome.responses))
    keys_only = outcome.item.keys_only
    lengths = [response.header("content-length") for response in outcome.responses if keys_only or _boundary(response)]
    for number, response in enumerate(outcome.responses, 1):
        prefix = "" if number == 1 else f"{number}."
        for name, text in _response_fields(response, outcome):
            yield prefix + name, _text(text, transcript, outcome.port)
    if outcome.rest:
        yield "rest", _text(outcome.rest, transcript, outcome.port)
    servers = sum(len(value) for response in outcome.responses for value in response.values("server"))
    for name, lines in outcome.logs.items():
        joined = "\n".join(lines)
        for length in lengths:
            joined = re.sub(rf" (20[06]) {length} ", r" \1 {varying} ", joined)
        joined = SENT.sub(lambda match: f"<sent>{int(match[1]) - servers}</sent>", joined)
        yield f"log:{name}", _text(joined.encode("utf-8"), transcript, outcome.port)


def _response_fields(response: Response, outcome: Outcome) -> Iterator[tuple[str, bytes]]:
    yield "status", response.status_line.encode("latin-1")
    boundary, keys_only = _boundary(response), outcome.item.keys_only
    left_out = LEFT_OUT | FRAMING if keys_only or outcome.by_script else LEFT_OUT
    for name in dict.fromkeys(name for name, _ in response.headers):
        if name.lower() not in left_out:
            yield f"header:{name}", _header(response, name, boundary).encode("latin-1")
    body = response.body.replace(boundary.encode("latin-1"), b"{boundary}") if boundary else response.body
    if keys_only:
        keys = [line.split(b":", 1)[0] for line in body.split(b"\n")]
        body = b"\n".join(key for key in keys if key not in VARYING_KEYS)
    yield "body", body
    if response.trailers:
        yield "trailers", repr(response.trailers).encode("latin-1")
    if not response.complete:
        yield "complete", b"no"


def _header(response: Response, name: str, boundary: str) -> str:
    values = [value for key, value in response.headers if key == name]
    if name == "Allow":
        values = [",".join(sorted(value.split(","))) for value in values]
    elif boundary and name == "Content-Length":
        values = ["{varying}"]
    elif name == "Expires":
        return EITHER.join((" | ".join(values), " | ".join(f"Date {_distance(value, response)}" for value in values)))
    elif name == "Cache-Control" and response.header("expires"):
        near = "|".join(str(seconds) for seconds in _seconds_to_expiry(response)) or "$^"
        leading = (re.sub(rf"\bmax-age=({near})\b", "max-age={Expires}", value) for value in values)
        return EITHER.join((" | ".join(values), " | ".join(leading)))
    elif boundary:
        values = [value.replace(boundary, "{boundary}") for value in values]
    return " | ".join(values)


def _distance(moment: str, response: Response) -> str:
    """A time as seconds after the answer's Date; as it stands where it is none."""
    try:
        start = parsedate_to_datetime(response.header("date") or "")
        return f"{(parsedate_to_datetime(moment) - start).total_seconds():+.0f} s"
    except (TypeError, ValueError):
        return moment


def _seconds_to_expiry(response: Response) -> list[int]:
    """The seconds from Date to Expires, and those beside them: the two are taken one after the other."""
    distances = [re.fullmatch(r"([+-]\d+) s", _distance(value, response)) for value in response.values("expires")]
    return [int(match[1]) + more for match in distances if match for more in (-1, 0, 1)]


def _boundary(response: Response) -> str:
    match = BOUNDARY.match(response.header("content-type") or "")
    return match[1] if match else ""


def _text(data: bytes, transcript: Transcript, port: int) -> str:
    data = data.replace(str(transcript.run_folder).encode(), b"{run}")
    data = data.replace(b"[mpm_reactor:", b"[mpm_event:")
    data = PRODUCT.sub(rb"\g<before>{product}", data)
    data = POINTER.sub(rb"\1#{address}", COMMAND_LINE.sub(b"{program}", data))
    data = PROOF.sub(b"{proof}", NONCE.sub(b"{nonce}", data))
    data = RANDOM.sub(b"<id>x</id>", VOLATILE.sub(_shape, data))
    if port:
        data = re.sub(rb"(?<![\w.])%d(?!\w)" % port, b"{client-port}", data)
    return data.decode("utf-8", errors="backslashreplace")


def _shape(match: re.Match[bytes]) -> bytes:
    return b"<v>" + re.sub(rb"[A-Za-z]+", b"a", re.sub(rb"\d+", b"9", match[1])) + b"</v>"
