"""The servers that are measured: how each is configured for the same site, and the command that runs it.

A `Peer` is a name, what it needs, and a function that writes its configuration into a folder and returns the command;
all serve `htdocs/` of one root on one port of 127.0.0.1 and write an access log (granian's has none for static files).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MPMS = ("prefork", "worker", "event", "reactor")
APACHE_MODULES = Path("/usr/lib/apache2/modules")
_NAMES = "authz_core alias mime dir autoindex rewrite headers expires env setenvif"
_CHILDREN = 72
"""Of prefork: one for each of 64 clients, and some for those that come while others leave."""
_PYTHON = sys.executable
_APP = str(Path(__file__).with_name("app.py"))
_LOG = '"%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined'


@dataclass(frozen=True, slots=True)
class Setting:
    """How a peer is to be run."""

    root: Path
    port: int
    processes: int = 1
    overrides: bool = False
    """AllowOverride All (Apache and mpmserver)."""
    cgi: bool = False
    threads: int = 128
    """Of each process of worker and event: Apache closes kept-alive connections where all are busy."""
    connections: int = 64
    """How many each process has to hold at once."""
    extra: str = ""
    """More configuration for Apache and mpmserver."""


Prepare = Callable[[Setting, Path], list[str]]


@dataclass(frozen=True, slots=True)
class Peer:
    """A server: `prepare` writes its configuration into a folder and returns the command that runs it there."""

    name: str
    needs: str
    """A program, or a library where it is written `import NAME`."""
    prepare: Prepare

    @property
    def available(self) -> bool:
        library = self.needs.removeprefix("import ")
        if library != self.needs:
            return importlib.util.find_spec(library) is not None
        return shutil.which(self.needs) is not None


def write(path: Path, text: str) -> str:
    """Write a configuration and return its path."""
    path.write_text(text, encoding="utf-8")
    return str(path)


def httpd(setting: Setting, folder: Path, mpm: str, modules: str) -> str:
    """The configuration that Apache and mpmserver share."""
    cgi = f"ScriptAlias /cgi-bin/ {setting.root}/cgi-bin/\n" if setting.cgi else ""
    user = "User nobody\nGroup #65534\n" if os.geteuid() == 0 else ""
    return f"""ServerRoot {folder}
{modules}Listen 127.0.0.1:{setting.port}
ServerName localhost
{user}PidFile {folder}/pid
ErrorLog {folder}/error_log
TypesConfig /etc/mime.types
{_pool(setting, mpm)}KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 600
DocumentRoot {setting.root}/htdocs
<Directory />
    AllowOverride None
</Directory>
{cgi}<Directory {setting.root}>
    Options FollowSymLinks
    AllowOverride {"All" if setting.overrides else "None"}
    Require all granted
</Directory>
<Directory {setting.root}/htdocs/listing>
    Options Indexes
</Directory>
<Directory {setting.root}/cgi-bin>
    Options ExecCGI
</Directory>
LogFormat {_LOG}
CustomLog {folder}/access_log combined
{setting.extra}"""


def _pool(setting: Setting, mpm: str) -> str:
    if mpm == "reactor":
        return f"ReactorProcesses {setting.processes}\n"
    per_process = 1 if mpm == "prefork" else setting.threads
    processes = _CHILDREN if mpm == "prefork" else setting.processes
    clients = processes * per_process
    pool = f"StartServers {processes}\nServerLimit {processes}\nMaxRequestWorkers {clients}\n"
    if mpm == "prefork":
        return pool + f"MinSpareServers {processes}\nMaxSpareServers {processes + 1}\n"
    pool += f"ThreadLimit {per_process}\nThreadsPerChild {per_process}\nMinSpareThreads 1\nMaxSpareThreads {clients}\n"
    return pool + (f"AsyncRequestWorkerFactor {max(2, setting.connections // 20)}\n" if mpm == "event" else "")


def _apache(mpm: str) -> Prepare:
    cgi = "cgi" if mpm == "prefork" else "cgid"

    def prepare(setting: Setting, folder: Path) -> list[str]:
        names = [f"mpm_{mpm}", *_NAMES.split(), *([cgi] if setting.cgi else [])]
        lines = "".join(f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so\n" for name in names)
        socket = f"ScriptSock {folder}/cgisock\n" if setting.cgi and cgi == "cgid" else ""
        path = write(folder / "httpd.conf", httpd(setting, folder, mpm, lines) + socket)
        return ["apache2", "-f", path, "-DFOREGROUND"]

    return prepare


def mpmserver(mpm: str) -> Prepare:
    """mpmserver under one MPM, with the modules that it has by default."""

    def prepare(setting: Setting, folder: Path) -> list[str]:
        path = write(folder / "httpd.conf", httpd(setting, folder, mpm, f"MPM {mpm}\n"))
        return [_PYTHON, "-m", "mpmserver", "-f", path, "-DFOREGROUND"]

    return prepare


def _nginx(*lines: str, log: str = "") -> Prepare:
    def prepare(setting: Setting, folder: Path) -> list[str]:
        extra = "".join(f"    {line};\n" for line in lines)
        temporary = "".join(
            f"    {what}_temp_path {folder}/{what};\n" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        text = f"""worker_processes {setting.processes};
