"""mod_log_debug: which hooks log when, what they say, and what is refused (expectations from httpd)."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver.core.settings import Level
from tests.unit.modules.kit import USUAL, SiteKit, refusal

MODULES = (*USUAL, "log_debug")
GRANTED = "<Directory />\nRequire all granted\n</Directory>\n"


def messages(root: Path, config: str, target: str = "/a.txt") -> list[str]:
    kit = SiteKit(root, GRANTED + config, MODULES)
    kit.file("a.txt")
    kit.file("dir/f")
    x = kit.get(target).x.first
    for step in x.plan.log:
        step.function(x)
    return [message for level, module, message in kit.log if module == "log_debug" and level <= Level.INFO]


def test_every_hook_of_a_file(tmp_path: Path) -> None:
    found = messages(tmp_path, "LogMessage m hook=all\n")
    hooks = [message.removeprefix("m (").partition(" hook, ")[0] for message in found]
    assert hooks == [
        "quick_handler", "pre_translate_name", "translate_name", "map_to_storage", "check_access", "check_access_ex",
        "type_checker", "fixups", "insert_filter", "handler", "log_transaction",
    ]  # fmt: skip


MESSAGES = [
    ("LogMessage plain", ["plain (log_transaction hook, test.conf:6)"]),
    ("LogMessage '%{REQUEST_URI} %{tolower:ABC}' hook=handler", ["/a.txt abc (handler hook, test.conf:6)"]),
    ("LogMessage last HOOK=handler hook=Fixups", ["last (fixups hook, test.conf:6)"]),
    ("LogMessage no expr=false", []),
    ("LogMessage yes \"expr=%{REQUEST_URI} =~ m#txt$#\"", ["yes (log_transaction hook, test.conf:6)"]),
    ("<Location /b>\nLogMessage other\n</Location>", []),
    ("<Location /a.txt>\nLogMessage late hook=map_to_storage\n</Location>", []),
    ("<Location /a.txt>\nLogMessage early hook=pre_translate_name\n</Location>",
        ["early (pre_translate_name hook, test.conf:7)"]),
    ("LogMessage outer\n<Files a.txt>\nLogMessage inner\n</Files>",
        ["outer (log_transaction hook, test.conf:6)", "inner (log_transaction hook, test.conf:8)"]),
]  # fmt: skip


@pytest.mark.parametrize(("config", "expected"), MESSAGES)
def test_messages(tmp_path: Path, config: str, expected: list[str]) -> None:
    assert messages(tmp_path, config.replace("'", '"') + "\n") == expected


def test_a_message_that_fails_is_null(tmp_path: Path) -> None:
    found = messages(tmp_path, 'LogMessage "%{file:/not/there}"\n')
    assert found[-2:] == [
        "AH00641: Can't evaluate message expression: Cannot open file /not/there",
        "(null) (log_transaction hook, test.conf:6)",
    ]


def test_a_condition_that_fails_does_not_hold(tmp_path: Path) -> None:
    found = messages(tmp_path, "LogMessage m \"expr=file('/not/there') == ''\"\n")
    assert found[-1] == "AH00640: Can't evaluate condition: Cannot open file /not/there"


def test_the_address_is_escaped_only_at_first(tmp_path: Path) -> None:
    config = 'LogMessage "%{REQUEST_URI}" hook=pre_translate_name\nLogMessage "%{REQUEST_URI}" hook=translate_name\n'
    assert [message.partition(" (")[0] for message in messages(tmp_path, config, "/d%20e/../b%20c")] == [
        "/b%20c", "/b c",
    ]  # fmt: skip


def test_without_messages_there_are_no_hooks(tmp_path: Path) -> None:
    plan = SiteKit(tmp_path, GRANTED, MODULES).site.main.defaults.plan
    assert not plan.quick and not plan.pre_translate
    assert "log_debug" not in [step.module for step in (*plan.fixup, *plan.log, *plan.handlers.all)]


REFUSALS = [
    ("LogMessage a hook=foo", "Invalid hook name: foo"),
    ("LogMessage a hook=", "Invalid hook name: "),
    ("LogMessage a foo", "Invalid argument foo"),
    ("LogMessage a expr", "Invalid argument expr"),
    ("LogMessage a expr=", "Could not parse expression '': syntax error, unexpected $end"),
    ('LogMessage "%{FOO}"', "Could not parse message expression '%{FOO}': Variable 'FOO' does not exist"),
]


@pytest.mark.parametrize(("line", "message"), REFUSALS)
def test_refusals(tmp_path: Path, line: str, message: str) -> None:
    assert refusal(tmp_path, line, MODULES) == message
