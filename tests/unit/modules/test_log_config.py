"""mod_log_config: formats, tokens, conditions, and which server writes which log."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import pytest

from mpmserver.config.errors import ConfigError
from mpmserver.core.errorlog import SinkErrorLog
from mpmserver.core.logs import LogSink, Opener
from mpmserver.core.world import World
from mpmserver.modules.log_config.format import FormatError, compile_format
from mpmserver.modules.log_config.open_logs import open_logs
from tests.memory import exchange, get, world


class KeepingSink(LogSink):
    """A sink that keeps its lines."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[bytes] = []

    def write(self, line: bytes, level: int = 5) -> None:
        self.kept.append(line)


class KeepingOpener(Opener):
    """Opens nothing: sinks by the name they were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, KeepingSink] = {}

    def open(self, spec: str, server_root: str) -> LogSink:
        return self.kept.setdefault(spec, KeepingSink())


def logging_world(tmp_path: Path, text: str) -> tuple[World, dict[str, KeepingSink]]:
    """A site whose access logs stay in memory."""
    (tmp_path / "logs").mkdir(exist_ok=True)
    made = world(tmp_path, text)
    opener = KeepingOpener()
    open_logs(made.site, opener)
    return made, opener.kept


def lines(kept: dict[str, KeepingSink], name: str = "logs/x") -> list[str]:
    return [line.decode("utf-8") for line in kept[name].kept] if name in kept else []


def line_of(tmp_path: Path, form: str, *pieces: bytes, also: str = "") -> str:
    """The line that a format gives for one request."""
    made, kept = logging_world(tmp_path, f"{also}\nCustomLog logs/x '{form}'\n")
    (tmp_path / "htdocs" / "a.txt").write_text("hello\n")
    exchange(made, *pieces)
    (line,) = lines(kept)
    assert line.endswith("\n")
    return line[:-1]


PLAIN = (
    b'GET /a.txt?q=1 HTTP/1.1\r\nHost: x.example:99\r\nUser-Agent: ag"ent\\\xc3\xa9\tx\r\n'
    b"Cookie: a=1; FOO= b r ;c=x=y\r\n\r\n"
)


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("%%%a %A %h %l", "%127.0.0.1 127.0.0.1 127.0.0.1 -"),
        ("%{c}a %{c}h %{x}a", "127.0.0.1 127.0.0.1 127.0.0.1"),
        ("%b %B %s %>s %<s", "6 6 200 200 200"),
        ("%{foo}C|%{c}C|%{d}C", "b r|x=y|-"),
        ("%H %m %r", "HTTP/1.1 GET GET /a.txt?q=1 HTTP/1.1"),
        ("%U %q %>U", "/a.txt ?q=1 /a.txt"),
        ("%{User-Agent}i %{None}i", 'ag\\"ent\\\\\\xc3\\xa9\\tx -'),
        ("%{Content-Type}o|%{Content-Length}o|%{Date}o|%{Server}o", "text/plain|6|-|-"),
        ("%{Connection}o %{Accept-Ranges}o", "- bytes"),
        ("%I %u %L %R %k %X", f"{len(PLAIN)} - - - 0 +"),
        ("%p %{canonical}p %{local}p %{remote}p %{REMOTE}p %{odd}p", "80 80 8080 50000 50000 odd"),
        ("%v %V", "memory.example x.example"),
        ("%{odd}T %{odd}P %{VAR}e %{note}n %^FB", "odd odd - - -"),
        ("%200b %!200b %404,200b %!404,500b %404b", "6 - 6 6 -"),
        ("%200,304{User-Agent}i", 'ag\\"ent\\\\\\xc3\\xa9\\tx'),
        ("%{x}^ti %{x}^to", "- -"),
        ("%,h %1234567h", "127.0.0.1 -"),
        ("a\\\\nb\\\\tc\\\\\\\\d\\\\xe", "a\nb\tc\\d\\xe"),
        ("%{begin:%%Y}t %{a%%b}t", "%Y a%b"),
    ],
)
def test_tokens(tmp_path: Path, form: str, line: str) -> None:
    assert line_of(tmp_path, form, PLAIN) == line


def test_process_and_thread(tmp_path: Path) -> None:
    ident = threading.get_ident()
    line = line_of(tmp_path, "%P %{pid}P %{tid}P %{hextid}P", PLAIN)
    assert line == f"{os.getpid()} {os.getpid()} {ident} {ident:x}"


def test_times_agree_with_each_other(tmp_path: Path) -> None:
    line = line_of(tmp_path, "%{sec}t %{msec}t %{usec}t %{msec_frac}t %{usec_frac}t %{%%}t %{end:usec}t %D", PLAIN)
    sec, msec, usec, msec_frac, usec_frac, percent, end, duration = line.split()
    assert (int(msec) // 1000, int(usec) // 1_000_000) == (int(sec), int(sec))
    assert (usec[-6:-3], usec[-6:]) == (msec_frac, usec_frac)
    assert int(end) == int(usec) + int(duration)
    assert percent == "%"


@pytest.mark.parametrize(
    ("head", "form", "line"),
    [
        (b"HEAD /a.txt HTTP/1.1\r\nHost: x\r\n\r\n", "%m %b %B %{Content-Length}o", "HEAD - 0 6"),
        (b"GET /a.txt\r\n", "%H|%r|%s|%B|%O", "HTTP/0.9|GET /a.txt|200|6|6"),
        (b"GET /none HTTP/1.1\r\nHost: x\r\n\r\n", "%s %f %U %{Content-Type}o", "404 {docs}/none /none text/html"),
        (b"BAD\r\n\r\n", "%s|%m|%r|%U|%H|%f|%{FOO}e|%X", "400|BAD|BAD|/|HTTP/1.0|-|-|-"),
        (b"GET /a.txt HTTP/1.1\r\n\r\n", "%s|%m|%r|%U|%V", "400|GET|GET /a.txt HTTP/1.1|/a.txt|memory.example"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", "%s|%m|%U|%H", "414|-|-|HTTP/1.0"),
        (b"GET /\xc3\xa9%22 HTTP/1.1\r\nHost: x\r\n\r\n", "%U|%r", '/\\xc3\\xa9\\"|GET /\\xc3\\xa9%22 HTTP/1.1'),
        (b"GET /a.txt HTTP/1.0\r\n\r\n", "%X %{Connection}o %H", "- close HTTP/1.0"),
        (b"GET /a.txt HTTP/1.1\r\nHost: x\r\nRange: bytes=1-2\r\n\r\n", "%s %B %{Content-Length}o", "206 2 2"),
        (b"GET /a.txt HTTP/1.1\r\nHost: x\r\nX: 1\r\nX: 2\r\n\r\n", "%{X}i", "1, 2"),
    ],
)
def test_requests_of_all_kinds(tmp_path: Path, head: bytes, form: str, line: str) -> None:
    also = "SetEnvIf Request_URI . FOO=1"
    assert line_of(tmp_path, form, head, also=also) == line.replace("{docs}", str(tmp_path / "htdocs"))


def test_each_request_of_a_connection_counts_its_own_bytes(tmp_path: Path) -> None:
    made, kept = logging_world(tmp_path, "CustomLog logs/x '%I %k %X'\n")
    (tmp_path / "htdocs" / "a.txt").write_text("hello\n")
    first = b"POST /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    second = b"GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /a.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    exchange(made, first + second + last)
    assert lines(kept) == [f"{len(first)} 0 +\n", f"{len(second)} 1 +\n", f"{len(last)} 1 -\n"]


def test_time_to_the_first_byte(tmp_path: Path) -> None:
    assert int(line_of(tmp_path, "%^FB", PLAIN, also="LogIOTrackTTFB On")) >= 0


def test_first_and_last_request_of_a_redirect(tmp_path: Path) -> None:
    form = "%m %<m|%q|%<q|%U %>U|%R %>R|%s|%{FOO}e|%<{FOO}e|%{REDIRECT_FOO}e"
    made, kept = logging_world(
        tmp_path, f"ErrorDocument 404 /a.txt\nSetEnvIf Request_URI none FOO=1\nCustomLog logs/x '{form}'\n"
    )
    (tmp_path / "htdocs" / "a.txt").write_text("gone\n")
    assert get(made, "/none?q", method="POST", body=b"x").body == b"gone\n"
    assert lines(kept) == ["GET POST||?q|/none /a.txt|- -|404|-|1|1\n"]


def test_conditions_look_at_the_first_request(tmp_path: Path) -> None:
    made, kept = logging_world(
        tmp_path,
        "ErrorDocument 404 /a.txt\nSetEnvIf Request_URI none FOO=1\n"
        "CustomLog logs/x 'with %U' env=FOO\nCustomLog logs/x 'without %U' ENV=!FOO\nCustomLog logs/y always\n",
    )
    (tmp_path / "htdocs" / "a.txt").write_text("gone\n")
    get(made, "/none")
    get(made, "/a.txt")
    assert lines(kept) == ["with /none\n", "without /a.txt\n"]
    assert lines(kept, "logs/y") == ["always\n", "always\n"]


VHOSTS = """
LogFormat "main %v" nick
LogFormat "default %v"
CustomLog logs/x nick
TransferLog logs/y
GlobalLog logs/g "global %v %p"
<VirtualHost 127.0.0.1:8080>
ServerName v0
</VirtualHost>
<VirtualHost 127.0.0.1:8080>
ServerName v1
LogFormat "own %v" nick
CustomLog logs/x nick
</VirtualHost>
<VirtualHost 127.0.0.1:8080>
ServerName v2:77
LogFormat "v2default %v"
LogFormat "v2nick %v" nick
</VirtualHost>
<VirtualHost 127.0.0.1:8080>
ServerName v3
TransferLog logs/z
</VirtualHost>
"""


def test_virtual_hosts_with_and_without_logs_of_their_own(tmp_path: Path) -> None:
    made, kept = logging_world(tmp_path, VHOSTS)
    for name in ("v0", "v1", "v2", "v3"):
        exchange(made, f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
    assert lines(kept) == ["main v0\n", "own v1\n", "main v2\n"]
    assert lines(kept, "logs/y") == ["default v0\n", "v2default v2\n"]
    assert lines(kept, "logs/z") == ["default v3\n"]
    assert lines(kept, "logs/g") == ["global v0 80\n", "global v1 80\n", "global v2 77\n", "global v3 80\n"]


def test_a_host_without_a_name_has_the_port_of_its_address(tmp_path: Path) -> None:
    made, kept = logging_world(tmp_path, "<VirtualHost 127.0.0.1:8080>\nCustomLog logs/x '%p'\n</VirtualHost>\n")
    exchange(made, b"GET / HTTP/1.1\r\nHost: q\r\n\r\n")
    assert lines(kept) == ["8080\n"]


RAN_OFF = "Ran off end of LogFormat parsing args to some directive"
COUNT = "LogFormat takes 1-2 arguments, a log format string (see docs) and an optional format name"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *((f'LogFormat "{form}" x', RAN_OFF) for form in ("%", "abc %{x", "%{x}", "%!", "%400", "%<", "%>s%")),
        ('LogFormat "%Z"', "Unrecognized LogFormat directive %Z"),
        ('LogFormat "%^xx"', "Unrecognized LogFormat directive %^"),
        ('LogFormat "%^t"', "Unrecognized LogFormat directive %^"),
        ('LogFormat "%-h"', "Unrecognized LogFormat directive %-"),
        ("LogFormat", COUNT),
        ('LogFormat ""', COUNT),
        ("LogFormat %h x y", COUNT),
        ("CustomLog logs/a %Z", "Unrecognized LogFormat directive %Z"),
        ("CustomLog logs/a common env=", "missing environment variable name"),
        ("CustomLog logs/a common env=!", "missing environment variable name"),
        ("CustomLog logs/a common foo", "error in condition clause"),
        ("CustomLog logs/a common envx=1", "error in condition clause"),
        ("BufferedLogs x", "BufferedLogs must be On or Off"),
        (
            "<VirtualHost *:1>\nGlobalLog logs/a %h\n</VirtualHost>",
            "GlobalLog cannot occur within <VirtualHost> section",
        ),
        ("<Directory />\nCustomLog logs/a %h\n</Directory>", "CustomLog not allowed in <Directory> context"),
        ("TransferLog a b", "TransferLog takes one argument, the filename of the access log"),
    ],
)
def test_what_apache_refuses(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        logging_world(tmp_path, text)
    assert caught.value.message == message


@pytest.mark.parametrize("form", ["%{a}{b}i", "%400,!500h", "%4a0h", "", "plain"])
def test_odd_formats_that_apache_takes(form: str) -> None:
    compile_format(form)


def test_a_log_in_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        logging_world(tmp_path, "CustomLog nodir/x %h\n")
    first = caught.value.message
    assert first.startswith("(2)No such file or directory: AH02297: Cannot access directory '")
    assert "nodir/' for log file 'nodir/x' defined at" in first


def test_format_error_is_a_value_error() -> None:
    with pytest.raises(FormatError):
        compile_format("%")


def test_log_ids_are_those_of_the_error_log(tmp_path: Path) -> None:
    made, kept = logging_world(
        tmp_path,
        "ErrorDocument 403 /a.txt\n<Location /forbidden>\nRequire all denied\n</Location>\nCustomLog logs/x '%L %<L'\n",
    )
    (tmp_path / "htdocs" / "a.txt").write_text("gone\n")
    for server in made.site.servers:
        server.error_log = SinkErrorLog(server, KeepingSink())
    get(made, "/a.txt")
    get(made, "/forbidden")
    without, with_one = lines(kept)
    assert without == "- -\n"
    assert re.fullmatch(r"(\S{11}) \1\n", with_one)
