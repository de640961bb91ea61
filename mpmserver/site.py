"""The two words that get somebody started: `mpmserver init DIR` and `mpmserver serve [DIR]`.

`init` copies the server root that lies in the package (`data/root`) to a directory. `serve` answers for a
folder in the foreground with no configuration of its own: it writes the few directives for it to a file in a
folder that is this user's alone, named by the port, and calls the ordinary command line. The file stays as long
as the server runs, because a graceful restart reads it again. `cli` calls both, in a process that has done
nothing else yet.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import shlex
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mpmserver.config.syntax import quote
from mpmserver.preflight import Account, folder_trouble, port_trouble

DATA = Path(__file__).parent / "data"
SKELETON = DATA / "root"
MIME_TYPES = SKELETON / "conf" / "mime.types"
FOLDERS = ("conf", "htdocs", "cgi-bin", "logs")
CONFIGURATIONS = ("conf/httpd.conf", "conf/mpmserver.yaml")
ROOT_PLACEHOLDER = '"${PWD}"'
"""Where the skeleton's configurations name the server root."""

MPMS = ("prefork", "worker", "event", "reactor")
BIND_HELP = "where to listen (127.0.0.1: only this machine may call; 0.0.0.0: everyone may)"
SCRIPT_FOLDERS = ("cgi-bin", "htbin")
"""The folders whose files `serve --cgi` runs: those of Python's own `http.server --cgi`."""


class Refusal(Exception):
    """Why a command does nothing. Its message goes to standard error; the exit status is 1."""


def init(arguments: list[str]) -> int:
    """`mpmserver init DIR`: lay out a server root. Exit status 0, or 1 where something is in the way."""
    parser = argparse.ArgumentParser(prog="mpmserver init", description="Lay out a server root in DIR.")
    parser.add_argument("directory", metavar="DIR", help="made where it is not there yet")
    root = Path(os.path.abspath(parser.parse_args(arguments).directory))
    try:
        lay_out(root)
    except Refusal as refusal:
        return _refused("init", str(refusal))
    except OSError as error:
        return _refused("init", f"{error.filename}: {error.strerror}")
    start = f"mpmserver -d {shlex.quote(str(root))} -f conf/httpd.conf -k"
    print(
        f"A server root in {root}:\n"
        "  conf/httpd.conf   the configuration (conf/mpmserver.yaml says the same in YAML)\n"
        "  htdocs/           the pages\n"
        "  cgi-bin/          programs that answer\n"
        "  logs/             access log, error log, pid file\n"
        "\n"
        f"Start it:  {start} start\n"
        "Look:      http://127.0.0.1:8080/\n"
        f"Stop it:   {start} stop"
    )
    return 0


def lay_out(root: Path) -> None:
    """Copy the skeleton to `root`, which may exist but hold none of FOLDERS. Raises Refusal, OSError."""
    for name in FOLDERS:
        if os.path.lexists(root / name):
            raise Refusal(f"{root / name} exists already; nothing was written")
    server_root = _argument(root)
    for source, target in _skeleton(root):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o755 if source.parent.name == "cgi-bin" else 0o644)
    (root / "logs").mkdir()
    for name in CONFIGURATIONS:
        text = (root / name).read_text(encoding="utf-8")
        (root / name).write_text(text.replace(ROOT_PLACEHOLDER, server_root), encoding="utf-8")


def _skeleton(root: Path) -> Iterator[tuple[Path, Path]]:
    for folder in sorted(SKELETON.iterdir()):
        for source in sorted(folder.rglob("*")):
            if source.is_file() and source.suffix != ".pyc":
                yield source, root / folder.name / source.relative_to(folder)


def serve(arguments: list[str]) -> int:
    """`mpmserver serve [DIR]`: serve a folder until interrupted. The server's own exit status, or 1."""
    options = _serve_parser().parse_args(arguments)
    folder = Path(os.path.abspath(options.directory))
    try:
        _look_first(folder, options.bind, options.port)
        configuration = _written(folder, options)
    except Refusal as refusal:
        return _refused("serve", str(refusal))
    from mpmserver import cli  # noqa: PLC0415 (cli calls this module)

    url = f"http://{_authority(options.bind, options.port)}/"
    print(f"Serving {folder} on {url} ({options.mpm}). Ctrl-C ends it.", file=sys.stderr, flush=True)
    try:
        return cli.main(["-d", str(folder), "-f", str(configuration), "-D", "FOREGROUND"])
    finally:
        configuration.unlink(missing_ok=True)


