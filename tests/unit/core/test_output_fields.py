"""No header field may end its line: whatever a module put into it, the client gets an error instead."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mpmserver.core.body import Filter, FilterClass, Response
from mpmserver.core.exchange import Exchange
from mpmserver.core.output import deliverable
from mpmserver.core.settings import Level
from mpmserver.core.steps import waited
from tests.unit.modules.kit import SiteKit


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("X", "a\r\nSet-Cookie: b", "AH02430: Response header 'X' value of 'a\r\nSet-Cookie: b' contains"),
        ("X", "a\x7f", "AH02430: Response header 'X' value of 'a\x7f' contains"),
        ("X Y", "a", "AH02429: Response header name 'X Y' contains"),
        ("X\xe9", "a", "AH02429: Response header name 'X\xe9' contains"),
    ],
)
@pytest.mark.parametrize("surviving", [False, True])
def test_a_field_that_is_none(tmp_path: Path, name: str, value: str, message: str, surviving: bool) -> None:
    kit = SiteKit(tmp_path, "<Directory />\nRequire all granted\n</Directory>\n")
    kit.file("x")
    x = kit.get("/x").x
    (x.err_headers_out if surviving else x.headers_out).add(name, value)
    answered = asyncio.run(waited(deliverable(x)))
    assert answered.response is not None
    assert answered.response.status == 500
    assert name not in answered.headers_out
    assert name not in answered.err_headers_out
    assert kit.log[-1] == (Level.ERROR, "http", f"{message} invalid characters, aborting request")


def test_a_field_without_a_name(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, "<Directory />\nRequire all granted\n</Directory>\n")
    kit.file("x")
    x = kit.get("/x").x
    x.headers_out.add("", "a")
    assert asyncio.run(waited(deliverable(x))).status == 500
    assert kit.log[-1] == (Level.ERROR, "http", "AH02428: Empty response header name, aborting request")


@pytest.mark.parametrize(
    ("coding", "status"), [("chunked", 200), ("gzip, Chunked", 200), ("identity", 500), ("", 500), ("chunked, x", 500)]
)
def test_a_body_is_chunked_or_not_coded_at_all(tmp_path: Path, coding: str, status: int) -> None:
    kit = SiteKit(tmp_path, "<Directory />\nRequire all granted\n</Directory>\n")
    kit.file("x")
    x = kit.get("/x").x
    x.headers_out.add("Transfer-Encoding", coding)
    assert asyncio.run(waited(deliverable(x))).status == status
    assert not [message for level, _module, message in kit.log if level <= Level.ERROR]


@pytest.mark.parametrize("waits", [False, True])
def test_filters_run_by_class_then_in_the_order_of_their_coming(tmp_path: Path, waits: bool) -> None:
    kit = SiteKit(tmp_path, "<Directory />\nRequire all granted\n</Directory>\n")
    kit.file("x")
    x = kit.get("/x").x

    def named(name: str, order: int) -> Filter:
        def apply(x: Exchange, response: Response) -> Response:
            x.headers_out.merge("Order", name)
            return response

        async def apply_later(x: Exchange, response: Response) -> Response:
            return apply(x, response)

        return Filter(name, order, apply_later if waits else apply)

    content = FilterClass.CONTENT_SET
    x.filters = [named("c", content), named("d", content), named("e", FilterClass.PROTOCOL), named("b", content - 2)]
    asyncio.run(waited(deliverable(x)))
    assert x.headers_out.get("Order") == "b, c, d, e"


def test_a_filter_that_fails_costs_its_request(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, "<Directory />\nRequire all granted\n</Directory>\n")
    kit.file("x")
    x = kit.get("/x").x

    def apply(x: Exchange, response: Response) -> Response:
        raise ZeroDivisionError

    x.filters = [Filter("broken", FilterClass.RESOURCE, apply)]
    x.headers_out.set("X", "kept")
    failed = asyncio.run(waited(deliverable(x)))
    assert failed.status == 500
    assert "X" not in failed.headers_out
    assert "ZeroDivisionError" in kit.log[-1][2]


def test_tabs_and_octets_above_ascii_are_fine(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, "<Directory />\nRequire all granted\n</Directory>\n")
    kit.file("x")
    x = kit.get("/x").x
    x.headers_out.add("X", "a\tb\xe9")
    assert asyncio.run(waited(deliverable(x))) is x


@pytest.mark.parametrize(
    ("value", "sent"),
    [("a\r\n b", "a b"), ("a\r\n \t b\r\n\tc", "a b c"), ("\r\n ", " "), ("a\r\nb", None), ("a\n b", None)],
)
def test_a_folded_field_is_sent_in_one_line(tmp_path: Path, value: str, sent: str | None) -> None:
    kit = SiteKit(tmp_path, "<Directory />\nRequire all granted\n</Directory>\n")
    kit.file("x")
    x = kit.get("/x").x
    x.headers_out.add("X", "first")
    x.headers_out.add("X", value)
    answered = asyncio.run(waited(deliverable(x)))
    assert answered.headers_out.get_all("X") == ([] if sent is None else ["first", sent])


@pytest.mark.parametrize("value", ["text\r\nSet-Cookie: a", "text\n", "\x01", "x\x7f"])
def test_a_content_type_that_could_end_its_line(tmp_path: Path, value: str) -> None:
    kit = SiteKit(tmp_path, "<Directory />\nRequire all granted\n</Directory>\n")
    kit.file("x")
    x = kit.get("/x").x
    x.content_type = value
    answered = asyncio.run(waited(deliverable(x)))
    assert (answered.status, answered.content_type) == (500, "text/html; charset=iso-8859-1")


def test_a_name_that_was_seen_before_saves_no_value(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, "<Directory />\nRequire all granted\n</Directory>\n")
    kit.file("x")
    for value, status in (("a", 200), ("\xe9\x85", 200), ("a\nb", 500), ("a", 200)):
        x = kit.get("/x").x
        x.headers_out.add("X-Own-Name", value)
        assert asyncio.run(waited(deliverable(x))).status == status
