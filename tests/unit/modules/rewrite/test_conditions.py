"""RewriteCond: the tests and how they are chosen."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mpmserver.config.errors import ConfigError
from mpmserver.modules.rewrite.conditions import RewriteCondition
from mpmserver.modules.rewrite.settings import RewriteServer
from mpmserver.modules.rewrite.state import Run
from mpmserver.modules.rewrite.substitution import Template
from tests.unit.modules.kit import USUAL, SiteKit


def compiled(tmp_path: Path, line: str) -> tuple[SiteKit, RewriteCondition]:
    kit = SiteKit(tmp_path, f"RewriteEngine On\nRewriteCond {line}\nRewriteRule ^ -", (*USUAL, "rewrite"))
    (rule,) = kit.site.main[RewriteServer].rule_set.rules
    (condition,) = rule.conditions
    return kit, condition


def holds(tmp_path: Path, line: str) -> bool:
    kit, condition = compiled(tmp_path, line)
    return asyncio.run(condition.holds_async(Run(kit.exchange("/x"), None)))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("abc ^a", True), ("abc !^a", False), ("ABC ^a", False), ("ABC ^a [NC]", True), ('"" ^$', True), ('a ""', True),
        ("abc =abc", True), ("abc =ABC", False), ("abc =ABC [NC]", True), ("abc !=abd", True), ('"" =""', True),
        ("b >abc", False), ("b >abc [NC]", True), ("abc <abd", True), ("abc <=abc", True), ("abc >=abc", True),
        ("5 -eq5", True), ('5 "-eq 5"', True), ("5 -ne5", False), ("4 -lt5", True), ("5x -ge5", True), ("x -le0", True),
        ("-eq -eq", True), ("0 -eq", False), ("= =", True), ('"" =', False), ("-z -z", True), ("a !", False),
        ('expr "true"', True), ('expr "!false"', True), ("EXPR !true", False),
    ],
)  # fmt: skip
def test_texts_and_numbers(tmp_path: Path, line: str, expected: bool) -> None:
    assert holds(tmp_path, line) is expected


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("-f", {"file", "script", "empty", "link"}), ("-d", {"folder"}), ("-s", {"file", "script", "link"}),
        ("-x", {"script", "folder"}), ("-l", {"link", "broken"}), ("-L", {"link", "broken"}),
        ("-h", {"link", "broken"}), ("-F", {"file", "script", "empty", "link"}),
    ],
)  # fmt: skip
def test_files(tmp_path: Path, test: str, expected: set[str]) -> None:
    docs = tmp_path / "htdocs"
    docs.mkdir()
    (docs / "file").write_text("x")
    (docs / "script").write_text("x")
    (docs / "script").chmod(0o755)
    (docs / "empty").touch()
    (docs / "folder").mkdir()
    (docs / "link").symlink_to("file")
    (docs / "broken").symlink_to("nowhere")
    names = {"file", "script", "empty", "folder", "link", "broken", "missing"}
    assert {name for name in names if holds(tmp_path, f"{docs}/{name} {test}")} == expected


def test_urls(tmp_path: Path) -> None:
    text = """
<Location /no>
    Require all denied
</Location>
RewriteEngine On
RewriteCond /no -U
RewriteRule ^/a - [F]
RewriteCond /yes -U
RewriteRule ^/b - [F]
"""
    kit = SiteKit(tmp_path, text, (*USUAL, "rewrite"))
    kit.file("a")
    assert kit.get("/a").status == 200
    assert kit.get("/b").status == 403


def test_groups_are_kept_unless_negated(tmp_path: Path) -> None:
    kit, condition = compiled(tmp_path, "abc (b)")
    run = Run(kit.exchange("/x"), None)
    assert asyncio.run(condition.holds_async(run))
    assert [Template(f"%{number}").expand(run) for number in range(3)] == ["b", "b", ""]
    kit, condition = compiled(tmp_path, "abc !(x)")
    run = Run(kit.exchange("/x"), None)
    assert asyncio.run(condition.holds_async(run))
    assert run.condition_match is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a", "RewriteCond: bad argument line 'a'"),
        ("a b c", "RewriteCond: bad flag delimiters"),
        ("a b [L]", "RewriteCond: unknown flag 'L'"),
        ("a (", "RewriteCond: cannot compile regular expression '('"),
    ],
)
def test_errors(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compiled(tmp_path, line)
    assert caught.value.message == message


def test_case_of_files_is_warned_of(tmp_path: Path) -> None:
    kit, condition = compiled(tmp_path, "a !-f [NC]")
    assert not condition.flags
    (warning,) = kit.warnings
    assert warning.startswith("AH00665: RewriteCond: NoCase option for non-regex pattern '-f' is not supported and ")
    assert warning.endswith(" (test.conf:4)")
