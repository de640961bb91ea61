"""From a finished configuration to a serving parent, and from one image of it to the next.

Order of a start: whom to become, listening sockets, the compiled site, logs (all still as root, all complaints to
the terminal with exit status 1), then the pid file, then children. In the background the start happens in the
detached process while the first one waits for its outcome, so that whoever typed the command sees what is wrong.

`start` is a first start; `resume.py` goes on where another image stopped. Both end in `serve`.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterable
from functools import partial

from mpmserver.config.build import Configuration
from mpmserver.config.load import Loaded
from mpmserver.core.coprogram import ProgramFailed
from mpmserver.core.errorlog import DEFAULT_FILE, open_error_logs
from mpmserver.core.logs import LogSink, Opener, PipeSink
from mpmserver.core.mpm_settings import MpmSettings
from mpmserver.core.scoreboard import Scoreboard
from mpmserver.core.settings import CoreServer, Level
from mpmserver.core.site import Site
from mpmserver.core.world import World
from mpmserver.mpm.base import settings_of
from mpmserver.net.listen import Listener, ListenFailed, ListenOptions, open_listeners
from mpmserver.process import check, daemon, handover, pidfile, user
from mpmserver.process.check import End
from mpmserver.process.children import PARENT_SIGNALS, Forge
from mpmserver.process.command import Command
from mpmserver.process.descriptors import allow_many
from mpmserver.process.generation import Generation, Remnant
from mpmserver.process.loading import compile_world, log_warnings
from mpmserver.process.parent import Parent
from mpmserver.process.programs import end_programs
from mpmserver.process.titles import title_master
from mpmserver.records import dataclass, field


class StartError(Exception):
    """The server can't start; `lines` are what Apache prints."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass(slots=True)
class Inherited:
    """What a former image of this parent left: nothing at a first start."""

    generation: int = 0
    listener_fds: tuple[int, ...] = ()
    death_pipe: tuple[int, int] | None = None
    remnants: list[Remnant] = field(default_factory=list)
    pipes: tuple[PipeSink, ...] = ()
    graceful: bool = True
    totals: Scoreboard | None = None
    ending_programs: set[int] = field(default_factory=set)
    """Log programs that the new configuration doesn't have; they end when the last child has let go of the pipe."""
    secret: bytes = b""
    """What nonces are signed with."""


def start(loaded: Loaded, command: Command) -> int:
    """Start the server that nobody runs yet; returns the exit status when it has ended."""
    if command.foreground:
        return _start_here(loaded, command, None)
    return _start_here(loaded, command, daemon.detach())


def _start_here(loaded: Loaded, command: Command, report: daemon.Report | None) -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, PARENT_SIGNALS)
    try:
        parts = prepare(loaded, command, Inherited())
        log_warnings(loaded, parts.generation.forge.site.main, parts.error_log)
        write_pid_file(parts)
    except StartError as error:
        for line in error.lines:
            print(line, file=sys.stderr, flush=True)
        return 1
    if report is not None:
        report.started()
    daemon.redirect_stderr(parts.error_log)
    return serve(parts, command)


@dataclass(slots=True)
class Parts:
    """All that a parent needs, ready to serve."""

    error_log: LogSink
    """The main server's: standard error goes there, as Apache's does."""
    loaded: Loaded
    generation: Generation
    opener: Opener
    inherited: Inherited
    pid_path: str


def prepare(loaded: Loaded, command: Command, inherited: Inherited) -> Parts:
    """Open and compile everything for a new generation. Raises StartError; what was inherited is still whole then."""
    configuration = loaded.configuration
    configuration.secret = inherited.secret or configuration.secret
    complaints = user.complain(configuration)
    if complaints:
        raise StartError(*complaints)
    identity = user.resolve(configuration)
    world = _compile(loaded)
    opener = _open_logs(world.site, inherited)
    listeners = _listen(configuration, inherited)
    geometry = loaded.mpm.geometry(configuration)
    scoreboard = Scoreboard.create(geometry.server_limit, geometry.slots, inherited.generation + 1)
    if inherited.totals is not None and inherited.graceful:
        scoreboard.inherit(inherited.totals)
    scoreboard.older = tuple(remnant.scoreboard for remnant in inherited.remnants)
    core = configuration.main.settings(CoreServer).finished()
    forge = Forge(
        world, loaded.mpm, scoreboard, tuple(listeners), opener.sinks, identity,
        inherited.death_pipe or os.pipe2(os.O_CLOEXEC),
        core.core_dump_directory and configuration.path(core.core_dump_directory), command.name,
    )  # fmt: skip
    error_log = opener.open(core.error_log or DEFAULT_FILE, configuration.server_root)
    for sink in opener.sinks:
        sink.report = partial(world.site.main.log, Level.ERROR, "core")
    configuration.regexes.report = partial(world.site.main.log, Level.WARN, "core")
    return Parts(error_log, loaded, Generation(forge, geometry), opener, inherited, configuration.path(core.pid_file))


def _compile(loaded: Loaded) -> World:
    world = compile_world(loaded)
    try:
        world.expect_pages()
    except (ImportError, OSError, ValueError) as error:
        raise StartError(f"mpmserver: Cannot make the pages of the server: {error}") from None
    return world


