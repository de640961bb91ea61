"""mod_cgi: scripts started by fork and exec (RFC 3875); mod_cgid is the same under another name.

`handler.py` checks and `spawn.py` starts a script, `run.py` turns its output into the answer; `script.py` moves the
bytes, `head.py` reads the head of its output, `scriptlog.py` writes the ScriptLog.
"""

from __future__ import annotations

from mpmserver.core.module import Hook, Module, Phase
from mpmserver.modules.cgi import directives
from mpmserver.modules.cgi.handler import script_handler
from mpmserver.modules.cgi.settings import CgiDir, CgiServer
from mpmserver.modules.cgi.spawn import prepare
from mpmserver.modules.cgi.words import CGI, HANDLERS

MODULE = Module(
    "cgi",
    directives=directives.CGI,
    hooks=tuple(Hook(Phase.HANDLER, script_handler(CGI), handler=name) for name in HANDLERS),
    server_settings=CgiServer,
    dir_settings=CgiDir,
    child_init=prepare,
)
