"""What a case is: its folder on disk, read into values. Nothing is started here.

A case folder holds ``httpd.conf`` (a fragment), ``files/`` (the tree served), ``modes`` (what git does not keep:
permissions, links, empty folders, large files) and ``requests.txt``. The grammar of the two text files is in
``README.md``.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

CASES = Path(__file__).resolve().parent / "cases"
HOST_NAME = "www.example.test"
ALTERNATIVE = " || "


@dataclass(frozen=True, slots=True)
class Item:
    """One connection of a case: the parts to send (waiting for an answer in between) and the methods they hold.

    ``keys_only`` compares of each body line only what stands before its first colon. ``plain`` is one request, not
    written byte by byte, on a connection on which nothing more is expected.
    """

    label: str
    parts: tuple[bytes, ...]
    methods: tuple[str, ...]
    half_close: bool = False
    keys_only: bool = False
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A case folder, read."""

    name: str
    folder: Path
    config: str
    items: tuple[Item, ...]
    without: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def requests(self) -> int:
        """How many requests are compared."""
        return sum(len(item.methods) for item in self.items)


@dataclass(slots=True)
class _Block:
    """A request as it is being read: its first line and the indented lines below it."""

    line: str
    number: int
    details: list[str] = field(default_factory=list)


class CaseError(ValueError):
    """A case file that cannot be read: file, line and reason."""


def load_cases(names: Sequence[str] = ()) -> list[Case]:
    """All cases, or those named, sorted by name; ``CaseError`` for one that is unknown."""
    found = {path.parent.name for path in CASES.glob("*/requests.txt")}
    if unknown := set(names) - found:
        raise CaseError(f"no such case: {', '.join(sorted(unknown))}")
    return [load_case(CASES / name) for name in sorted(names or found)]


def load_case(folder: Path) -> Case:
    """Read one case folder."""
    config = folder.joinpath("httpd.conf").read_text(encoding="utf-8")
    text = folder.joinpath("requests.txt").read_text(encoding="utf-8")
    items = read_items(text, folder)
    labels: dict[str, int] = {}
    numbered = []
    for item in items:
        labels[item.label] = labels.get(item.label, 0) + 1
        label = item.label if labels[item.label] == 1 else f"{item.label} #{labels[item.label]}"
        numbered.append(replace(item, label=label))
    without, extra = _said("without", config), _said("with", config)
    return Case(folder.name, folder, config, tuple(numbered), without, extra)


def read_items(text: str, folder: Path) -> tuple[Item, ...]:
    """The requests of a ``requests.txt`` in order; their labels are not yet told apart."""
    return tuple(item for block in _blocks(text, folder) for item in _items(block, folder))


def _said(word: str, config: str) -> tuple[str, ...]:
    """The words of the lines ``# word: ...`` of a configuration."""
    return tuple(name for line in re.findall(rf"^# {word}: (.*)$", config, re.MULTILINE) for name in line.split())


def _blocks(text: str, folder: Path) -> Iterator[_Block]:
    block: _Block | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        if not line[0].isspace():
            if block:
                yield block
            block = _Block(line.rstrip(), number)
        elif block is None:
            raise CaseError(f"{folder.name}/requests.txt:{number}: an indented line without a request")
        else:
            block.details.append(line.strip())
    if block:
        yield block


def _items(block: _Block, folder: Path) -> Iterator[Item]:
    try:
        if block.line.split()[0] == "RAW":
            yield _raw_item(block)
        else:
            yield from _plain_items(block)
    except (ValueError, IndexError) as error:
        raise CaseError(f"{folder.name}/requests.txt:{block.number}: {error}") from error


def _raw_item(block: _Block) -> Item:
    """``RAW METHODS[ open] title`` and lines ``| bytes`` with Python's escapes; ``...`` waits for an answer."""
    _, methods, *words = block.line.split()
    keep_open = words[:1] == ["open"]
    parts = [b""]
    for detail in block.details:
        if detail == "...":
            parts.append(b"")
        elif detail.startswith("|"):
            parts[-1] += unescape(detail[1:].removeprefix(" "))
        else:
            raise ValueError(f"in a RAW request: {detail!r}")
    title = " ".join(words[keep_open:])
    return Item(f"RAW {title}", tuple(parts), tuple(methods.split(",")), half_close=not keep_open)


def _plain_items(block: _Block) -> Iterator[Item]:
    methods, rest = block.line.split(" ", 1)
    version = "HTTP/1.1"
    if match := re.search(r" (HTTP/\d\.\d)$", rest):
        version, rest = match[1], rest[: match.start()]
    body, chunked, keys_only = b"", False, False
    named: list[tuple[str, list[str]]] = []
    omitted: set[str] = set()
    for detail in block.details:
        if detail.startswith("<"):
            chunked = detail.startswith("<chunked")
            body += unescape(detail.removeprefix("<chunked").removeprefix("<").removeprefix(" "))
        elif detail == "!keys":
            keys_only = True
        elif detail.startswith("-"):
            omitted.add(detail[1:].strip().lower())
        else:
            name, _, value = detail.partition(":")
            named.append((name, value.strip().split(ALTERNATIVE)))
    defaults = [("Host", HOST_NAME), ("Connection", "close")]
    present = {name.lower() for name, _ in named} | omitted
    fixed = [(name, [value]) for name, value in defaults if name.lower() not in present]
    choices = [[(name, value) for value in values] for name, values in fixed + named]
    for method, target in itertools.product(methods.split(","), rest.split(ALTERNATIVE)):
        for fields in itertools.product(*choices):
            sent = tuple((name, value) for name, value in fields if value != "-")
            varied = [f"{n}: {v}" for (n, v), options in zip(fields, choices, strict=True) if len(options) > 1]
            label = " ".join([method, _short(target)] + ([version] if version != "HTTP/1.1" else []))
            label += "".join(f" [{_short(text)}]" for text in varied)
            part = _serialize(method, target, version, sent, body, chunked)
            yield Item(label, (part,), (method,), keys_only=keys_only, plain=True)


def _short(text: str) -> str:
    return text if len(text) <= 90 else f"{text[:87]}..."


def _serialize(
    method: str, target: str, version: str, fields: Sequence[tuple[str, str]], body: bytes, chunked: bool
) -> bytes:
    lines = [f"{method} {target} {version}", *(f"{name}: {value}" for name, value in fields)]
    names = {name.lower() for name, _ in fields}
    if chunked:
        half = (len(body) + 1) // 2
        pieces = [piece for piece in (body[:half], body[half:]) if piece]
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        lines.append("Transfer-Encoding: chunked")
    elif body and not names & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines).encode("utf-8")
    return repeat(head) + b"\r\n\r\n" + body


def unescape(text: str) -> bytes:
    """Python's escapes in a line of text to bytes, and ``{repeat:N:x}``; what is not ASCII is UTF-8."""
    plain = re.sub(rb"\\(x[0-9a-fA-F]{2}|[rntv0\\])", _escape, text.encode("utf-8"))
    return repeat(plain)


def _escape(match: re.Match[bytes]) -> bytes:
    code = match[1]
    simple = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"v": b"\v", b"0": b"\0", b"\\": b"\\"}
    return simple[code] if code in simple else bytes([int(code[1:], 16)])


def repeat(data: bytes) -> bytes:
    """Expand ``{repeat:N:x}`` to N times x."""
    return re.sub(rb"\{repeat:(\d+):([^}]*)\}", lambda match: match[2] * int(match[1]), data)
