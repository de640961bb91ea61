"""Load from outside: wrk, pinned to a core of its own, and what it reports.

A load is bounded in time and in connections, and goes to 127.0.0.1. What varies from request to request (paths,
fields) is a Lua script of a few lines that wrk runs.
"""

from __future__ import annotations

import http.client
import re
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_GRACE = 60
"""Seconds beyond the load's own after which wrk is given up."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked for: `path` by `connections` clients at once, or whatever `script` (Lua) makes of it.

    `path` is asked for once before anything is measured: the answer has to have this status, and the same length (or
    Location) from every server.
    """

    path: str = "/"
    connections: int = 64
    script: str = ""
    fields: tuple[str, ...] = ()
    status: int = 200
    threads: int = 1
    first: Path | None = None
    """A list of paths, one a line, each of which is asked for before anything is measured (`warm_up`)."""
    size: int = 0
    """Bytes of an answer where what is sent is counted rather than answers: few large ones are cut at the end."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What wrk saw: how many answers of which kind, how many a second, and how long 99 of 100 took at most."""

    requests: int
    per_second: float
    p99: float
    """Seconds."""
    failed: int
    """Answers other than 2xx and 3xx, and errors of sockets."""
    size: int
    """Bytes received."""


class LoadError(RuntimeError):
    """wrk didn't run, or said something unheard of; or a server answered otherwise than it should."""


def run(load: Load, port: int, seconds: int, core: int | None) -> Answers:
    """Put `load` on a port for so many seconds. Raises LoadError."""
    return run_together([load], port, seconds, core)[0]


def run_together(loads: Sequence[Load], port: int, seconds: int, core: int | None) -> list[Answers]:
    """Put several loads on a port at once. Raises LoadError."""
    with ExitStack() as stack:
        started = [
            subprocess.Popen(_command(load, port, seconds, core, stack), stdout=-1, stderr=-1, text=True)
            for load in loads
        ]
        reports = []
        for process in started:
            try:
                reports.append(process.communicate(timeout=seconds + _GRACE))
            except subprocess.TimeoutExpired:
                process.kill()
                reports.append(process.communicate())
    for process, (output, errors) in zip(started, reports, strict=True):
        if process.returncode:
            raise LoadError(errors or output or f"wrk ended with {process.returncode}")
    return [parse(output) for output, _errors in reports]


def _command(load: Load, port: int, seconds: int, core: int | None, stack: ExitStack) -> list[str]:
    pin = ["taskset", "-c", str(core)] if core is not None else []
    fields = [argument for field in load.fields for argument in ("-H", field)]
    scripted = []
    if load.script:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mpmserver-wrk-")))
        script = folder / "load.lua"
        script.write_text(load.script, encoding="utf-8")
        scripted = ["-s", str(script)]
    return [
        *pin, "wrk", f"-t{load.threads}", f"-c{load.connections}", f"-d{seconds}s", "--timeout", "20s", "--latency",
        *fields, *scripted, f"http://127.0.0.1:{port}{load.path}",
    ]  # fmt: skip


def parse(report: str) -> Answers:
    """Read wrk's report. Raises LoadError."""
    total = re.search(r"^\s*([0-9]+) requests in [0-9.]+[a-z]+, ([0-9.]+)([KMGT]?)B read", report, re.MULTILINE)
    rate = re.search(r"^Requests/sec:\s+([0-9.]+)", report, re.MULTILINE)
    late = re.search(r"^\s+99%\s+([0-9.]+)(us|ms|s|m|h) *$", report, re.MULTILINE)
    if total is None or rate is None or late is None:
        raise LoadError(f"wrk said:\n{report}")
    wrong = re.search(r"Non-2xx or 3xx responses: ([0-9]+)", report)
    broken = re.search(r"Socket errors: connect ([0-9]+), read ([0-9]+), write ([0-9]+), timeout ([0-9]+)", report)
    failed = (int(wrong[1]) if wrong else 0) + (sum(map(int, broken.groups())) if broken else 0)
    size = int(float(total[2]) * _SIZES[total[3]])
    return Answers(int(total[1]), float(rate[1]), float(late[1]) * _UNITS[late[2]], failed, size)


def warm_up(load: Load, port: int, core: int | None) -> None:
    """Have a server be as it is when it has run for a while. Raises LoadError.

    Each of the load's first paths is asked for twice: what comes once only is not worth being kept to everybody.
    """
    if load.first is not None:
        paths = dict.fromkeys(load.first.read_text(encoding="ascii").split())
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            for path in (*paths, *paths):
                connection.putrequest("GET", path, skip_accept_encoding=True)  # the very head that wrk sends
                connection.endheaders()
                connection.getresponse().read()
        except (OSError, http.client.HTTPException) as error:
            raise LoadError(f"no answer to {path}: {error!r}") from error
        finally:
            connection.close()
    run(load, port, 1, core)


def ask(load: Load, port: int) -> tuple[int, int | str]:
    """What a server answers to the load's path: its status, and the body's length or where it sends the client."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", load.path, headers=dict(field.split(": ", 1) for field in load.fields))
        response = connection.getresponse()
        length = len(response.read())
        return response.status, response.headers.get("Location") or length
    except (OSError, http.client.HTTPException) as error:
        raise LoadError(f"no answer to {load.path}: {error!r}") from error
    finally:
        connection.close()


def paths_script(paths: Path) -> str:
    """Lua that asks for the paths in a file, one a line, in their order, from anywhere, over and over."""
    return f"""
local paths = {{}}
for line in io.lines("{paths}") do paths[#paths + 1] = line end
math.randomseed(os.time())
local at = math.random(#paths)
function request()
  at = at % #paths + 1
  return wrk.format("GET", paths[at])
end
"""


DIFFERENT_HEADS = """
math.randomseed(os.time())
local at = math.random(1000000000)
function request()
  at = at + 1
  local agent = "Mozilla/5.0 (X11; Linux x86_64; rv:" .. (at % 97) .. ") Gecko/20100101 client/" .. at
  local cookie = "session=" .. at * 7919 .. "; theme=" .. at % 3
  local fields
  if at % 2 == 0 then
    fields = "User-Agent: " .. agent .. "\\r\\nAccept: */*\\r\\nCookie: " .. cookie .. "\\r\\n"
  else
    fields = "Cookie: " .. cookie .. "\\r\\nAccept: */*\\r\\nUser-Agent: " .. agent .. "\\r\\n"
  end
  return "GET " .. wrk.path .. " HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n" .. fields .. "\\r\\n"
end
"""
"""User agent, cookies and the order of fields differ in every request."""
