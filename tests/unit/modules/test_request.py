"""mod_request: KeptBodySize as a limit (messages from httpd)."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver.core.body import BodyError
from mpmserver.modules.request import Keeper, RequestDir
from tests.unit.modules.kit import USUAL, SiteKit, refusal

MODULES = (*USUAL, "request")
REASON = "KeptBodySize must be a valid size in bytes, or zero."


def keeper(root: Path, limit: int) -> tuple[Keeper, SiteKit]:
    kit = SiteKit(root, "", MODULES)
    return Keeper(kit.exchange("/a"), limit), kit


def test_a_length_within_the_limit(tmp_path: Path) -> None:
    found, _kit = keeper(tmp_path, 10)
    found.before(10)
    found.before(None)
    found.took(6)
    found.took(4)


def test_a_length_beyond_the_limit(tmp_path: Path) -> None:
    found, kit = keeper(tmp_path, 10)
    with pytest.raises(BodyError) as caught:
        found.before(11)
    assert caught.value.status == 413
    assert kit.log[-1][2] == "AH01412: Requested content-length of 11 is larger than the configured limit of 10"


def test_chunks_beyond_the_limit(tmp_path: Path) -> None:
    found, kit = keeper(tmp_path, 10)
    found.took(6)
    with pytest.raises(BodyError):
        found.took(5)
    assert kit.log[-1][2] == "AH01413: Requested content-length of 5 is larger than the configured limit of 0"


def test_where_no_section_asks_there_is_no_hook(tmp_path: Path) -> None:
    with_it = SiteKit(tmp_path, "<Location /k>\nKeptBodySize 5\n</Location>\n", MODULES).site.main.defaults.plan
    without = SiteKit(tmp_path, "", MODULES).site.main.defaults.plan
    assert [["request" in [step.module for step in plan.insert_filters]] for plan in (with_it, without)] == [
        [True], [False],
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "size"), [("0", 0), ("5", 5), ("+5", 5), ("010", 10), ("08", 8)])
def test_sizes(tmp_path: Path, text: str, size: int) -> None:
    kit = SiteKit(tmp_path, f"<Location /k>\nKeptBodySize {text}\n</Location>\n", MODULES)
    assert kit.site.main.locations[0].settings(RequestDir).kept_body_size == size


@pytest.mark.parametrize("text", ["-5", "5k", "abc", "0x10", "99999999999999999999"])
def test_wrong_sizes(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, f"<Location /k>\nKeptBodySize {text}\n</Location>\n", MODULES) == REASON
