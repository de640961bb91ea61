"""The first minutes of somebody new: the README's tour as printed, `make`'s advice, the wheel on its own.

The tour is a `console` block of the README: a line that begins with `$ ` is run by bash, and what follows up to the
next is what it must print, where `...` stands for anything. It runs in a copy of the checkout, on a free port
instead of 8080, with an environment that is a view of the one the tests run in, so that nothing is downloaded.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live_server import free_port, wait_until
from tests.require import require_file, require_library, require_tool

PROJECT = Path(__file__).resolve().parents[2]
COPIED = ("Makefile", "pyproject.toml", "README.md", "mpmserver", "conf", "htdocs", "cgi-bin", "logs", "tools", "docs")
SECONDS = 60


@pytest.fixture
def folder() -> Iterator[Path]:
    """A temporary folder that the user whom root becomes may read (pytest's own are closed)."""
    path = Path(tempfile.mkdtemp(prefix="mpmserver-first-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def checkout(folder: Path) -> Iterator[Path]:
    """A copy of the checkout with a ready `.venv`; its server is stopped at the end."""
    root = folder / "mpmserver"
    root.mkdir()
    skipped = shutil.ignore_patterns("__pycache__", "*_log", "*.pid")
    for name in COPIED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, root / name, symlinks=True, ignore=skipped)
        else:
            shutil.copy2(source, root / name)
    environment_view(root / ".venv", root)
    yield root
    run(["make", "stop"], root)


def environment_view(target: Path, checkout: Path) -> None:
    """A virtual environment made of links into this one, whose `mpmserver` is the one of `checkout`."""
    (target / "bin").mkdir(parents=True)
    for entry in Path(sys.prefix).iterdir():
        if entry.name != "bin" and not entry.name.startswith("."):
            (target / entry.name).symlink_to(entry)
    for entry in (Path(sys.prefix) / "bin").iterdir():
        if entry.name != "mpmserver":
            (target / "bin" / entry.name).symlink_to(entry)
    script = target / "bin" / "mpmserver"
    script.write_text(
        f"#!{target}/bin/python\nimport sys\nsys.path.insert(0, {str(checkout)!r})\n"
        "from mpmserver.cli import main\nsys.exit(main())\n"
    )
    script.chmod(0o755)
    (target / ".core").touch()


def run(command: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run without the test's own settings; both streams in one, as a terminal shows them."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        command, cwd=cwd, env={**kept, "PYTHONPATH": str(cwd), **environment}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip


def tour(readme: str) -> Iterator[tuple[str, str]]:
    """The tour's commands and what the README says they print."""
    for block in re.findall(r"^```console\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL):
        for entry in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = entry.partition("\n")
            yield command, printed


def printed_as(expected: str, actual: str) -> bool:
    """Whether `actual` is `expected`, where `...` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in expected.strip().split("..."))
    return re.fullmatch(pattern, actual.strip(), re.DOTALL) is not None


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [("a ... c", "a b c\n", True), ("a ... c", "a b d", False), ("", "", True), ("", "an error", False)],
)
def test_what_is_printed_is_compared(expected: str, actual: str, same: bool) -> None:
    assert printed_as(expected, actual) is same


def test_the_tour_works_as_printed(checkout: Path) -> None:
    require_tool("curl")
    require_tool("perl")
    port = free_port()
    steps = list(tour((PROJECT / "README.md").read_text().replace("8080", str(port))))
    assert len(steps) > 15
    for command, expected in steps:
        command = command.replace("make start", f"make --no-print-directory start PORT={port}")
        printed = printed_by(command, checkout, expected)
        assert printed_as(expected, printed), f"$ {command}\n{printed}\n-- expected:\n{expected}"


def printed_by(command: str, checkout: Path, expected: str) -> str:
    """What the command prints; a log is looked at again for a while, for its line is written after the answer."""
    deadline = time.monotonic() + (5 if command.startswith("tail ") else 0)
    while True:
        printed = run(["bash", "-c", command], checkout).stdout
        if printed_as(expected, printed) or time.monotonic() > deadline:
            return printed


@pytest.mark.parametrize("mpm", ["prefork", "worker", "event", "reactor"])
def test_make_start_serves_every_page_that_the_welcome_page_names(checkout: Path, mpm: str) -> None:
    port = free_port()
    told = run(["make", "start", f"PORT={port}", f"MPM={mpm}"], checkout)
    assert told.returncode == 0, told.stdout
    base = f"http://127.0.0.1:{port}/"
    page = (checkout / "htdocs" / "index.html").read_text()
    addresses = re.findall(r'(?:href|action)="([^"]+)"', page)
    assert len(addresses) > 12
    for address in addresses:
        expected = 404 if address.endswith("missing") else 200
        assert (address, status(base + address.replace("&amp;", "&"))) == (address, expected)
    again = run(["make", "start", f"PORT={port}"], checkout)
    assert again.returncode == 0
    assert "is running already" in again.stdout


def status(url: str) -> int:
    """The status of a GET, redirects followed."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            response.read()
            answered: int = response.status
    except urllib.error.HTTPError as error:
        with error:
            answered = error.code
    return answered


def test_apache_accepts_the_configuration(checkout: Path) -> None:
    apache = require_tool("apache2", "httpd")
    modules = require_file(["/usr/lib/apache2/modules", "/usr/lib64/httpd/modules"])
    command = [apache, "-d", str(checkout), "-f", "conf/httpd.conf", "-C", f"Define MODULES {modules}"]
    told = run([*command, "-C", f"Define SRVROOT {checkout}", "-t"], checkout)
    assert (told.returncode, told.stdout) == (0, "Syntax OK\n")


def test_make_start_names_another_port_where_this_one_is_taken(checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        told = run(["make", "start", f"PORT={port}"], checkout)
    assert told.returncode != 0
    assert f"Port {port} is taken by another program; choose another: make start PORT=" in told.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_make_start_as_root_says_which_folder_cannot_be_read(checkout: Path) -> None:
    checkout.chmod(0o700)
    told = run(["make", "start", f"PORT={free_port()}"], checkout)
    assert told.returncode != 0
    assert f"may not enter {checkout}; allow it: chmod o+x {checkout}" in told.stdout


@pytest.mark.parametrize(
    ("finder", "advice"),
    [
        ("exit 0", "mpmserver needs Python 3.11 or newer, and this machine has none."),
        ('[ "$1" = --with-venv ] || echo /opt/bare/python3', "/opt/bare/python3 has no venv module."),
    ],
)
def test_make_start_says_what_is_missing(checkout: Path, finder: str, advice: str) -> None:
    shutil.rmtree(checkout / ".venv")
    (checkout / "tools" / "find-python").write_text(f"#!/bin/sh\n{finder}\n")
    told = run(["make", "start"], checkout)
    assert told.returncode != 0
    lines = [line for line in told.stdout.splitlines() if not line.startswith("make")]
    assert len(lines) == 1
    assert lines[0].startswith(advice)
    assert "apt-get install" in lines[0]


def test_find_python_finds_this_version(folder: Path) -> None:
    told = run([str(PROJECT / "tools" / "find-python")], folder, PYTHON=sys.executable)
    assert told.stdout.splitlines()[0] == sys.executable


def test_make_help_lists_every_command(checkout: Path) -> None:
    told = run(["make"], checkout)
    targets = re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert {"start", "stop", "test", "check"} < set(targets)
    assert [target for target in targets if f"make {target} " not in told.stdout] == []


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The wheel, and nothing of the checkout, unpacked where an import finds it."""
    require_library("hatchling")
    built = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(built), str(PROJECT)]
    subprocess.run(wheel, check=True, timeout=SECONDS)
    target = Path(tempfile.mkdtemp(prefix="mpmserver-wheel-"))
    install = [*pip, "install", "--no-deps", "--no-index", "--target", str(target), *map(str, built.glob("*.whl"))]
    subprocess.run(install, check=True, timeout=SECONDS)
    target.chmod(0o755)
    yield target
    shutil.rmtree(target)


def mpmserver(installed: Path, *arguments: str) -> list[str]:
    """The command as the wheel has it: what `-I`-like isolation leaves is its folder and the libraries."""
    code = f"import sys; sys.path.insert(0, {str(installed)!r}); from mpmserver.cli import main; sys.exit(main())"
    return [sys.executable, "-P", "-c", code, *arguments]


def test_the_wheel_lays_out_a_server_root_that_serves(installed: Path, folder: Path) -> None:
    root = folder / "site"
    environment = {"PYTHONPATH": str(installed)}
    assert run(mpmserver(installed, "init", str(root)), folder, **environment).returncode == 0
    server = mpmserver(installed, "-d", str(root), "-f", "conf/httpd.conf")
    port = free_port()
    started = run([*server, "-C", f"Define PORT {port}", "-k", "start"], folder, **environment)
    assert started.returncode == 0, started.stdout
    try:
        wait_until(lambda: listening(port), 15, "the server")
        for address in ("", "files/", "cgi-bin/hello.sh", "htaccess/bread"):
            assert status(f"http://127.0.0.1:{port}/{address}") == 200
    finally:
        assert run([*server, "-k", "stop"], folder, **environment).returncode == 0
    wait_until(lambda: not listening(port), 15, "the server's end")


def listening(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.mark.parametrize("mpm", ["prefork", "reactor"])
def test_the_wheel_serves_a_folder(installed: Path, folder: Path, mpm: str) -> None:
    site = folder / "a folder"
    (site / "cgi-bin").mkdir(parents=True)
    (site / "page.txt").write_text("some text\n")
    script = site / "cgi-bin" / "say"
    script.write_text("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nsaid\\n'\n")
    script.chmod(0o755)
    port = free_port()
    command = mpmserver(installed, "serve", str(site), "--port", str(port), "--cgi", "--mpm", mpm)
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    server = subprocess.Popen(
        command, cwd="/", env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        wait_until(lambda: listening(port) or server.poll() is not None, 15, "the server")
        assert fetched(port, "page.txt") == "some text\n"
        assert fetched(port, "cgi-bin/say") == "said\n"
        assert 'href="page.txt"' in fetched(port, "")
    finally:
        server.send_signal(signal.SIGINT)
        output, errors = server.communicate(timeout=15)
    assert f"Serving {site} on http://127.0.0.1:{port}/ ({mpm}). Ctrl-C ends it." in errors
    assert '"GET /page.txt HTTP/1.1" 200 10' in output
    assert "Traceback" not in errors
    assert server.returncode == 0


def fetched(port: int, path: str) -> str:
    """The body of a GET."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as response:
        body: bytes = response.read()
    return body.decode()
