"""What all commands that read the configuration share."""

from __future__ import annotations

import os
import sys

from mpmserver.commands.options import Options
from mpmserver.config.errors import ConfigError, render
from mpmserver.config.load import Loaded
from mpmserver.core.world import World
from mpmserver.process.command import Command, show
from mpmserver.process.loading import compile_world, load_configuration

PROGRAM = "mpmserver"
FOREGROUND = ("FOREGROUND", "NO_DETACH", "DEBUG", "ONE_PROCESS")


def command_of(options: Options) -> Command:
    """The options as a Command: absolute, without what only this invocation was asked to do."""
    root, file = options.server_root, options.config_file
    arguments = ["-d", root, "-f", file]
    for letter, values in (("-D", options.defines), ("-C", options.pre_lines), ("-c", options.post_lines)):
        for value in values:
            arguments += [letter, value]
    if options.mpm:
        arguments += ["--mpm", options.mpm]
    defines = options.all_defines
    return Command(
        arguments=tuple(arguments),
        shown=show((PROGRAM, *_shown(options))),
        server_root=root,
        file=file,
        defines=dict.fromkeys(defines, ""),
        pre_lines=tuple(options.pre_lines),
        post_lines=tuple(options.post_lines),
        mpm=options.mpm,
        name=options.name or PROGRAM,
        foreground=any(name in defines for name in FOREGROUND),
        one_process=any(name in defines for name in ("DEBUG", "ONE_PROCESS")),
        skip_document_root="T" in options.flags,
        startup_level=options.level,
    )


def _shown(options: Options) -> list[str]:
    words = []
    for letter, value in (("-d", options.root), ("-f", options.file)):
        if value is not None:
            words += [letter, value]
    for letter, values in (("-D", options.defines), ("-C", options.pre_lines), ("-c", options.post_lines)):
        for value in values:
            words += [letter, value]
    return words


def redirect_startup(options: Options) -> None:
    """-E: from here on standard error is that file, until the error log is open."""
    if options.startup_log is None:
        return
    try:
        fd = os.open(options.startup_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        complain(
            f"({error.errno}){error.strerror}: AH00086: {PROGRAM}: could not open error log file {options.startup_log}."
        )
        return
    sys.stderr.flush()
    os.dup2(fd, 2)
    os.close(fd)


def load_or_complain(command: Command) -> Loaded | None:
    """Load the configuration; where it is wrong, say so on standard error as Apache does and return None."""
    try:
        return load_configuration(command, complain)
    except ConfigError as error:
        sys.stderr.write(render(error, PROGRAM))
        return None


def checked_world(loaded: Loaded) -> World | None:
    """Compile the site; where that shows something wrong, say so and return None."""
    try:
        return compile_world(loaded)
    except ConfigError as error:
        sys.stderr.write(render(error, PROGRAM))
        return None


def complain(line: str) -> None:
    """One line on standard error."""
    print(line, file=sys.stderr, flush=True)
