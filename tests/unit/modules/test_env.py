"""mod_env: variables and how sections add and take back (expectations from httpd)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.modules.kit import SiteKit, refusal

CONFIG = """
<Directory />
Require all granted
</Directory>
SetEnv A_x main
SetEnv A_y main
UnsetEnv A_y
SetEnv B_z main
SetEnv b_Z main2
SetEnv C_u
SetEnv E_over setenv
SetEnvIf Host . E_over=setenvif
<Directory DOCS/a>
UnsetEnv A_x
</Directory>
<Directory DOCS/a/b>
SetEnv O_b 1
</Directory>
<Location /c>
SetEnv A_x loc
UnsetEnv A_x
UnsetEnv B_Z
</Location>
<Location /c/d>
SetEnv Q_q 1
</Location>
"""

LEAST_ONE = "requires at least one argument"

CASES = [
    ("/x", {"A_x": "main", "B_z": "main2", "C_u": "", "E_over": "setenv"}),
    ("/a/x", {"B_z": "main2", "C_u": "", "E_over": "setenv"}),
    # UnsetEnv is forgotten when its section is merged with one further in, so the server's value is back.
    ("/a/b/x", {"A_x": "main", "B_z": "main2", "C_u": "", "E_over": "setenv", "O_b": "1"}),
    ("/c/x", {"C_u": "", "E_over": "setenv"}),
    ("/c/d/x", {"A_x": "main", "B_z": "main2", "C_u": "", "E_over": "setenv", "Q_q": "1"}),
]


@pytest.mark.parametrize(("target", "expected"), CASES)
def test_sections(tmp_path: Path, target: str, expected: dict[str, str]) -> None:
    kit = SiteKit(tmp_path, CONFIG.replace("DOCS", f"{tmp_path}/htdocs"))
    kit.file(target[1:])
    assert kit.get(target).x.env == expected


def test_pass_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSED", "yes")
    monkeypatch.delenv("NOT_THERE", raising=False)
    kit = SiteKit(tmp_path, "PassEnv PASSED NOT_THERE\n<Directory />\nRequire all granted\n</Directory>\n")
    monkeypatch.setenv("PASSED", "later")
    kit.file("x")
    assert kit.get("/x").x.env == {"PASSED": "yes"}
    assert kit.warnings == ["AH01506: PassEnv variable NOT_THERE was undefined"]


def test_an_equals_sign_in_a_name_is_warned_of(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, "SetEnv a=b c\n")
    assert kit.warnings == [
        "AH10032: Spurious usage of '=' in an environment variable name. 'SetEnv a b' expected instead?"
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("SetEnv", "SetEnv takes 1-2 arguments, an environment variable name and optional value to pass to CGI."),
        ("PassEnv", f"PassEnv {LEAST_ONE}, a list of environment variables to pass to CGI."),
        ("UnsetEnv", f"UnsetEnv {LEAST_ONE}, a list of variables to remove from the CGI environment."),
    ],
)
def test_refusals(tmp_path: Path, line: str, message: str) -> None:
    assert refusal(tmp_path, f"{line}\n") == message
