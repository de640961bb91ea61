"""The handler cgi-script: checks that the file may be run, and starts it."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from mpmserver.core.cgivars import cgi_vars
from mpmserver.core.module import InternalRedirect
from mpmserver.core.settings import Level, Options, effective
from mpmserver.http.errors import HTTPError
from mpmserver.http.text import path_text
from mpmserver.http.uri import unescape_query
from mpmserver.modules.cgi.run import Run
from mpmserver.modules.cgi.scriptlog import NoRecord, ScriptRecord, record_of
from mpmserver.modules.cgi.spawn import start
from mpmserver.net.waits import SEAT, wait

if TYPE_CHECKING:
    from mpmserver.core.body import Response
    from mpmserver.core.exchange import Exchange
    from mpmserver.modules.cgi.words import Words

ScriptHandler = Callable[["Exchange"], Awaitable["Response | InternalRedirect"]]

_SHELL_SPECIAL = re.compile(r"[&;`'\"|*?~<>^()\[\]{}$\\\n]")
_EXEC_CGI = int(Options.EXEC_CGI)
_SYM_LINKS = int(Options.SYM_LINKS)
_NO_PROCESS = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
"""What says that this system has no room for another program, whichever it is."""


def script_handler(words: Words) -> ScriptHandler:
    """Return the handler of mod_cgi or mod_cgid."""

    async def answer_script(x: Exchange) -> Response | InternalRedirect:
        """Run the script that `x.filename` names and answer with its output."""
        record = record_of(x)
        _check(x, words, record)
        env = cgi_vars(x)
        x.env = env if isinstance(env, dict) else await env
        await wait(SEAT)
        run = _start(x, words, record)
        if run.name.startswith("nph-"):
            return run.raw()
        try:
            answer = await run.answer()
        except BaseException:
            run.script.close(kill=not run.script.ended)
            raise
        if isinstance(answer, InternalRedirect):
            run.script.close(kill=not run.script.ended)
        return answer

    return answer_script


def _check(x: Exchange, words: Words, record: ScriptRecord | NoRecord) -> None:
    """Refuse what is no script or may not be one; raises HTTPError 403 or 404 with Apache's messages."""
    core = x.settings.core
    if not x.notes.get("alias-forced-type") and not _EXEC_CGI & effective(
        core.options, core.options_add, core.options_remove, _SYM_LINKS
    ):
        refusal = 403, words.exec_off, "Options ExecCGI is off in this directory"
    elif x.finfo is None:
        refusal = 404, words.not_found, "script not found or unable to stat"
    elif stat.S_ISDIR(x.finfo.st_mode):
        refusal = 403, words.directory, "attempt to invoke directory as script"
    elif x.path_info and core.accept_path_info is False:
        refusal = 404, words.path_info, "AcceptPathInfo off disallows user's path"
    else:
        return
    status, number, reason = refusal
    x.server.log(Level.ERROR, words.module, f"{number}: stderr from {x.filename}: {reason}", x)
    record.error(status, reason.encode())
    raise HTTPError(status)


def _start(x: Exchange, words: Words, record: ScriptRecord | NoRecord) -> Run:
    """Start the script; raises HTTPError 500 where that fails."""
    try:
        words_of_query = query_words(x.args) if x.args else []
        program = start(x.filename or "", words_of_query, x.env, x.settings.core.rlimits, x.body.length != 0)
    except (OSError, ValueError) as error:
        raise _not_started(x, words, record, error) from None
    return Run(x, words, record, program)


def _not_started(x: Exchange, words: Words, record: ScriptRecord | NoRecord, error: OSError | ValueError) -> HTTPError:
    """Log why the script does not run, as it would have said it itself on its stderr."""
    path = x.filename or ""
    name = os.path.basename(path)
    number = (error.errno if isinstance(error, OSError) else None) or errno.EINVAL
    cause = f"({number}){os.strerror(number)}"

    def log(message: str) -> None:
        x.server.log(Level.ERROR, words.module, message, x)

    if number in _NO_PROCESS:
        log(f"{cause}: couldn't create child process: {number}: {name}")
        log(f"{cause}: AH01223: couldn't spawn child process: {path}")
        return HTTPError(500)
    message = f"{cause}: exec of '{path}' failed"
    record.error(200, message.encode("utf-8", "surrogateescape"))
    log(f"AH01215: stderr from {path}: {message}")
    log(f"End of script output before headers: {name}")
    record.failed(500, None, b"")
    return HTTPError(500)


def query_words(query: str | None) -> list[str]:
    """A query without '=' becomes the script's arguments (RFC 3875 4.4), with shell characters escaped."""
    if not query or "=" in query:
        return []
    words = (path_text(unescape_query(word)).partition("\0")[0] for word in query.split("+"))
    return [_SHELL_SPECIAL.sub(lambda match: "\\" + match[0], word) for word in words]
