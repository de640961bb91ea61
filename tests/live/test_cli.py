"""The command line against the reference: the same arguments, the same exit status, the same words on each stream."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live_server import APACHE, APACHE_MODULES, PROJECT, free_port, identity_lines, require_apache, wait_until

BASE = """
ServerRoot "{root}"
LoadModule mpm_event_module {modules}/mod_mpm_event.so
Listen 127.0.0.1:{port}
{identity}PidFile logs/httpd.pid
DefaultRuntimeDir logs
ErrorLog logs/error.log
DocumentRoot "{root}/htdocs"
StartServers 1
"""
NAMED = "ServerName www.example.com\n"


class Result:
    """What one command answered, with what must differ (program name, time, process ids) made equal."""

    def __init__(self, process: subprocess.CompletedProcess[str]) -> None:
        self.status = process.returncode
        self.stdout = normal(process.stdout)
        self.stderr = normal(process.stderr)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Result) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"exit {self.status}\n--- stdout\n{self.stdout}--- stderr\n{self.stderr}"


def normal(text: str) -> str:
    text = text.replace("apache2", "PROGRAM").replace("mpmserver", "PROGRAM").replace(" " * 9 + "[", " " * 7 + "[")
    text = re.sub(r"^ +\[-", "  [-", text, flags=re.MULTILINE)
    text = re.sub(r"^\[.*\] \[pid \d+:tid \d+\] (\S+\.c\(\d+\): )?", "", text, flags=re.MULTILINE)
    return re.sub(r"pid \d+", "pid N", text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent == Path("/tmp"):
            break
        parent.chmod(parent.stat().st_mode | 0o055)
    for folder in ("conf", "logs", "htdocs"):
        (tmp_path / folder).mkdir()
    write(tmp_path, NAMED)
    return tmp_path


def write(root: Path, more: str = "") -> None:
    text = BASE.format(root=root, modules=APACHE_MODULES, port=free_port(), identity=identity_lines())
    (root / "conf/httpd.conf").write_text(text + more)


def ours(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "mpmserver", "-d", str(root), "-f", "conf/httpd.conf", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=30)


def apaches(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    require_apache()
    command = ["apache2", "-d", str(root), "-f", "conf/httpd.conf", *arguments]
    return subprocess.run(command, executable=APACHE, capture_output=True, text=True, check=False, timeout=30)


SAME = [
    ("syntax", NAMED, ["-t"]),
    ("no name", "", ["-t"]),
    ("unknown directive", NAMED + "Nonsense on\n", ["-t"]),
    ("wrong count", NAMED + "Timeout\n", ["-t"]),
    ("unclosed", NAMED + "<Directory />\n", ["-t"]),
    ("line of -c", NAMED, ["-c", "Nonsense on", "-t"]),
    ("line of -C", NAMED, ["-C", "Nonsense on", "-t"]),
    ("two MPMs", NAMED + f"LoadModule mpm_worker_module {APACHE_MODULES}/mod_mpm_worker.so\n", ["-t"]),
    ("loaded twice", NAMED + f"LoadModule mpm_event_module {APACHE_MODULES}/mod_mpm_event.so\n", ["-t"]),
    ("missing root", "DocumentRoot /does/not/exist\n", ["-t"]),
    ("missing root, not looked at", NAMED + "DocumentRoot /does/not/exist\n", ["-t", "-T"]),
    ("bad user", NAMED + "User no-such-user\n", ["-t"]),
    ("bad group", NAMED + "Group no-such-group\n", ["-t"]),
    ("no file", NAMED, ["-f", "/does/not/exist", "-t"]),
    ("includes", NAMED, ["-t", "-D", "DUMP_INCLUDES"]),
    ("includes, without -t", NAMED, ["-D", "DUMP_INCLUDES"]),
    ("defines", NAMED + "<IfDefine FOO>\nNonsense\n</IfDefine>\n", ["-DFOO", "-t"]),
    ("stop", NAMED, ["-k", "stop"]),
    ("graceful-stop", NAMED, ["-k", "graceful-stop"]),
    ("stop, broken", NAMED + "Nonsense\n", ["-k", "stop"]),
    ("illegal option", NAMED, ["-z"]),
    ("missing argument", NAMED, ["-D"]),
    ("unknown signal", NAMED, ["-k", "explode"]),
    ("no signal", NAMED, ["-k"]),
    ("two signals", NAMED, ["-k", "stop", "-k", "stop"]),
    ("a word", NAMED, ["word"]),
    ("help", NAMED, ["-h"]),
    ("bad level", NAMED, ["-e", "nonsense"]),
    ("bad startup log", NAMED, ["-E", "/does/not/exist/log", "-t"]),
]


@pytest.mark.parametrize(("config", "arguments"), [case[1:] for case in SAME], ids=[case[0] for case in SAME])
def test_as_apache(root: Path, config: str, arguments: list[str]) -> None:
    write(root, config)
    assert Result(ours(root, *arguments)) == Result(apaches(root, *arguments))


def test_run_configuration_and_hosts(root: Path) -> None:
    write(root, NAMED + "Define COLOUR red\n<VirtualHost *:80>\nServerName a.example\n</VirtualHost>\n")
    mine, reference = Result(ours(root, "-S")), Result(apaches(root, "-S"))
    reference.stdout = re.sub(r"Mutex watchdog-callback: .*\n", "", reference.stdout)
    assert mine == reference


def test_modules(root: Path) -> None:
    result = Result(ours(root, "-M"))
    assert result.stdout.startswith("Loaded Modules:\n core_module (static)\n so_module (static)\n")
    assert result.stdout.endswith(" mpm_event_module (shared)\n")
    assert (result.status, result.stderr) == (0, "")


def test_dumped_configuration(root: Path) -> None:
    with_info = f"LoadModule info_module {APACHE_MODULES}/mod_info.so\n"
    section = '<Directory "/x y">\n  AllowOverride None\n</Directory>\n<IfModule !none>\nTimeout 30\n</IfModule>\n'
    write(root, NAMED + "\n" + section)
    mine = Result(ours(root, "-t", "-D", "DUMP_CONFIG"))
    config = root / "conf/httpd.conf"
    config.write_text(config.read_text().replace(NAMED + "\n", NAMED + with_info))
    assert mine == Result(apaches(root, "-t", "-D", "DUMP_CONFIG"))


@pytest.fixture
def started(root: Path) -> Iterator[Path]:
    """A root whose server is ended at the test's end, whoever started it."""
    yield root
    pid_file = root / "logs/httpd.pid"
    if pid_file.exists():
        pid = int(pid_file.read_text())
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not pid_file.exists(), 10, "the server's end")


