"""What `-t -D DUMP_...`, -S and -M print about a configuration, in Apache's forms."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable, Iterator
from typing import Final

from mpmserver.config.load import Loaded
from mpmserver.config.node import Node
from mpmserver.core.errorlog import DEFAULT_FILE
from mpmserver.core.settings import CoreServer
from mpmserver.core.world import World
from mpmserver.modules.unixd import group_id, user_id
from mpmserver.process.command import Command

Lines = Iterator[str]


def vhosts(loaded: Loaded, world: World, command: Command) -> Lines:
    """DUMP_VHOSTS: who answers at which address."""
    yield from world.hosts.describe().splitlines()


def run_config(loaded: Loaded, world: World, command: Command) -> Lines:
    """DUMP_RUN_CFG: what holds for the process."""
    configuration = loaded.configuration
    core = configuration.main.settings(CoreServer).finished()
    error_log = core.error_log or DEFAULT_FILE
    if not error_log.startswith(("|", "syslog")):
        error_log = configuration.path(error_log)
    runtime = loaded.context.runtime_dir or configuration.path("logs")
    yield f'ServerRoot: "{configuration.server_root}"'
    if core.document_root is not None:
        yield f'Main DocumentRoot: "{core.document_root}"'
    yield f'Main ErrorLog: "{error_log}"'
    yield f'Mutex default: dir="{runtime.rstrip("/")}/" mechanism=default '
    yield f'PidFile: "{configuration.path(core.pid_file)}"'
    for name, value in loaded.context.defines.items():
        yield f"Define: {name}={value}" if value else f"Define: {name}"
    unused = "" if os.geteuid() == 0 else " not_used"
    yield _account("User", core.user or "#-1", user_id, lambda number: pwd.getpwuid(number).pw_name) + unused
    yield _account("Group", core.group or "#-1", group_id, lambda number: grp.getgrgid(number).gr_name) + unused


def _account(what: str, text: str, number_of: Callable[[str], int], name_of: Callable[[int], str]) -> str:
    number = number_of(text) & 0xFFFFFFFF
    name = text
    if text.startswith("#"):
        try:
            name = name_of(number)
        except (KeyError, OverflowError):
            name = text
    return f'{what}: name="{name}" id={number}'


def modules(loaded: Loaded, world: World, command: Command) -> Lines:
    """DUMP_MODULES: static ones are there without LoadModule."""
    yield "Loaded Modules:"
    for module in loaded.configuration.modules:
        how = "static" if module.identifier in loaded.static else "shared"
        yield f" {module.identifier} ({how})"


def includes(loaded: Loaded, world: World, command: Command) -> Lines:
    """DUMP_INCLUDES: every file that was read."""
    yield "Included configuration files:"
    for included in loaded.context.included:
        yield str(included)


def config(loaded: Loaded, world: World, command: Command) -> Lines:
    """DUMP_CONFIG: what is left when everything that acts while reading has acted (mod_info's form)."""
    file = None
    for node in loaded.tree:
        if node.origin.file != file:
            file = node.origin.file
            yield f"# In file: {file}"
        yield from _node(node, 0)


def _node(node: Node, depth: int) -> Lines:
    indent = "  " * depth
    yield f"{indent}#{node.origin.line:4d}:"
    if node.children is None:
        yield f"{indent}{node.name} {node.arguments}".rstrip()
        return
    yield f"{indent}{node.name} {node.arguments}>"
    for child in node.children:
        yield from _node(child, depth + 1)
    yield f"{indent}</{node.name[1:]}>"


DUMPS: Final[dict[str, Callable[[Loaded, World, Command], Lines]]] = {
    "DUMP_VHOSTS": vhosts,
    "DUMP_RUN_CFG": run_config,
    "DUMP_MODULES": modules,
    "DUMP_INCLUDES": includes,
    "DUMP_CONFIG": config,
}
"""In the order in which they are printed, whatever the order of the -D's."""
NOT_ENOUGH: Final = frozenset({"DUMP_CONFIG"})
"""Those that come with a check or a start and don't take its place."""
