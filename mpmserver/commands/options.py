"""httpd's command line as a value: `parse` reads it and nothing else, so that `-v` costs no import.

Apache's parser is getopt: options may be joined to their arguments (`-DFOREGROUND`) or not, `-k` takes one of five
words and only once, an argument without an option is refused. Every refusal prints the usage on standard error
with exit status 1.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Final

from mpmserver.records import dataclass, field

SIGNALS: Final = ("start", "restart", "graceful", "graceful-stop", "stop")
LEVELS: Final = (
    "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug",
    *(f"trace{number}" for number in range(1, 9)),
)  # fmt: skip
WITH_ARGUMENT: Final = frozenset("DCcdefEkn")
FLAGS: Final = frozenset("vVlLtTSMhX?")
LONG: Final[Mapping[str, str]] = {"--mpm": "mpm"}
INSTEAD: Final = frozenset({"DUMP_VHOSTS", "DUMP_RUN_CFG", "DUMP_MODULES", "DUMP_INCLUDES"})
"""-D's that print something in place of a start."""
DEFAULT_FILE: Final = "conf/httpd.conf"

USAGE: Final = """\
Usage: {0} [-D name] [-d directory] [-f file]
       {1} [-C "directive"] [-c "directive"]
       {1} [-k start|restart|graceful|graceful-stop|stop]
       {1} [-v] [-V] [-h] [-l] [-L] [-t] [-T] [-S] [-X]
Options:
  -D name            : define a name for use in <IfDefine name> directives
  -d directory       : specify an alternate initial ServerRoot
  -f file            : specify an alternate ServerConfigFile
  -C "directive"     : process directive before reading config files
  -c "directive"     : process directive after reading config files
  -e level           : show startup errors of level (see LogLevel)
  -E file            : log startup errors to file
  -v                 : show version number
  -V                 : show compile settings
  -h                 : list available command line options (this page)
  -l                 : list compiled in modules
  -L                 : list available configuration directives
  -t -D DUMP_VHOSTS  : show parsed vhost settings
  -t -D DUMP_RUN_CFG : show parsed run settings
  -S                 : a synonym for -t -D DUMP_VHOSTS -D DUMP_RUN_CFG
  -t -D DUMP_MODULES : show all loaded modules 
  -M                 : a synonym for -t -D DUMP_MODULES
  -t -D DUMP_INCLUDES: show all included configuration files
  -t                 : run syntax check for config files
  -T                 : start without DocumentRoot(s) check
  -X                 : debug mode (only one worker, do not detach)
"""  # noqa: W291 (a blank of Apache's)

MORE: Final = """\
  -n name            : the name that process titles begin with
  --mpm name         : prefork, worker, event or reactor, whatever the configuration says

Words:
  init DIR           : lay out a server root
  serve [DIR]        : serve a folder in the foreground, without a configuration
  convert FILE       : print a configuration in the other syntax (Apache's or YAML)

Without -d the ServerRoot is the current directory where that has conf/httpd.conf, else {root}. Without
-f the configuration is conf/httpd.conf below it. -D FOREGROUND or NO_DETACH keeps the server at the terminal. A
configuration without any LoadModule has all built-in modules.
"""


class UsageError(Exception):
    """The command line can't be understood; the text, if any, goes before the usage."""


class HelpWanted(Exception):
    """--help."""


@dataclass(slots=True)
class Options:
    """The command line; paths are as given."""

    flags: set[str] = field(default_factory=set)
    defines: list[str] = field(default_factory=list)
    pre_lines: list[str] = field(default_factory=list)
    post_lines: list[str] = field(default_factory=list)
    root: str | None = None
    file: str | None = None
    level: str | None = None
    startup_log: str | None = None
    signal: str | None = None
    name: str | None = None
    mpm: str | None = None

    @property
    def server_root(self) -> str:
        """The absolute ServerRoot to begin with."""
        if self.root is not None:
            return os.path.abspath(self.root)
        return os.getcwd() if os.path.exists(DEFAULT_FILE) else default_root()

    @property
    def config_file(self) -> str:
        """The absolute path of the main configuration file."""
        return os.path.normpath(os.path.join(self.server_root, self.file or DEFAULT_FILE))

    @property
    def checks_only(self) -> bool:
        """Whether the configuration is read and nothing is started."""
        return bool(self.flags & set("tSM")) or any(name in INSTEAD for name in self.defines)

    @property
    def all_defines(self) -> list[str]:
        """-D's, with those that other options stand for."""
        more = []
        if "S" in self.flags:
            more += ["DUMP_VHOSTS", "DUMP_RUN_CFG"]
        if "M" in self.flags:
            more += ["DUMP_MODULES"]
        if "X" in self.flags:
            more += ["DEBUG"]
        return [*self.defines, *more]


def default_root() -> str:
    """The ServerRoot where neither -d nor the current directory says one: the one that the package brings along."""
    return os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "root")


def usage(program: str) -> str:
    """Apache's usage text."""
    return USAGE.format(program, " " * len(program))


def help_text(program: str) -> str:
    """The usage with what Apache doesn't have."""
    return usage(program) + MORE.format(root=default_root())


def parse(arguments: Sequence[str], program: str) -> Options:
    """Read the command line. Raises UsageError, HelpWanted."""
    options = Options()
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--help":
            raise HelpWanted
        name, equals, value = word.partition("=")
        if name in LONG:
            if not equals and not rest:
                raise UsageError(f"{program}: option requires an argument -- {name[2:]}")
            setattr(options, LONG[name], value if equals else rest.pop(0))
        elif len(word) > 1 and word[0] == "-":
            _short(options, word[1:], rest, program)
        else:
            raise UsageError
    return options


def _short(options: Options, letters: str, rest: list[str], program: str) -> None:
    """One word of joined options."""
    for index, letter in enumerate(letters):
        if letter in WITH_ARGUMENT:
            value = letters[index + 1 :]
            if not value:
                if not rest and letter == "k":
                    raise UsageError(f"{program}: illegal option -- k")
                if not rest:
                    raise UsageError(f"{program}: option requires an argument -- {letter}")
                value = rest.pop(0)
            _take(options, letter, value, program)
            return
        if letter not in FLAGS:
            raise UsageError(f"{program}: illegal option -- {letter}")
        if letter in "h?":
            raise UsageError
        options.flags.add(letter)


_LISTS: Final = {"D": "defines", "C": "pre_lines", "c": "post_lines"}
_VALUES: Final = {"d": "root", "f": "file", "E": "startup_log", "n": "name"}


def _take(options: Options, letter: str, value: str, program: str) -> None:
    if letter in _LISTS:
        getattr(options, _LISTS[letter]).append(value)
    elif letter in _VALUES:
        setattr(options, _VALUES[letter], value)
    elif letter == "e":
        if value.lower() not in LEVELS:
            raise UsageError
        options.level = value.lower()
    elif value not in SIGNALS or options.signal is not None:
        raise UsageError(f"{program}: illegal option -- k")
    else:
        options.signal = value
