"""Plans: what is decided beforehand, and what settings share."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mpmserver.core.settings import Level
from mpmserver.modules.authz_core.requirements import AuthzDir
from mpmserver.modules.mime.settings import MimeDir
from tests.memory import world


@pytest.mark.parametrize(
    ("text", "lets_in"),
    [
        ("", True),
        ("Require all granted", True),
        ("<RequireAll>\nRequire all granted\n</RequireAll>", True),
        ("<RequireAny>\nRequire all denied\nRequire all granted\n</RequireAny>", True),
        ("<RequireAll>\nRequire all granted\nRequire not all denied\n</RequireAll>", True),
        ("Require all denied", False),
        ("<RequireAll>\nRequire all denied\nRequire not all granted\n</RequireAll>", False),
        ("Require ip 127.0.0.1", False),
        ("Require method GET", False),
        ("<Limit GET>\nRequire all granted\n</Limit>", False),
        ("AuthType Basic", False),
        ("Require all granted\nOrder allow,deny\nAllow from all", True),
        ("Require all granted\nOrder deny,allow", True),
        ("Require all granted\nOrder allow,deny", False),
        ("Require all granted\nOrder allow,deny\nAllow from all\nDeny from all", False),
        ("Require all granted\nOrder deny,allow\nDeny from 10.0.0.1", False),
        ("Require all granted\nOrder deny,allow\n<Limit POST>\nDeny from all\n</Limit>", False),
        ("Require all granted\n<Limit POST>\nOrder allow,deny\nAllow from all\n</Limit>", False),
        ("Require all granted\nSatisfy Any", False),
        ("Require all granted\nLogLevel authz_core:debug", False),
        ("Require all granted\nLogLevel core:trace3", False),
    ],
)
def test_who_is_let_in_without_being_asked(tmp_path: Path, text: str, lets_in: bool) -> None:
    made = world(tmp_path, f"<Location />\n{text}\n</Location>\n")
    main = made.site.main
    assert main.merge((*main.defaults.sections, *main.locations)).plan.lets_all_in is lets_in


def test_settings_that_a_section_says_nothing_of_are_shared(tmp_path: Path) -> None:
    made = world(tmp_path, "AddType a/b .ab\n<Location />\nRequire all granted\n</Location>\n")
    main = made.site.main
    merged = main.merge((*main.defaults.sections, *main.locations))
    assert merged[MimeDir] is main.defaults[MimeDir]
    assert merged[AuthzDir] is not main.defaults[AuthzDir]


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("", False),
        ("<Location /a>\nSetEnv A b\n</Location>", False),
        ('<Location /a>\nLogMessage "%{REQUEST_URI}" hook=pre_translate_name\n</Location>', True),
        ('LogMessage "%{REQUEST_URI}" hook=pre_translate_name', True),
        ('LogMessage "%{REQUEST_URI}" hook=fixups', False),
    ],
)
def test_whether_paths_are_looked_at_before_they_are_unescaped(tmp_path: Path, text: str, has: bool) -> None:
    assert world(tmp_path, text).site.main.has_pre_translate is has


def test_handlers_by_name_are_kept_up_to_a_bound(tmp_path: Path) -> None:
    plan = world(tmp_path, "").site.main.defaults.plan
    everybodys = plan.handlers["text/html"]
    assert all(step.handler is None for step in everybodys)
    assert any(step.handler == "cgi-script" for step in plan.handlers["cgi-script"])
    for number in range(200):
        assert plan.handlers[f"made-up-{number}"] == everybodys
    assert len(plan.handlers) < 100


@pytest.mark.parametrize(
    ("level", "cause", "refused"),
    [(Level.DEBUG, False, False), (Level.WARN, False, True), (Level.WARN, True, True), (Level.NOTICE, False, True)],
)
def test_whose_request_is_written_about_is_not_remembered(
    tmp_path: Path, level: Level, cause: bool, refused: bool
) -> None:
    main = world(tmp_path, "").site.main
    reasons: list[str] = []
    x = cast("Any", SimpleNamespace(memo=SimpleNamespace(refuse=reasons.append)))
    main.log(level, "core", "text", None if cause else x, x if cause else None)
    assert bool(reasons) is refused
