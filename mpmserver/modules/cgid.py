"""mod_cgid: the name under which threaded MPMs load the handler of mod_cgi.

Apache needs a daemon of its own there, because forking from a process with threads is dear; here every script is
started by vfork, so both modules share one implementation. ScriptSock is understood and not needed.
"""

from __future__ import annotations

from mpmserver.core.module import Hook, Module, Phase
from mpmserver.modules.cgi import directives
from mpmserver.modules.cgi.handler import script_handler
from mpmserver.modules.cgi.settings import CgiDir, CgiServer
from mpmserver.modules.cgi.spawn import prepare
from mpmserver.modules.cgi.words import CGID, HANDLERS

MODULE = Module(
    "cgid",
    directives=directives.CGID,
    hooks=tuple(Hook(Phase.HANDLER, script_handler(CGID), handler=name) for name in HANDLERS),
    server_settings=CgiServer,
    dir_settings=CgiDir,
    child_init=prepare,
)