def _written(folder: Path, options: argparse.Namespace) -> Path:
    """The configuration, in a file whose lines an error message can name."""
    private = _private_folder()
    file = private / f"serve-{options.port}.conf"
    file.write_text("\n".join([*serve_directives(folder, options, private), ""]), encoding="utf-8")
    return file


def _serve_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mpmserver serve", description="Serve a folder in the foreground, with no configuration at all."
    )
    add = parser.add_argument
    add("directory", metavar="DIR", nargs="?", default=".", help="the folder (the current one)")
    add("--port", type=_port, default=8000, help="the TCP port (8000)")
    add("--bind", metavar="ADDR", type=_address, default="127.0.0.1", help=BIND_HELP)
    add("--cgi", action="store_true", help="run the files in cgi-bin and htbin")
    add("--mpm", choices=MPMS, default="event", help="who waits for the clients (event)")
    add("--htaccess", action="store_true", help="obey the .htaccess files of the folder")
    return parser


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port (1 to 65535)")


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an IP address") from None


def _authority(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def serve_directives(folder: Path, options: argparse.Namespace, private: Path) -> list[str]:
    """The configuration of `serve`, a line each: logs go to the terminal."""
    root = _argument(folder)
    return [
        f"MPM {options.mpm}",
        f"Listen {_authority(options.bind, options.port)}",
        "ServerName localhost",
        *_account_directives(),
        f"PidFile {_argument(private / f'serve-{options.port}.pid')}",
        "ErrorLog /dev/stderr",
        "LogLevel warn",
        'LogFormat "%h %l %u %t \\"%r\\" %>s %b" common',
        "CustomLog /dev/stdout common",
        f"TypesConfig {_argument(MIME_TYPES)}",
        f"DocumentRoot {root}",
        "DirectoryIndex index.html index.htm",
        "IndexOptions FancyIndexing HTMLTable FoldersFirst VersionSort NameWidth=* SuppressDescription Charset=UTF-8",
        '<Directory "/">',
        "Options Indexes FollowSymLinks",
        "Require all granted",
        "</Directory>",
        '<FilesMatch "^\\.ht">',
        "Require all denied",
        "</FilesMatch>",
        *(_override_directives(folder) if options.htaccess else ()),
        *(_script_directives(folder) if options.cgi else ()),
    ]


def _account_directives() -> list[str]:
    if os.geteuid() != 0:
        return []
    account = Account.default()
    return [f"User {account.name}", f"Group #{account.gid}"]


def _override_directives(folder: Path) -> list[str]:
    if any(wild in str(folder) for wild in "*?["):
        raise Refusal(f"--htaccess needs a folder whose path has none of * ? [ in it, and {folder} has")
    return [f"<Directory {_argument(folder)}>", "AllowOverride All", "</Directory>"]


def _script_directives(folder: Path) -> list[str]:
    return [f"ScriptAlias /{name}/ {_argument(f'{folder / name}/')}" for name in SCRIPT_FOLDERS]


def _argument(path: Path | str) -> str:
    """A path as a quoted argument of a directive. Raises Refusal for what no directive can hold."""
    text = str(path)
    if "${" in text or "\n" in text or "\0" in text:
        raise Refusal(f"a configuration cannot name {text!r}: it has ${{ or a line's end in it")
    quoted = quote(text)
    return quoted if quoted.startswith('"') else f'"{quoted}"'


def _look_first(folder: Path, address: str, port: int) -> None:
    """Raise Refusal, with a remedy, for what would otherwise show only as a page of errors."""
    if not folder.is_dir():
        raise Refusal(f"{folder} is not a folder")
    if os.geteuid() == 0:
        unreadable = folder_trouble(folder, Account.default())
        if unreadable:
            raise Refusal(unreadable)
    elif not os.access(folder, os.R_OK | os.X_OK):
        raise Refusal(f"you may not read {folder}")
    port_refused = port_trouble(address, port, "--port ")
    if port_refused:
        raise Refusal(port_refused)


def _private_folder() -> Path:
    """A folder that is this user's alone: others could plant a link in a shared one."""
    folder = Path(tempfile.gettempdir()) / f"mpmserver-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise Refusal(f"{folder} belongs to somebody else; set TMPDIR to a folder of yours")
    return folder


def _refused(word: str, reason: str) -> int:
    print(f"mpmserver {word}: {reason}", file=sys.stderr)
    return 1
