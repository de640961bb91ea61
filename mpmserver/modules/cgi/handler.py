"""The handler cgi-script: checks, starts the script, and makes an answer of its output."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from typing import TYPE_CHECKING

from mpmserver.core.body import Response
from mpmserver.core.cgivars import cgi_vars
from mpmserver.core.module import InternalRedirect
from mpmserver.core.settings import CoreDir, CoreServer, Level, Options, effective
from mpmserver.http.errors import HTTPError
from mpmserver.http.uri import unescape_query
from mpmserver.modules.cgi.head import apply_head, parse_script_head, premature_end, split_head
from mpmserver.modules.cgi.script import Script, ScriptOutput
from mpmserver.modules.cgi.scriptlog import ScriptRecord
from mpmserver.modules.cgi.settings import CgiDir
from mpmserver.net.waits import TimedOut, work

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.modules.cgi.head import ScriptHead

HEAD_MOST = 1 << 20
_LIMIT_COMMANDS = {
    "cpu": "ulimit {kind} -t {amount}",
    "mem": "ulimit {kind} -v {amount}",
    "nproc": "ulimit {kind} -u {amount} 2>/dev/null || ulimit {kind} -p {amount}",
}
"""The last differs: bash calls it -u, dash -p."""
_SHELL_SPECIAL = re.compile(r"[&;`'\"|*?~<>^()\[\]{}$\\\n]")


async def answer_script(x: Exchange) -> Response | InternalRedirect:
    """Run the script that `x.filename` names and answer with its output."""
    script = x.filename or ""
    _check(x, script)
    environment = await cgi_vars(x)
    await work()
    run = _start(x, script, environment)
    if os.path.basename(script).startswith("nph-"):
        return Response(200, ScriptOutput(run, None, True, lambda: _timed_out(x, script)))
    record = ScriptRecord(x, environment)
    try:
        response = await _answer(x, script, run, record)
    except BaseException:
        run.close(kill=not run.ended)
        raise
    if isinstance(response, InternalRedirect):
        run.close(kill=False)
    return response


async def _answer(x: Exchange, script: str, run: Script, record: ScriptRecord) -> Response | InternalRedirect:
    """Read the script's head and decide what it asks for."""
    output = bytearray()
    head = await _read_head(x, script, run, output, record)
    try:
        parsed = parse_script_head(head, script.rpartition("/")[2])
    except HTTPError as error:
        record.failed(error.log, head)
        raise
    apply_head(x, parsed)
    location = x.headers_out.get("Location")
    if location and parsed.status in (None, 200):
        if location.startswith("/"):
            await _finish_unread(run)
            x.headers_out.unset("Location")
            x.own_headers_in().unset("Content-Length")
            x.method = "GET"
            return InternalRedirect(location)
        raise HTTPError(302)
    if output:
        rest = bytes(output)
        while len(run.output):
            rest += run.output.take()
        run.output.put(rest)
    total = _length(x)
    return Response(parsed.status or 200, ScriptOutput(run, total, False, lambda: _timed_out(x, script)), parsed.phrase)


def _length(x: Exchange) -> int | None:
    """The script's Content-Length, which it is held to by the framing."""
    text = x.headers_out.get("Content-Length")
    return int(text) if text is not None and text.isdecimal() else None


async def _read_head(x: Exchange, script: str, run: Script, output: bytearray, record: ScriptRecord) -> bytes:
    """Pump until the script's head is complete; raises HTTPError where it never will be."""
    while True:
        output += run.output.take()
        head = split_head(output)
        if head is not None:
            return head
        if len(output) > HEAD_MOST or (run.ended and not len(run.output)):
            await run.drain_messages()
            record.failed("Premature end of script headers", bytes(output))
            raise premature_end(x, script)
        try:
            await run.pump()
        except TimedOut:
            _timed_out(x, script)
            run.close(kill=True)
            raise HTTPError(504) from None


