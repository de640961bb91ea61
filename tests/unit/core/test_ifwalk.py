"""The walk over <If>, <ElseIf> and <Else>: what is chosen, in which order it is merged, what is asked when."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver.core.settings import Level
from tests.unit.modules.kit import SiteKit, refusal

OPEN = "<Directory />\nRequire all granted\nAllowOverride All\n</Directory>\n"
CHAIN = """
<If "%{QUERY_STRING} == 'if'">
SetEnv A if
</If>
<ElseIf "%{QUERY_STRING} =~ /else/">
SetEnv A elseif
<If "%{QUERY_STRING} == 'else-inner'">
SetEnv B inner
</If>
<Else>
SetEnv B outer
</Else>
</ElseIf>
<Else>
SetEnv A else
</Else>
<If "%{QUERY_STRING} =~ /else/">
SetEnv B behind
SetEnv C second
</If>
"""


@pytest.mark.parametrize(("query", "env"), [
    ("if", {"A": "if"}),
    ("else", {"A": "elseif", "B": "outer", "C": "second"}),
    ("else-inner", {"A": "elseif", "B": "inner", "C": "second"}),
    ("other", {"A": "else"}),
])  # fmt: skip
def test_a_chain_of_sections(tmp_path: Path, query: str, env: dict[str, str]) -> None:
    kit = SiteKit(tmp_path, OPEN + CHAIN)
    kit.file("x")
    assert kit.get(f"/x?{query}").x.env == env


def test_sections_are_asked_in_the_order_of_their_walks(tmp_path: Path) -> None:
    kit = SiteKit(
        tmp_path,
        f"{OPEN}<Location />\n<If true>\nSetEnv L location\nSetEnv A location\n</If>\n</Location>\n"
        "<Files x>\n<If true>\nSetEnv F files\nSetEnv A files\n</If>\nSetEnv A plain\n</Files>\n"
        f"<Directory {tmp_path}>\n<If true>\nSetEnv D directory\nSetEnv A directory\n</If>\n</Directory>\n"
        "<If true>\nSetEnv S server\nSetEnv A server\n</If>\n",
    )
    kit.file("x")
    kit.file(".htaccess", "<If true>\nSetEnv H htaccess\nSetEnv A htaccess\n</If>\n")
    assert kit.get("/x").x.env == {
        "A": "location", "D": "directory", "F": "files", "H": "htaccess", "L": "location", "S": "server",
    }  # fmt: skip


def test_a_condition_that_fails_does_not_hold_and_is_told_of_in_each_walk(tmp_path: Path) -> None:
    section = "<If \"file('/nowhere') == 'x'\">\nSetEnv A if\n</If>\n<Else>\nSetEnv A else\n</Else>\n"
    kit = SiteKit(tmp_path, OPEN + section)
    kit.file("x")
    assert kit.get("/x").x.env == {"A": "else"}
    failures = [message for level, _module, message in kit.log if level is Level.ERROR]
    assert failures == 3 * [
        "Evaluation of expression from test.conf:7 failed: Cannot open file /nowhere",
        "AH00039: Failed to evaluate <If > condition: Cannot open file /nowhere",
    ]


def test_equal_answers_give_the_same_settings(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, OPEN + CHAIN)
    kit.file("x")
    assert kit.get("/x?if").x.settings is kit.get("/x?if").x.settings
    assert kit.get("/x?if").x.settings is not kit.get("/x?other").x.settings


def test_a_section_can_wait_and_decide_about_translation(tmp_path: Path) -> None:
    kit = SiteKit(
        tmp_path,
        f"{OPEN}<If \"%{{IS_SUBREQ}} == 'false' && -U '/closed'\">\nSetEnv A open\n</If>\n<Else>\nSetEnv A closed\n"
        "</Else>\n<Location /closed>\nRequire all denied\n</Location>\n"
        "<If \"%{REQUEST_URI} == '/go'\">\nRedirect http://example.test/%{tolower:X}\n</If>\n",
    )
    kit.file("x")
    kit.file("closed")
    assert kit.get("/x").x.env == {"A": "closed"}
    assert kit.get("/go").headers["Location"] == "http://example.test/x"


def test_a_condition_that_asks_for_itself_is_an_error_and_ends(tmp_path: Path) -> None:
    path = tmp_path / "htdocs" / "x"
    kit = SiteKit(tmp_path, f"{OPEN}<If \"-F '{path}'\">\nSetEnv A yes\n</If>\n")
    kit.file("x")
    assert kit.get("/y").x.env == {}
    assert (Level.ERROR, "core", f"-F {path} is asked again by its own subrequest") in kit.log


def test_a_subrequest_does_not_ask_for_its_own_address(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, f"{OPEN}<If \"-U '/x'\">\nSetEnv A yes\n</If>\n")
    kit.file("x")
    assert kit.get("/y").x.env == {"A": "yes"}
    assert not [message for level, _module, message in kit.log if level <= Level.ERROR and "asked again" in message]


@pytest.mark.parametrize(("text", "message"), [
    ("<If>\n</If>", "<If> directive requires additional arguments"),
    ("<If true true>\n</If>", "Multiple <If> arguments not supported."),
    ("<If foo>\nNonsense\n</If>", "Cannot parse condition clause: syntax error, unexpected $end, expecting '('"),
    ("<Else>\n</Else>", "<Else> or <ElseIf> section without previous <If> or <ElseIf> section in same scope"),
    ("<If true>\n</If>\n<Else x>\n</Else>", "<Else> does not take an argument"),
    ("<If true>\n</If>\n<Else>\n</Else>\n<ElseIf true>\n</ElseIf>",
     "<Else> or <ElseIf> section without previous <If> or <ElseIf> section in same scope"),
    ("<If true>\nServerName x\n</If>", "ServerName not allowed in <If> context"),
    ("<If true>\n<Location />\n</Location>\n</If>", "<Location not allowed in <If> context"),
])  # fmt: skip
def test_refusals(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(tmp_path, f"{text}\n") == message
