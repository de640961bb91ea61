"""What `make start` does once the environment stands: look, start, wait for the first answer, say where.

Each thing that would keep the server from serving is looked for first and told in one line with its remedy:
a port that is taken, a folder that the unprivileged user may not read, a server that runs already.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from mpmserver.preflight import Account, folder_trouble, port_trouble
from mpmserver.process import pidfile

ROOT = Path(__file__).resolve().parent.parent
CONFIGURATION = ROOT / "conf" / "httpd.conf"
SERVED = (ROOT / "htdocs" / "index.html", ROOT / "htdocs" / "files", ROOT / "cgi-bin" / "hello.sh")
ANSWER_WITHIN = 15.0  # seconds


def running(pid_file: Path) -> int | None:
    """The process id of a server that `pid_file` names and that lives, or None."""
    try:
        pid = pidfile.read(str(pid_file))
    except (OSError, pidfile.CorruptPidFile):
        return None
    return pid if pid is not None and pidfile.is_server(pid) else None


def trouble(port: int) -> str | None:
    """What would keep the server from serving, with its remedy, or None."""
    taken = port_trouble("127.0.0.1", port, "make start PORT=")
    if taken or os.geteuid() != 0:
        return taken
    named = re.search(r"^\s*User\s+(\S+)", CONFIGURATION.read_text(), re.MULTILINE)
    account = Account.of(named.group(1)) if named else Account.default()
    return next(filter(None, (folder_trouble(path, account) for path in SERVED)), None)


def answers(port: int) -> bool:
    """Whether the server answers within ANSWER_WITHIN seconds."""
    deadline = time.monotonic() + ANSWER_WITHIN
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_WITHIN)
        try:
            connection.request("GET", "/")
            connection.getresponse()
        except OSError:
            time.sleep(0.05)
        else:
            return True
        finally:
            connection.close()
    return False


def start(port: int, mpm: str) -> int:
    """Start the server as a daemon; the exit status of `-k start`."""
    definitions = {"SRVROOT": str(ROOT), "PORT": str(port), "MPM": mpm}
    command = [sys.executable, "-m", "mpmserver", "-d", str(ROOT), "-f", str(CONFIGURATION)]
    for name, value in definitions.items():
        command += ["-C", f'Define {name} "{value}"']
    return subprocess.run([*command, "-k", "start"], cwd=ROOT, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description="Start the server of this checkout.")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--mpm", default="event")
    options = parser.parse_args()
    (ROOT / "logs").mkdir(exist_ok=True)
    pid = running(ROOT / "logs" / "httpd.pid")
    if pid is not None:
        print(f"The server is running already (process {pid}). make stop ends it, make graceful reloads it.")
        return 0
    found = trouble(options.port)
    if found:
        print(f"{found[0].upper()}{found[1:]}.", file=sys.stderr)
        return 1
    if start(options.port, options.mpm) != 0:
        return 1
    if not answers(options.port):
        print(f"The server started but does not answer. {ROOT}/logs/error_log says why.", file=sys.stderr)
        return 1
    print(f"http://127.0.0.1:{options.port}/   ({options.mpm}; make stop ends it)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
