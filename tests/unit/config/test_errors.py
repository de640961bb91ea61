"""config/errors.py: the words on stderr. That they are Apache's is checked against Apache in tests/config."""

from __future__ import annotations

import pytest

from mpmserver.config.errors import COMMAND_LINE, MAX_LOG_LINE, ConfigError, ErrorKind, escaped, read_error, render
from mpmserver.config.node import Origin

HERE = Origin("/etc/a.conf", 7)


@pytest.mark.parametrize(
    ("error", "printed"),
    [
        (ConfigError("No MPM loaded."), "x: No MPM loaded.\n"),
        (read_error("bad", HERE), "x: Syntax error on line 7 of /etc/a.conf: bad\n"),
        (ConfigError("bad", HERE), "AH00526: Syntax error on line 7 of /etc/a.conf:\nbad\n"),
        (read_error("bad", Origin(COMMAND_LINE, 2)), "x: Syntax error in -C/-c directive: bad\n"),
        (ConfigError("bad", Origin(COMMAND_LINE, 2)), f"AH00526: Syntax error on line 2 of {COMMAND_LINE}:\nbad\n"),
        (ConfigError("a\nb", HERE, kind=ErrorKind.WALK), "AH00526: Syntax error on line 7 of /etc/a.conf:\na\\nb\n"),
    ],
)
def test_render(error: ConfigError, printed: str) -> None:
    assert render(error, "x") == printed


def test_a_message_is_cut_where_apache_cuts_it() -> None:
    assert len(render(ConfigError("m" * 9000), "x")) == MAX_LOG_LINE + 1


@pytest.mark.parametrize(
    ("message", "printed"),
    [("plain 'text'", "plain 'text'"), ("a\\b", "a\\\\b"), ("\t\n\r\v\b", "\\t\\n\\r\\v\\b"), ("é", "\\xc3\\xa9"),
     ("\udcff\x01\x7f", "\\xff\\x01\\x7f")],
)  # fmt: skip
def test_escaped(message: str, printed: str) -> None:
    assert escaped(message) == printed


def test_the_first_origin_stays() -> None:
    error = ConfigError("bad").with_origin(HERE)
    assert (error.origin, error.kind, str(error)) == (HERE, ErrorKind.WALK, "/etc/a.conf:7: bad")
    assert error.with_origin(Origin("other", 1)) is error
    assert read_error("x", HERE).kind is ErrorKind.READ
