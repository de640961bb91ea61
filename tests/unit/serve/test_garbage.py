"""A request leaves nothing behind that only the garbage collector could free: its memory is the next one's."""

from __future__ import annotations

import gc
from collections import Counter
from pathlib import Path

import pytest

from tests.memory import exchange, world

REQUESTS = {
    "file": b"GET /page.html HTTP/1.1\r\nHost: memory.example\r\n\r\n",
    "directory": b"GET / HTTP/1.1\r\nHost: memory.example\r\n\r\n",
    "missing": b"GET /missing HTTP/1.1\r\nHost: memory.example\r\n\r\n",
    "redirect": b"GET /old HTTP/1.1\r\nHost: memory.example\r\n\r\n",
    "error document": b"GET /gone HTTP/1.1\r\nHost: memory.example\r\n\r\n",
}
REFUSED = b"GET /page.html HTTP/1.1\r\nHost: a b\r\n\r\n"
CONFIGURATION = """
Redirect 302 /old /new
Redirect gone /gone
ErrorDocument 410 /page.html
ErrorDocument 400 /page.html
CustomLog access_log common
"""


@pytest.mark.parametrize("name", [*REQUESTS, "refused"])
def test_a_request_leaves_no_garbage(name: str, tmp_path: Path) -> None:
    made = world(tmp_path, CONFIGURATION)
    for page in ("page.html", "index.html"):
        (tmp_path / "htdocs" / page).write_text("text\n")
    sent = (REFUSED,) if name == "refused" else (REQUESTS[name],) * 2
    for _each in range(3):
        exchange(made, *sent)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        assert exchange(made, *sent).count(b"HTTP/1.1 ") == len(sent)
        gc.collect()
        left = Counter(type(each).__name__ for each in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert not left