def resumed(root: Path) -> int:
    """How often a server has told that it serves."""
    log = root / "logs/error.log"
    return log.read_text().count("resuming normal operations") if log.exists() else 0


def test_a_life_by_k(started: Path) -> None:
    """start, start again, graceful, restart, stop, stop again: as Apache says it."""
    pid_file = started / "logs/httpd.pid"
    for run in (ours, apaches):
        answers: list[Result] = []
        for word in ("start", "start", "graceful", "restart", "stop"):
            if word == "start" and answers:
                wait_until(pid_file.exists, 10, "the pid file")
            done = resumed(started)
            answers.append(Result(run(started, "-k", word)))
            if word in ("graceful", "restart") or len(answers) == 1:
                wait_until(lambda done=done: resumed(started) > done, 15, f"{run.__name__} to {word}")  # type: ignore[misc]
        wait_until(lambda: not pid_file.exists(), 10, "the server's end")
        answers.append(Result(run(started, "-k", "stop")))
        if run is ours:
            mine = answers
    assert mine == answers
    assert mine[1].stdout == "httpd (pid N) already running\n"
    assert [answer.status for answer in mine] == [0] * 6


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
def test_root_needs_a_user(started: Path) -> None:
    """It says so where it was started, not in a log; without one, a running server goes on as before."""
    config = started / "conf/httpd.conf"
    whole = config.read_text()
    config.write_text(whole.replace(identity_lines(), ""))
    result = ours(started, "-k", "start")
    assert result.returncode == 1
    assert result.stderr == (
        "AH02155: getpwuid: couldn't determine user name from uid 4294967295, "
        "you probably need to modify the User directive\n"
        "AH02157: setgid: unable to set group id to Group 4294967295, you probably need to modify the Group directive\n"
    )
    config.write_text(whole)
    assert ours(started, "-k", "start").returncode == 0
    wait_until(lambda: resumed(started) == 1, 15, "the start")
    config.write_text(whole.replace(identity_lines(), ""))
    pid = int((started / "logs/httpd.pid").read_text())
    os.kill(pid, signal.SIGUSR1)
    log = started / "logs/error.log"
    wait_until(lambda: "modify the Group directive" in log.read_text(), 15, "the refusal")
    os.kill(pid, 0)
    config.write_text(whole)


def test_restart_starts_what_is_not_running(started: Path) -> None:
    result = Result(ours(started, "-k", "restart"))
    assert (result.status, result.stdout) == (0, "httpd not running, trying to start\n")
    wait_until(lambda: resumed(started) == 1, 15, "the start")
    pid = int((started / "logs/httpd.pid").read_text())
    assert Path(f"/proc/{pid}/cmdline").read_text().startswith("mpmserver: master")
    assert os.getsid(pid) == pid
    assert Path(f"/proc/{pid}/cwd").resolve() == Path("/")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&-", "<&- >&- 2>&-"])
def test_a_starter_that_has_closed_standard_descriptors(started: Path, closed: str) -> None:
    """Nothing of the server's gets their numbers: it serves, logs from the first line on, and goes on so anew."""
    assert by_shell(started, "-k start", closed) == 0
    wait_until(lambda: resumed(started) == 1, 15, "the start")
    parent = int((started / "logs/httpd.pid").read_text())
    standard = [os.devnull, os.devnull, str(started / "logs/error.log")]
    for number in (2, 3):
        assert [os.readlink(f"/proc/{parent}/fd/{fd}") for fd in range(3)] == standard
        socket.create_connection(("127.0.0.1", port_of(started)), 5).close()
        assert by_shell(started, "-k graceful", closed) == 0
        wait_until(lambda number=number: resumed(started) == number, 15, "the restart")  # type: ignore[misc]


