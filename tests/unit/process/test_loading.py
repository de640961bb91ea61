"""Warnings of the configuration: where they go at a start, and in which form (as `apache2` has them)."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver.core.logs import LogSink
from mpmserver.process.command import Command
from mpmserver.process.loading import compile_world, load_configuration, log_warnings, startup_line
from mpmserver.records import replace
from tests.memory import Log

TEXT = """
Listen 127.0.0.1:8080
ServerName x
ErrorLog error.log
TypesConfig /dev/null
PassEnv NOT_THERE_AT_ALL
NameVirtualHost *:80
Alias /a /tmp
Alias /a/b /tmp
ThreadsPerChild 10
MaxRequestWorkers 25
<VirtualHost *:1>
DocumentRoot "/not there"
</VirtualHost>
"""


class Lines(LogSink):
    """A log that keeps its lines."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[bytes] = []

    def _put(self, lines: list[bytes]) -> None:
        self.kept += lines


def test_warnings_are_said_and_then_logged(tmp_path: Path) -> None:
    file = tmp_path / "httpd.conf"
    file.write_text(TEXT)
    said: list[str] = []
    command = Command((), "mpmserver", str(tmp_path), str(file), mpm="event")
    loaded = load_configuration(command, said.append)
    assert [line.partition("AH")[2][:5] for line in said] == ["01506", "00548", "00671", "00112", "00513"]
    main = compile_world(loaded).site.main
    log, plain = Log(), Lines()
    main.error_log = log
    log_warnings(loaded, main, plain)
    assert log.lines == [
        "env:warn AH01506: PassEnv variable NOT_THERE_AT_ALL was undefined",
        f"alias:warn AH00671: The Alias directive in {file} at line 9 will probably never match because it overlaps an "
        "earlier Alias.",
        "mpm_event:warn AH00514: MaxRequestWorkers of 25 is not an integer multiple of ThreadsPerChild of 10, "
        "decreasing to nearest multiple 20",
    ]
    assert plain.kept == [b"AH00112: Warning: DocumentRoot [/not there] does not exist\n"]
    log_warnings(replace(loaded, warnings=()), main, plain)
    assert len(log.lines) == 3


@pytest.mark.parametrize(
    ("message", "ending"),
    [
        ("AH00112: Warning: DocumentRoot [/x] does not exist", "AH00112: Warning: DocumentRoot [/x] does not exist"),
        ("AH02799: macro: empty contents!", "AH02799: macro: empty contents!"),
        ("(EAI 2)Name or service not known: AH00077: x", " (EAI 2)Name or service not known: AH00077: x"),
    ],
)
def test_the_form_before_there_is_a_log(message: str, ending: str) -> None:
    line = startup_line(message)
    assert line.endswith(ending)
    assert line.startswith("[") == ("AH00112" not in message)