def _open_logs(site: Site, inherited: Inherited) -> Opener:
    opener = Opener(inherited.pipes)
    try:
        open_error_logs(site, opener)
        for module in site.modules:
            if module.open_logs is not None:
                module.open_logs(site, opener)
    except ProgramFailed:
        failed = "AH00020: Configuration Failed, exiting"
        site.main.log(Level.EMERG, "", failed)
        raise StartError(failed) from None
    except (OSError, ValueError) as error:
        raise StartError(_reason(error), "AH00015: Unable to open logs") from None
    return opener


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        named = f": {error.filename}" if error.filename else ""
        return f"({error.errno}){error.strerror}{named}"
    return str(error)


def _listen(configuration: Configuration, inherited: Inherited) -> list[Listener]:
    settings: MpmSettings = settings_of(configuration)
    options = ListenOptions(
        settings.listen_backlog, settings.send_buffer_size, settings.receive_buffer_size,
        settings.listen_tcp_defer_accept, settings.accept_filters,
    )  # fmt: skip
    try:
        return open_listeners(settings.listen, options, inherited.listener_fds)
    except ListenFailed as error:
        raise StartError(*error.lines) from None


def complain_of_restart(configuration: Configuration) -> list[str]:
    """In the check before a restart (`check.py`): what hinders it, beside the configuration itself.

    That is root without a User, and who listens already where the running server doesn't yet.
    """
    if check.HELD not in os.environ:
        return []
    complaints = user.complain(configuration)
    if complaints:
        return complaints
    held = os.environ[check.HELD].split()
    settings = settings_of(configuration)
    new = [address for address in settings.listen if address.text not in held and f"0.0.0.0:{address.port}" not in held]
    try:
        for listener in open_listeners(new, ListenOptions()) if new else []:
            listener.close()
    except ListenFailed as error:
        return list(error.lines)
    return []


def write_pid_file(parts: Parts) -> None:
    """Write the pid file; a complaint goes to the error log as well, as Apache's does."""
    main = parts.generation.forge.site.main
    if os.path.exists(parts.pid_path):
        message = f"AH00098: pid file {parts.pid_path} overwritten -- Unclean shutdown of previous Apache run?"
        main.log(Level.WARN, "core", message)
    try:
        pidfile.write(parts.pid_path, os.getpid())
    except OSError as error:
        lines = (
            f"({error.errno}){error.strerror}: AH00099: could not create {parts.pid_path}",
            f"AH00100: mpmserver: could not log pid to file {parts.pid_path}",
        )
        for line in lines:
            main.log(Level.ERROR, "core", line)
        raise StartError(*lines) from None


def serve(parts: Parts, command: Command) -> int:
    """Supervise until the server is stopped, or hand over to a new image (then this doesn't return)."""
    forge = parts.generation.forge
    title_master(command.name, command.file, parts.loaded.mpm.name)
    allow_many()
    forge.world.expect_requests()
    share_memory()
    if command.one_process:
        return _serve_alone(parts)
    parent = Parent(parts.generation, parts.inherited.remnants, parts.opener.pipes, command, parts.pid_path)
    parent.other_programs = parts.inherited.ending_programs | {program.pid for program in parts.opener.programs}
    if not parts.inherited.graceful:
        parent.end_older()
    parent.begin()
    end = parent.run()
    while end in (End.GRACEFUL, End.RESTART):
        error = handover.execute(parent, parts.pid_path, command, graceful=end is End.GRACEFUL)
        parent.log(Level.ERROR, f"({error.errno}){error.strerror}: the server can't be executed anew", "core")
        end = parent.run()
    _clean_up(parts, parent.other_programs)
    forge.scoreboard.close()
    return 1 if end is End.FATAL else 0


def share_memory() -> None:
    """Before any fork: what is there now will be shared with the children for as long as nobody writes to it.

    So no collection visits it any more, and none has before: garbage that was collected would leave holes between what
    stays, and whatever a child put there would cost it a page of its own. For the same reason the interpreter forgets
    which attributes it has looked up: what a child looked up would take their places, and count their names down.
    """
    gc.freeze()
    gc.enable()
    if sys.version_info < (3, 12):  # later ones don't count references to names
        sys._clear_type_cache()


def _serve_alone(parts: Parts) -> int:
    """-X: this process is the one child; the MPM takes the signals."""
    forge = parts.generation.forge
    forge.scoreboard.claim(0, os.getpid())
    child = forge.make_child(0)
    child.alone = True
    for sink in forge.sinks:
        sink.threaded = True
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    try:
        return forge.serve(child)
    finally:
        _clean_up(parts, [program.pid for program in parts.opener.programs])


def _clean_up(parts: Parts, other_programs: Iterable[int]) -> None:
    """The end of the server: pid file, programs."""
    if pidfile.remove(parts.pid_path):
        parts.generation.forge.site.main.log(
            Level.INFO, "core", f"AH00095: removed PID file {parts.pid_path} (pid={os.getpid()})"
        )
    for sink in parts.opener.sinks:
        sink.drain(0)
    for sink in parts.opener.sinks:
        sink.report = None
        sink.close()
    for program in parts.opener.programs:
        program.close()
    end_programs({*other_programs, *(pipe.pid for pipe in parts.opener.pipes if pipe.pid is not None)})