async def _finish_unread(run: Script) -> None:
    """Let a script that redirects internally end; what else it says is nobody's answer."""
    try:
        while not run.ended:
            await run.pump()
            run.output.take()
        await run.drain_messages()
    except TimedOut:
        run.close(kill=True)


def _check(x: Exchange, script: str) -> None:
    """Refuse what is no script or may not be one; Apache's messages."""
    core = x.settings[CoreDir]
    options = effective(core.options, core.options_add, core.options_remove, int(Options.SYM_LINKS))
    if not options & Options.EXEC_CGI and not x.notes.get("alias-forced-type"):
        raise _refusal(x, 403, "AH02809: Options ExecCGI is off in this directory", script)
    if x.finfo is None:
        raise _refusal(x, 404, "AH02811: script not found or unable to stat", script)
    if stat.S_ISDIR(x.finfo.st_mode):
        raise _refusal(x, 403, "AH02812: attempt to invoke directory as script", script)
    if x.path_info and core.accept_path_info is False:
        raise _refusal(x, 404, "AH02813: AcceptPathInfo off disallows user's path", script)


def _refusal(x: Exchange, status: int, message: str, script: str) -> HTTPError:
    x.server.log(Level.ERROR, "cgi", f"{message}: {script}", x)
    return HTTPError(status)


def _timed_out(x: Exchange, script: str) -> None:
    x.server.log(Level.ERROR, "cgi", f"(70007)The timeout specified has expired: AH01220: Timeout waiting for output from CGI script {script}", x)


def _start(x: Exchange, script: str, environment: dict[str, str]) -> Script:
    """Start the script as the leader of a new process group, by vfork; raises HTTPError 500 where that fails."""
    name = os.path.basename(script)
    arguments = [name, *_query_words(x)]
    program = script
    limits = x.settings[CoreDir].rlimits
    if limits:
        arguments = ["sh", "-c", f'{limit_commands(limits)}exec "$0" "$@"', script, *arguments[1:]]
        program = "/bin/sh"
    try:
        process = subprocess.Popen(
            arguments,
            executable=program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=os.path.dirname(script),
            env=environment,
            start_new_session=True,
            bufsize=0,
        )
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) and error.errno else 22
        x.server.log(
            Level.ERROR, "cgi",
            f"({number}){os.strerror(number)}: AH01241: error spawning CGI child: exec of '{script}' failed", x,
        )  # fmt: skip
        x.server.log(Level.ERROR, "cgi", f"End of script output before headers: {name}", x)
        raise HTTPError(500) from None
    timeout = x.settings[CgiDir].timeout or x.server[CoreServer].timeout
    def on_stderr(line: bytes) -> None:
        text = line.decode("utf-8", "backslashreplace")
        x.server.log(Level.ERROR, "cgi", f"AH01215: stderr from {script}: {text}", x)

    return Script(process, x.body, x.peer.fd, timeout, x.world.reaper, on_stderr)


def limit_commands(limits: dict[str, tuple[int | None, int | None]]) -> str:
    """Shell commands that set RLimit*: limits can't be set between vfork and exec, so a shell sets them and execs.

    Values are as the directives have them: seconds, bytes, processes; None keeps what there is.
    """
    commands = []
    for name, pair in limits.items():
        for value, kind in zip(pair, ("-S", "-H"), strict=True):
            if value is not None:
                amount = "unlimited" if value < 0 else str(value // 1024 if name == "mem" else value)
                commands.append(_LIMIT_COMMANDS[name].format(kind=kind, amount=amount))
    return "".join(f"{command}; " for command in commands)


def _query_words(x: Exchange) -> list[str]:
    """A query without '=' becomes the script's arguments (RFC 3875 4.4), with shell characters escaped."""
    query = x.args
    if not query or "=" in query:
        return []
    return [_SHELL_SPECIAL.sub(lambda match: "\\" + match[0], unescape_query(word)) for word in query.split("+")]
