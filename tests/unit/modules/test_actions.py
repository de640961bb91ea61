"""mod_actions: what leads to a script, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver.config.errors import ConfigError
from tests.unit.modules.kit import USUAL, SiteKit

MODULES = (*USUAL, "actions")


def site(tmp_path: Path, text: str) -> SiteKit:
    kit = SiteKit(tmp_path, text, MODULES)
    for name in ("a.gif", "b.txt", "plain", "answer"):
        kit.file(name, name)
    return kit


ACTIONS = """
AcceptPathInfo On
Action IMAGE/gif /answer
AddHandler Some-Handler .some
Action some-handler /answer
Action never /answer virtual
<Location /virtual>
  SetHandler never
</Location>
Script PUT /answer
Script GET /answer
Script frob /answer
"""


@pytest.mark.parametrize(
    ("request_line", "answered"),
    [
        ("GET /a.gif", True),
        ("GET /b.txt", False),
        ("GET /b.txt?", True),
        ("HEAD /b.txt?x", True),
        ("GET /plain", False),
        ("PUT /plain", True),
        ("POST /plain", False),
        ("GET /virtual/x", True),
    ],
)
def test_what_leads_to_a_script(tmp_path: Path, request_line: str, answered: bool) -> None:
    method, target = request_line.split()
    answer = site(tmp_path, ACTIONS).get(target, method)
    assert answer.x.uri.startswith("/answer/") is answered


def test_the_script_learns_handler_uri_and_query(tmp_path: Path) -> None:
    answer = site(tmp_path, ACTIONS.replace("Script GET /answer", "")).get("/a.gif?x=1")
    assert answer.body == b"answer"
    assert (answer.x.path_info, answer.x.args) == ("/a.gif", "x=1")
    assert answer.x.env["REDIRECT_HANDLER"] == "image/gif"


def test_a_kept_type_describes_the_answer_but_names_no_handler(tmp_path: Path) -> None:
    answer = site(tmp_path, ACTIONS).get("/a.gif")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/gif")
    assert answer.x.redirects == 1


def test_a_missing_file_is_told_unless_virtual(tmp_path: Path) -> None:
    kit = site(tmp_path, ACTIONS)
    assert kit.get("/missing.gif").status == 404
    assert [line for level, module, line in kit.log if module == "actions"] == [
        f"AH00652: File does not exist: {kit.docs}/missing.gif"
    ]


def test_a_script_for_a_method_does_not_lead_to_itself_for_ever(tmp_path: Path) -> None:
    kit = site(tmp_path, "AcceptPathInfo On\nScript PUT /plain\n")
    answer = kit.get("/b.txt", "PUT")
    assert (answer.status, answer.x.redirects) == (405, 2)


def test_an_action_that_leads_to_itself_ends(tmp_path: Path) -> None:
    kit = site(tmp_path, "AcceptPathInfo On\nSetHandler again\nAction again /plain\n")
    assert kit.get("/b.txt").status == 500
    assert any("AH00124" in line for _level, _module, line in kit.log)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Action a /b nonsense", "unrecognized option 'nonsense'"),
        ("Action a", "Action takes two or three arguments, a media type followed by a script name"),
        ("Script TRACE /a", "TRACE not allowed for Script"),
    ],
)
def test_complaints(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as error:
        site(tmp_path, text)
    assert error.value.message == complaint


def test_a_script_without_a_slash_is_no_uri(tmp_path: Path) -> None:
    kit = site(tmp_path, "Action image/gif answer\n")
    assert kit.get("/a.gif").status == 400
    assert kit.log[-1][2] == "AH10244: invalid URI path (answer/a.gif)"
