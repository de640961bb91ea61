"""mod_asis: files with a head of their own. The expectations are live Apache 2.4.71's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.memory import get, log_of, world

CONFIG = "AddHandler send-as-is .asis\nAddType httpd/send-as-is .mgc\n"


@pytest.mark.parametrize(
    ("content", "status", "fields", "body"),
    [
        ("Status: 201 Made\nX: 1\n\nbody\n", 201, {"x": "1", "content-length": "5"}, b"body\n"),
        ("Content-Type: text/a; b=c\r\n\r\nbody", 200, {"content-type": "text/a; b=c"}, b"body"),
        ("Content-Length: 1\n\nbody", 200, {"content-length": "4"}, b"body"),
        ("X: 1\nX: 2\n\n", 200, {"x": "1, 2", "content-length": "0"}, b""),
        ("Status: 301\nLocation: http://x/\n\nmoved", 301, {"location": "http://x/"}, b"moved"),
        ("Location: /a.txt\nX: 1\n\nbody", 200, {"x": "1", "content-type": "text/plain"}, b"other"),
        ("Status: 404\nLocation: /a.txt\n\nbody", 404, {"location": "/a.txt"}, b"body"),
        ("Status: abc\n\nbody", 500, {}, b"body"),
        ("X: 1", 200, {"content-length": "0"}, b""),
        ("Content-Type: text/a\nX: 1\nnonsense\n\nbody", 200, {"content-type": "text/a"}, b""),
    ],
)
@pytest.mark.parametrize("name", ["x.asis", "x.mgc"])
def test_answers(
    tmp_path: Path, name: str, content: str, status: int, fields: dict[str, str], body: bytes
) -> None:
    made = world(tmp_path, CONFIG)
    (tmp_path / "htdocs" / name).write_bytes(content.encode())
    (tmp_path / "htdocs" / "a.txt").write_text("other")
    answer = get(made, f"/{name}")
    assert answer.status == status
    assert fields.items() <= answer.headers.items()
    assert answer.body == body


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "End of script output before headers: x.asis"),
        ("X: 1\n", "Premature end of script headers: x.asis"),
        ("nonsense\n\n", "malformed header from script 'x.asis': Bad header: "),
        ("Status: abc\n\n", "Invalid status line from script 'x.asis': abc"),
    ],
)
def test_complaints(tmp_path: Path, content: str, message: str) -> None:
    made = world(tmp_path, CONFIG)
    (tmp_path / "htdocs" / "x.asis").write_text(content)
    get(made, "/x.asis")
    assert f"asis:error {message}" in log_of(made)


@pytest.mark.parametrize(
    ("value", "status", "body"),
    [("bytes=1-2", 206, b"od"), ("bytes=-1", 206, b"y"), ("bytes=9-", 416, None), ("bytes=0-", 206, b"body")],
)
def test_ranges_lie_in_the_body(tmp_path: Path, value: str, status: int, body: bytes | None) -> None:
    made = world(tmp_path, CONFIG)
    (tmp_path / "htdocs" / "x.asis").write_text("X: 1\n\nbody")
    answer = get(made, "/x.asis", f"Range: {value}")
    assert answer.status == status
    assert body is None or answer.body == body


def test_other_methods_and_what_is_not_there(tmp_path: Path) -> None:
    made = world(tmp_path, CONFIG)
    (tmp_path / "htdocs" / "x.asis").write_text("X: 1\n\nbody")
    assert get(made, "/x.asis", method="POST").body == b"X: 1\n\nbody"
    assert get(made, "/x.asis", method="PUT").status == 405
    assert get(made, "/none.asis").status == 404
    assert "asis:info AH01233: File does not exist: " + str(tmp_path / "htdocs/none.asis") in log_of(made)
    head = get(made, "/x.asis", method="HEAD")
    assert (head.headers["x"], "content-length" in head.headers, head.body) == ("1", False, b"")
