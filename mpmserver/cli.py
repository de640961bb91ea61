"""httpd's command line, and the three words `init`, `serve` and `convert`.

This file stays light: it imports nothing of the server until it knows what is asked for, so that `-v`, `-V` and `-l`
answer at once. A pipe that was closed early ends the program quietly, as the signal would.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from importlib import import_module

from mpmserver.commands.options import HelpWanted, Options, UsageError, help_text, parse, usage

WORDS = {
    "init": ("mpmserver.site", "init"),
    "serve": ("mpmserver.site", "serve"),
    "convert": ("mpmserver.commands.convert", "main"),
}
AT_ONCE = {
    "v": ("about", "version"),
    "V": ("about", "settings"),
    "l": ("about", "built_in"),
    "L": ("directives", "show"),
}
"""Options that are answered before any other is looked at."""
PROGRAM = "mpmserver"


def main(argv: list[str] | None = None) -> int:
    """Run the command line (without the program's name; sys.argv's by default); returns the exit status."""
    _open_what_is_closed()
    gc.disable()  # a start leaves no garbage worth the time; `process.server.serve` says what else speaks against it
    try:
        status = _main(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
        return 1
    finally:
        gc.enable()
    return status


def _open_what_is_closed() -> None:
    """Put the null device where the starter has closed a standard descriptor: the next pipe, socket or log would get
    its number, and be gone as soon as the server leaves its terminal."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free: this one
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", errors="surrogateescape", closefd=False))


def _main(arguments: list[str]) -> int:
    if arguments and arguments[0] in WORDS:
        module, function = WORDS[arguments[0]]
        word: Callable[[list[str]], int] = getattr(import_module(module), function)
        return word(arguments[1:])
    try:
        options = parse(arguments, PROGRAM)
    except HelpWanted:
        sys.stdout.write(help_text(PROGRAM))
        return 0
    except UsageError as error:
        sys.stderr.write(f"{error}\n{usage(PROGRAM)}" if str(error) else usage(PROGRAM))
        return 1
    return _command(options)(options)


def _command(options: Options) -> Callable[[Options], int]:
    """The function that does what is asked for; the first of Apache's options that answer at once counts."""
    wanted = [target for letter, target in AT_ONCE.items() if letter in options.flags]
    module, function = wanted[0] if wanted else ("check", "check") if options.checks_only else ("run", "run")
    found: Callable[[Options], int] = getattr(import_module(f"mpmserver.commands.{module}"), function)
    return found


def _forget_output() -> None:
    """Nobody reads any more: keep the interpreter from complaining about it at its end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
