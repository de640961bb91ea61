"""No header field may end its line: whatever a module put into it, the client gets an error instead."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mpmserver.core.output import deliverable
from mpmserver.core.settings import Level
from tests.unit.modules.kit import SiteKit


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("X", "a\r\nSet-Cookie: b", "AH02430: Response header 'X' value of 'a\r\nSet-Cookie: b' contains"),
        ("X", "a\x7f", "AH02430: Response header 'X' value of 'a\x7f' contains"),
        ("X Y", "a", "AH02429: Response header name 'X Y' contains"),
    ],
)
@pytest.mark.parametrize("surviving", [False, True])
def test_a_field_that_is_none(tmp_path: Path, name: str, value: str, message: str, surviving: bool) -> None:
    kit = SiteKit(tmp_path, "<Directory />\nRequire all granted\n</Directory>\n")
    kit.file("x")
    x = kit.get("/x").x
    (x.err_headers_out if surviving else x.headers_out).add(name, value)
    answered = asyncio.run(deliverable(x))
    assert answered.response is not None
    assert answered.response.status == 500
    assert name not in answered.headers_out
    assert name not in answered.err_headers_out
    assert kit.log[-1] == (Level.ERROR, "http", f"{message} invalid characters, aborting request")


def test_tabs_and_octets_above_ascii_are_fine(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, "<Directory />\nRequire all granted\n</Directory>\n")
    kit.file("x")
    x = kit.get("/x").x
    x.headers_out.add("X", "a\tb\xe9")
    assert asyncio.run(deliverable(x)) is x