@pytest.mark.parametrize(("arguments", "status"), [("-t", 1), ("-k start", 1), ("-E logs/start -t", 1), ("--help", 0)])
def test_complaints_that_nobody_hears(root: Path, arguments: str, status: int) -> None:
    write(root, "Nonsense\n")
    assert by_shell(root, arguments, ">&- 2>&-") == status


def by_shell(root: Path, arguments: str, redirections: str) -> int:
    """The exit status of a command line as a shell runs it."""
    line = f"cd {root} && exec {sys.executable} -m mpmserver -d {root} -f conf/httpd.conf {arguments} {redirections}"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    return subprocess.run(["/bin/sh", "-c", line], env=environment, check=False, timeout=30).returncode


def port_of(root: Path) -> int:
    """Where the server of a root listens."""
    return int((root / "conf/httpd.conf").read_text().partition("Listen 127.0.0.1:")[2].split()[0])


def test_a_pid_file_of_a_stranger_is_not_believed(root: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        (root / "logs/httpd.pid").write_text(f"{stranger.pid}\n")
        result = Result(ours(root, "-k", "stop"))
        assert (result.status, result.stdout) == (0, "httpd (pid N?) not running\n")
        assert stranger.poll() is None, "a signal would have come before the command ended"
        stranger.kill()


def test_a_stale_pid_file(root: Path) -> None:
    (root / "logs/httpd.pid").write_text("4194303\n")
    assert Result(ours(root, "-k", "stop")) == Result(apaches(root, "-k", "stop"))


def test_a_corrupt_pid_file(root: Path) -> None:
    (root / "logs/httpd.pid").write_text("nonsense\n")
    assert Result(ours(root, "-k", "stop")) == Result(apaches(root, "-k", "stop"))


def test_a_port_that_is_taken(root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        text = (root / "conf/httpd.conf").read_text()
        port = taken.getsockname()[1]
        (root / "conf/httpd.conf").write_text(re.sub(r"Listen .*", f"Listen 127.0.0.1:{port}", text))
        mine, reference = Result(ours(root, "-k", "start")), Result(apaches(root, "-k", "start"))
    assert mine == reference
    assert mine.status == 1


def test_version() -> None:
    version, built = ours(Path("/"), "-v").stdout.splitlines()
    assert re.fullmatch(r"Server version: Apache/2\.4\.71 \(mpmserver \d+\.\d+\S*\)", version)
    assert re.fullmatch(r"Server built:   \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", built)


def test_settings_name_the_mpm(root: Path) -> None:
    text = ours(root, "-V").stdout
    assert "Server MPM:     event\n  threaded:     yes (fixed thread count)\n" in text
    (root / "conf/httpd.conf").write_text("MPM prefork\n")
    assert "Server MPM:     prefork\n  threaded:     no\n" in ours(root, "-V").stdout
    assert "Server MPM:     worker\n" in ours(root, "-V", "--mpm", "worker").stdout


def test_built_in_modules() -> None:
    lines = ours(Path("/"), "-l").stdout.splitlines()
    assert lines[:2] == ["Compiled in modules:", "  core.c"]
    assert "  mod_mime.c" in lines
    assert "  event.c" in lines


def test_help_on_standard_output() -> None:
    result = ours(Path("/"), "--help")
    assert result.returncode == 0
    assert result.stderr == ""
    for word in ("-k start|restart|graceful", "--mpm", "init DIR", "convert FILE"):
        assert word in result.stdout


@pytest.mark.parametrize("option", ["-L", "-l", "-V"])
def test_a_reader_that_leaves_early_is_no_traceback(option: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(
        [sys.executable, "-m", "mpmserver", option], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_all_directives_are_described_as_apache_describes_them(root: Path) -> None:
    """-L prints the static modules in Apache: whatever we have of those reads the same."""
    mine, reference = described(ours(root, "-L").stdout), described(apaches(root, "-L").stdout)
    common = mine.keys() & reference.keys()
    assert len(common) > 100
    assert {name: mine[name] for name in common} == {name: reference[name] for name in common}


def described(text: str) -> dict[str, str]:
    """The entries of -L by name; Apache's remark about per-directory configuration is its own business."""
    entries = re.split(r"\n(?=\S)", text.strip("\n"))
    return {entry.split("\n")[0]: entry.replace(" [no per-dir config]", "") for entry in entries}


def test_no_traceback_for_a_module_that_is_broken(root: Path) -> None:
    (root / "broken_module.py").write_text("raise RuntimeError('no')\n")
    write(root, NAMED + "LoadModule broken_module broken_module\n")
    environment = {**os.environ, "PYTHONPATH": f"{PROJECT}{os.pathsep}{root}"}
    process = subprocess.run(
        [sys.executable, "-m", "mpmserver", "-d", str(root), "-t"],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert process.returncode == 1
    assert "Cannot load broken_module into server: RuntimeError: no" in process.stderr
    assert "Traceback" not in process.stderr
