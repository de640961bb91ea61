"""The command line as a value."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mpmserver.commands.options import HelpWanted, Options, UsageError, default_root, parse, usage


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("-d /x", "root", "/x"),
        ("-d/x", "root", "/x"),
        ("-f a.conf", "file", "a.conf"),
        ("-DFOO -D BAR", "defines", ["FOO", "BAR"]),
        ("-C a -C b", "pre_lines", ["a", "b"]),
        ("-c a", "post_lines", ["a"]),
        ("-k graceful-stop", "signal", "graceful-stop"),
        ("-kstop", "signal", "stop"),
        ("-e DEBUG", "level", "debug"),
        ("-E log", "startup_log", "log"),
        ("-n web", "name", "web"),
        ("--mpm worker", "mpm", "worker"),
        ("--mpm=worker", "mpm", "worker"),
        ("-tS", "flags", {"t", "S"}),
        ("-t -X", "flags", {"t", "X"}),
        ("-tDFOO", "defines", ["FOO"]),
    ],
)
def test_options(line: str, field: str, value: object) -> None:
    assert getattr(parse(line.split(), "httpd"), field) == value


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-z", "httpd: illegal option -- z"),
        ("-tz", "httpd: illegal option -- z"),
        ("-D", "httpd: option requires an argument -- D"),
        ("-td", "httpd: option requires an argument -- d"),
        ("--mpm", "httpd: option requires an argument -- mpm"),
        ("-k", "httpd: illegal option -- k"),
        ("-k now", "httpd: illegal option -- k"),
        ("-k stop -k stop", "httpd: illegal option -- k"),
        ("-e loud", ""),
        ("start", ""),
        ("-t word", ""),
        ("-", ""),
        ("-h", ""),
        ("--nonsense", "httpd: illegal option -- -"),
    ],
)
def test_refusals(line: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(line.split(), "httpd")
    assert str(caught.value) == message


def test_help() -> None:
    with pytest.raises(HelpWanted):
        parse(["--help"], "httpd")


def test_usage_lines_up_under_the_program() -> None:
    lines = usage("server").splitlines()
    assert lines[0] == "Usage: server [-D name] [-d directory] [-f file]"
    assert all(line.startswith("              [-") for line in lines[1:4])


@pytest.mark.parametrize(
    ("options", "checks"),
    [
        (Options(flags={"t"}), True),
        (Options(flags={"M"}), True),
        (Options(flags={"X"}), False),
        (Options(defines=["DUMP_VHOSTS"]), True),
        (Options(defines=["DUMP_CONFIG"]), False),
        (Options(), False),
    ],
)
def test_what_only_checks(options: Options, checks: bool) -> None:
    assert options.checks_only is checks


def test_defines_that_other_options_stand_for() -> None:
    assert Options(defines=["A"], flags={"S", "M", "X"}).all_defines == [
        "A", "DUMP_VHOSTS", "DUMP_RUN_CFG", "DUMP_MODULES", "DEBUG",
    ]  # fmt: skip


def test_the_server_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Options().server_root == default_root()
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "httpd.conf").touch()
    assert Options().server_root == str(tmp_path)
    assert Options().config_file == str(tmp_path / "conf/httpd.conf")
    assert Options(root="sub").server_root == os.path.join(tmp_path, "sub")
    assert Options(root="/r", file="x/../y.conf").config_file == "/r/y.conf"
    assert Options(root="/r", file="/etc/y.conf").config_file == "/etc/y.conf"