daemon off;
pid {folder}/pid;
error_log {folder}/error_log;
{"user nobody nogroup;" if os.geteuid() == 0 else ""}
events {{ worker_connections {setting.connections + 2048}; }}
http {{
    include /etc/nginx/mime.types;
    access_log {folder}/access_log combined{log};
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
{temporary}{extra}    server {{ listen 127.0.0.1:{setting.port}; root {setting.root}/htdocs; }}
}}
"""
        return ["nginx", "-e", f"{folder}/error_log", "-c", write(folder / "nginx.conf", text)]

    return prepare


def _lighttpd(setting: Setting, folder: Path) -> list[str]:
    text = f"""server.document-root = "{setting.root}/htdocs"
server.port = {setting.port}
server.bind = "127.0.0.1"
server.modules = ("mod_accesslog")
accesslog.filename = "{folder}/access_log"
server.max-keep-alive-requests = 100000000
server.max-keep-alive-idle = 600
server.max-fds = 16384
{'server.username = "nobody"' if os.geteuid() == 0 else ""}
mimetype.assign = (".html" => "text/html", ".bin" => "application/octet-stream")
"""
    return ["lighttpd", "-D", "-f", write(folder / "lighttpd.conf", text)]


def _gunicorn(setting: Setting, folder: Path) -> list[str]:
    return [
        _PYTHON, "-m", "gunicorn", "--chdir", str(Path(_APP).parent), "-k", "gthread", "--threads", "64", "-w",
        str(setting.processes), "-b", f"127.0.0.1:{setting.port}", "--keep-alive", "600", "--access-logfile",
        f"{folder}/access_log", "--env", f"BENCH_FOLDER={setting.root}/htdocs", "app:application",
    ]  # fmt: skip


def _granian(setting: Setting, _folder: Path) -> list[str]:
    return [
        _PYTHON, "-m", "granian", "--interface", "wsgi", "--port", str(setting.port), "--workers",
        str(setting.processes), "--static-path-route", "", "--static-path-mount", f"{setting.root}/htdocs",
        "--access-log", "--working-dir", str(Path(_APP).parent), "app:application",
    ]  # fmt: skip


def _cheroot(setting: Setting, folder: Path) -> list[str]:
    return [_PYTHON, _APP, str(setting.port), f"{setting.root}/htdocs", f"{folder}/access_log"]


def _http_server(setting: Setting, _folder: Path) -> list[str]:
    return [
        _PYTHON, "-m", "http.server", str(setting.port), "--bind", "127.0.0.1", "--protocol", "HTTP/1.1",
        "--directory", f"{setting.root}/htdocs",
    ]  # fmt: skip


_CACHE = "open_file_cache max=20000 inactive=60s"

PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        *(Peer(f"mpmserver {mpm}", _PYTHON, mpmserver(mpm)) for mpm in MPMS),
        *(Peer(f"apache {mpm}", "apache2", _apache(mpm)) for mpm in MPMS[:3]),
        Peer("nginx", "nginx", _nginx("sendfile on", "tcp_nopush on")),
        Peer("nginx open_file_cache", "nginx", _nginx(_CACHE, "sendfile on", "tcp_nopush on")),
        Peer("nginx best", "nginx", _nginx(_CACHE, "sendfile off", "tcp_nopush off", log=" buffer=64k flush=1s")),
        Peer("lighttpd", "lighttpd", _lighttpd),
        Peer("gunicorn", "import gunicorn", _gunicorn),
        Peer("granian", "import granian", _granian),
        Peer("cheroot", "import cheroot", _cheroot),
        Peer("http.server", _PYTHON, _http_server),
    )
}
