"""The error log: formats, levels, once-only lines, escapes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mpmserver.config.errors import ConfigError
from mpmserver.core.errorlog import SinkErrorLog, format_default, open_error_logs, split_status
from mpmserver.core.errorlog_format import FormatError, compile_format, log_time_now
from mpmserver.core.exchange import Exchange, Peer
from mpmserver.core.logs import LogSink, Opener
from mpmserver.core.settings import Level
from mpmserver.core.world import World
from mpmserver.http.head import parse_head
from tests.memory import world


class KeepingSink(LogSink):
    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def write(self, line: bytes, level: int = 5) -> None:
        self.text += line.decode("utf-8")


def logging_world(tmp_path: Path, text: str) -> tuple[World, KeepingSink]:
    """A site whose servers share one error log in memory."""
    made = world(tmp_path, text)
    sink = KeepingSink()
    for server in made.site.servers:
        server.error_log = SinkErrorLog(server, sink)
    return made, sink


def request(made: World, peer: Peer | None = None, referer: str = "") -> Exchange:
    fields = f"Referer: {referer}\r\n" if referer else ""
    head = parse_head(f"GET /a HTTP/1.1\r\nHost: h\r\n{fields}\r\n".encode("latin-1"), made.site.main.head_limits)
    peer = peer or Peer(("127.0.0.1", 80), ("10.0.0.1", 5))
    return Exchange(head, peer, made.site.main, None, made)  # type: ignore[arg-type]


DEFAULT = re.compile(r"\[\w{3} \w{3} \d\d \d\d:\d\d:\d\d\.\d{6} \d{4}\] (?P<rest>.*)\n")


@pytest.mark.parametrize(
    ("message", "with_request", "referer", "rest"),
    [
        ("AH1: x", False, "", "[m:error] [pid P:tid T] AH1: x"),
        ("AH1: x", True, "", "[m:error] [pid P:tid T] [client 10.0.0.1:5] AH1: x"),
        ("AH1: x", True, "http://r/", "[m:error] [pid P:tid T] [client 10.0.0.1:5] AH1: x, referer: http://r/"),
        (
            "(13)Permission denied: AH1: x", True, "",
            "[m:error] [pid P:tid T] (13)Permission denied: [client 10.0.0.1:5] AH1: x",
        ),
        ("(no) status: x", False, "", "[m:error] [pid P:tid T] (no) status: x"),
        ('a\nb\x1b"\\é\udcff', False, "", '[m:error] [pid P:tid T] a\\nb\\x1b"\\\\\\xc3\\xa9\\xff'),
    ],
)  # fmt: skip
def test_the_default_form(tmp_path: Path, message: str, with_request: bool, referer: str, rest: str) -> None:
    made, sink = logging_world(tmp_path, "")
    made.site.main.log(Level.ERROR, "m", message, request(made, referer=referer) if with_request else None)
    match = DEFAULT.fullmatch(sink.text)
    assert match is not None
    assert re.sub(r"\[pid \d+:tid \d+\]", "[pid P:tid T]", match["rest"]) == rest


@pytest.mark.parametrize(
    ("form", "without", "with_request"),
    [
        ("%M", "text", "text"),
        ("[e %E] [r %{Referer}i] z %M [end %{Referer}i] tail", "[e [r z text [end tail",
         "[e [r http://r/] z text [end http://r/] tail"),
        ("pre%{Referer}ipost mid %M", " mid text", "prehttp://r/post mid text"),
        ("a b  c %{Referer}i  d %M", "a b  c  d text", "a b  c http://r/  d text"),
        ("x% y%% %M", "xy% text", "xy% text"),
        ("%M% ,\\ referer:\\ %{Referer}i", "text", "text, referer: http://r/"),
        ("%M%{Referer}i%a", "", "texthttp://r/10.0.0.1:5"),
        ("%-a %-L %-{c}L %-E %-{X}e %-{X}n %-k %-V %M", "- - - - - - - - text", None),
        ("%8l %3l %4M", " error text", " error text"),
        ("%l %m %v %M", "error mod memory.example text", "error mod memory.example text"),
        ("%a %{c}a %A %k %V %M", " text", "10.0.0.1:5 10.0.0.1:5 127.0.0.1:80 0 memory.example text"),
        ('%M \\n a\\tb "q"', 'text \n a\tb "q"', 'text \n a\tb "q"'),
        ("%{C}L%M", "", ""),
        ("%12M", "text", "text"),
    ],
)  # fmt: skip
def test_formats(tmp_path: Path, form: str, without: str, with_request: str | None) -> None:
    made, sink = logging_world(tmp_path, "")
    quoted = form.replace("\\", "\\\\").replace('"', '\\"')
    made, sink = logging_world(tmp_path, f'ErrorLogFormat "{quoted}"\n')
    made.site.main.log(Level.ERROR, "mod", "text")
    assert sink.text == without + "\n"
    if with_request is not None:
        sink.text = ""
        made.site.main.log(Level.ERROR, "mod", "text", request(made, referer="http://r/"))
        assert sink.text == with_request + "\n"


@pytest.mark.parametrize(
    ("flags", "pattern"),
    [
        ("", r"\w{3} \w{3} \d\d \d\d:\d\d:\d\d \d{4}"),
        ("u", r"\w{3} \w{3} \d\d \d\d:\d\d:\d\d\.\d{6} \d{4}"),
        ("m", r"\w{3} \w{3} \d\d \d\d:\d\d:\d\d\.\d{3} \d{4}"),
        ("c", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
        ("cu", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}"),
        ("uc", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}"),
        ("cm", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"),
        ("cuz", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}[-+]\d{4}"),
    ],
)
def test_times(flags: str, pattern: str) -> None:
    assert re.fullmatch(pattern, log_time_now(flags))


def test_source_is_the_log_call(tmp_path: Path) -> None:
    made, sink = logging_world(tmp_path, 'ErrorLogFormat "%F %M"\nLogLevel debug\n')
    made.site.main.log(Level.ERROR, "m", "text")
    assert re.fullmatch(r"test_errorlog\.py\(\d+\) text\n", sink.text)


def test_what_precedes_the_first_message_of_a_connection_and_a_request(tmp_path: Path) -> None:
    made, sink = logging_world(
        tmp_path,
        'ErrorLogFormat "%M"\nErrorLogFormat connection "conn %{c}L %a %A"\n'
        'ErrorLogFormat request "req %L %{Referer}i"\n'
        "ErrorLogFormat request \"agent '%+{User-Agent}i'\"\n",
    )
    peer = Peer(("127.0.0.1", 80), ("10.0.0.1", 5))
    first, second = request(made, peer, "http://r/"), request(made, peer)
    for x in (first, first, second):
        made.site.main.log(Level.ERROR, "m", "text", x)
    assert sink.text == (
        f"conn {peer.log_id} 10.0.0.1:5 127.0.0.1:80\nreq {first.log_id} http://r/\ntext\ntext\n"
        f"req {second.log_id}\ntext\n"
    )
    assert re.fullmatch(r"[A-Za-z0-9+/]{11}", first.log_id or "")
    assert len({first.log_id, second.log_id, peer.log_id}) == 3


def test_a_virtual_host_replaces_one_kind_of_format(tmp_path: Path) -> None:
    made, sink = logging_world(
        tmp_path,
        'ErrorLogFormat "main %M"\nErrorLogFormat request "req"\n'
        '<VirtualHost *:8080>\nServerName v\nErrorLogFormat "host %M"\n</VirtualHost>\n',
    )
    made.site.servers[1].log(Level.ERROR, "m", "text", request(made))
    assert sink.text == "req\nhost text\n"


@pytest.mark.parametrize(
    ("config", "module", "level", "written"),
    [
        ("", "m", Level.WARN, True),
        ("", "m", Level.INFO, False),
        ("LogLevel error", "m", Level.WARN, False),
        ("LogLevel error", "m", Level.NOTICE, True),
        ("LogLevel error core:debug", "core", Level.DEBUG, True),
        ("LogLevel error core:debug", "m", Level.DEBUG, False),
        ("LogLevel core:info", "m", Level.WARN, True),
        ("<Directory />\nLogLevel debug\n</Directory>", "m", Level.DEBUG, False),
    ],
)
def test_levels(tmp_path: Path, config: str, module: str, level: Level, written: bool) -> None:
    made, sink = logging_world(tmp_path, config + "\n")
    assert made.site.main.logs(level, module) == (written and level != Level.NOTICE)
    made.site.main.log(level, module, "text")
    assert bool(sink.text) == written


def test_levels_of_a_section(tmp_path: Path) -> None:
    made, sink = logging_world(tmp_path, "LogLevel core:error\n<Location /a>\nLogLevel debug mime:error\n</Location>\n")
    x = request(made)
    x.settings = made.site.main.merge((*x.settings.sections, *made.site.main.locations))
    for module, level in (("other", Level.DEBUG), ("mime", Level.WARN), ("core", Level.WARN)):
        made.site.main.log(level, module, f"<{module}>", x)
    assert re.findall(r"<\w+>", sink.text) == ["<other>", "<core>"]


NO_MESSAGE = "main ErrorLogFormat must contain message format string '%M'"
ONCE = "%M cannot be used in once-per-request or once-per-connection formats"
RAN_OFF = "Ran off end of error log format parsing args to some directive"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('ErrorLogFormat "%Q"', "Unrecognized error log format directive %Q"),
        ('ErrorLogFormat "%H %M"', "Unrecognized error log format directive %H"),
        ('ErrorLogFormat "%"', RAN_OFF),
        ('ErrorLogFormat "%{x"', RAN_OFF),
        ('ErrorLogFormat "%M %"', RAN_OFF),
        ('ErrorLogFormat "%-"', RAN_OFF),
        ('ErrorLogFormat foo "x"', "ErrorLogFormat type must be one of request, connection"),
        ('ErrorLogFormat "x"', NO_MESSAGE),
        ('ErrorLogFormat connection ""', NO_MESSAGE),
        ('ErrorLogFormat request "x %M"', ONCE),
        ('ErrorLogFormat connection "%M"', ONCE),
        ("ErrorLogFormat", "ErrorLogFormat takes 1-2 arguments, Format string for the ErrorLog"),
    ],
)
def test_what_apache_refuses(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        world(tmp_path, text + "\n")
    assert caught.value.message == message


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        world(tmp_path, "ErrorLog nodir/x\n<VirtualHost *:80>\nErrorLog other/x\n</VirtualHost>\n")
    main, host = caught.value.message.split("\n")
    assert main == (
        f"(2)No such file or directory: AH02291: Cannot access directory '{tmp_path}/nodir/' for main error log"
    )
    assert f"AH02292: Cannot access directory '{tmp_path}/other/' for error log of vhost defined at " in host


def test_servers_share_a_file_or_have_their_own(tmp_path: Path) -> None:
    made = world(
        tmp_path,
        "ErrorLog main.log\n<VirtualHost *:80>\nServerName a\n</VirtualHost>\n"
        "<VirtualHost *:80>\nServerName b\nErrorLog own.log\n</VirtualHost>\n",
    )
    opener = Opener()
    open_error_logs(made.site, opener)
    for server, text in zip(made.site.servers, ("one", "two", "three"), strict=True):
        server.log(Level.ERROR, "m", text)
    assert [line.split()[-1] for line in (tmp_path / "main.log").read_text().splitlines()] == ["one", "two"]
    assert (tmp_path / "own.log").read_text().endswith("three\n")
    for sink in opener.sinks:
        sink.close()


def test_messages_before_there_is_a_log() -> None:
    line = format_default(Level.WARN, "core", "(2)No such file: AH00111: x", 7, 8, "1.2.3.4:5")
    assert line.endswith("[core:warn] [pid 7:tid 8] (2)No such file: [client 1.2.3.4:5] AH00111: x")


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("(2)No such file: AH1: x", ("(2)No such file", "AH1: x")),
        ("(EAI 2)Name or service not known: AH1: x", ("(EAI 2)Name or service not known", "AH1: x")),
        ("(-102)Unknown error -102: y", ("(-102)Unknown error -102", "y")),
        ("(x) y: z", ("", "(x) y: z")),
        ("y", ("", "y")),
    ],
)
def test_split_status(message: str, parts: tuple[str, str]) -> None:
    assert split_status(message) == parts


def test_format_error_is_a_value_error() -> None:
    with pytest.raises(FormatError):
        compile_format("%Q")
