"""Templates: what is put in, what is taken literally, what must be waited for."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from mpmserver.modules.rewrite.flags import rule_flags
from mpmserver.modules.rewrite.state import Run
from mpmserver.modules.rewrite.substitution import Template, backreference_escape
from tests.unit.modules.kit import USUAL, SiteKit

MAPS = "RewriteMap low int:tolower\nRewriteMap up int:toupper\n"


def run(tmp_path: Path) -> Run:
    state = Run(SiteKit(tmp_path, MAPS, (*USUAL, "rewrite")).exchange("/path?query", headers=[("X-Own", "own")]), None)
    state.x.uri = "/path"
    state.rule_match = re.search("(a)(b)?(c d)", "ac d")
    state.condition_match = re.search("(.)$", "xyz")
    return state


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""), ("plain", "plain"), ("$0-$1-$2-$3-$9", "ac d-a--c d-"), ("%0%1", "zz"),
        (r"\$1\%1\\x\y", r"$1%1\xy"), ("$", "$"), ("%", "%"), ("$x%x", "$x%x"), ("$$1", "$a"), ("end\\", "end\\"),
        ("%{REQUEST_URI}?%{QUERY_STRING}", "/path?query"), ("%{request_uri}", "/path"), ("%{NOPE}x", "x"),
        ("%{HTTP:x-own}", "own"), ("%{", "%{"), ("${", "${"), ("${x}", "${x}"), ("%{ENV:nope}", ""),
        ("${low:A$1B}", "aab"), ("${none:x|d$1}", "da"), ("${none:x}", ""), ("${up:${low:AbC}}", "ABC"),
        ("${none:{a}|{b}}", "{b}"), ("${low:|x}", ""), ("a${low:X}b$1", "axba"),
    ],
)  # fmt: skip
def test_expand(tmp_path: Path, text: str, expected: str) -> None:
    assert asyncio.run(Template(text).expand_async(run(tmp_path))) == expected


def test_plain_templates_do_not_wait(tmp_path: Path) -> None:
    template = Template("/x/$1?%{REQUEST_URI}")
    assert not template.is_async
    assert template.expand(run(tmp_path)) == "/x/a?/path"


@pytest.mark.parametrize(
    ("text", "waits", "maps"),
    [
        ("%{LA-U:REMOTE_USER}", True, set()), ("%{LA-F:REQUEST_URI}", True, set()), ("%{REMOTE_HOST}", True, set()),
        ("${m:%{REMOTE_HOST}}", True, {"m"}), ("${m:x|${n:y}}", False, {"m", "n"}), ("%{REMOTE_ADDR}", False, set()),
    ],
)  # fmt: skip
def test_what_waits(text: str, waits: bool, maps: set[str]) -> None:
    template = Template(text)
    assert template.waits is waits
    assert set(template.maps) == maps


@pytest.mark.parametrize(
    ("text", "is_pure"),
    [
        ("$1%1%{REQUEST_URI}%{HTTP_HOST}%{QUERY_STRING}", True), ("%{TIME}", False), ("%{REMOTE_ADDR}", False),
        ("%{ENV:x}", True), ("%{LA-U:REQUEST_URI}", False), ("${m:%{TIME_SEC}}", False), ("%{NOPE}", True),
    ],
)  # fmt: skip
def test_what_is_pure(text: str, is_pure: bool) -> None:
    assert Template(text).is_pure is is_pure


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("[B]", "a%26b+c%2f_%c3%a9"), ("[B,BNP]", "a%26b%20c%2f_%c3%a9"), ("[B=&]", "a%26b c/_é"),
        ("[B,BNE=/&]", "a&b+c/_%c3%a9"), ("[BCTLS]", "a&b+c/_é"), ("[B= /]", "a&b+c%2f_é"),
        ("[BCTLS,B=&]", "a%26b+c/_é"),
    ],
)  # fmt: skip
def test_escaped_backreferences(flags: str, expected: str) -> None:
    escape = backreference_escape(rule_flags(flags))
    assert escape is not None
    assert escape("a&b c/_é") == expected


def test_no_escape_without_flags() -> None:
    assert backreference_escape(rule_flags("[BNP,BNE=x]")) is None


@pytest.mark.parametrize(
    ("text", "outside"),
    [("/x?a=$1", False), ("/$1?a", True), ("/$1", True), (r"\?$1", True), ("/x", False), ("%{REQUEST_URI}", False)],
)
def test_question_marks_from_outside(tmp_path: Path, text: str, outside: bool) -> None:
    state = run(tmp_path)
    state.rule_match = re.search("(.*)", "a?b")
    template = Template(text)
    assert template.expand_watching(state) == asyncio.run(template.expand_watching_async(state))
    _text, found = template.expand_watching(state)
    assert found is outside
