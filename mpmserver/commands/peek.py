"""Which MPM a configuration chooses, found by reading it as the server would but importing no module.

Names are all that the conditions of a configuration ask for; only <IfDirective> needs more and is answered as if
no module had the directive.
"""

from __future__ import annotations

import os

from mpmserver.commands.options import Options
from mpmserver.config.context import ReadContext
from mpmserver.config.errors import ConfigError
from mpmserver.config.expand import read_configuration
from mpmserver.config.node import Origin
from mpmserver.modules.standard import BUILT_IN, DEFAULT_MPM, STATIC, is_mpm, source_of


class _Names:
    """The modules of a configuration by name."""

    def __init__(self) -> None:
        self.loaded: list[str] = list(STATIC)
        self.explicit = False

    def load(self, name: str, path: str, origin: Origin) -> None:
        self.explicit = True
        self.loaded.append(name)

    def choose_mpm(self, name: str) -> None:
        self.loaded.append(f"mpm_{name.lower()}_module")

    def is_loaded(self, name: str) -> bool:
        known = self.loaded if self.explicit else BUILT_IN
        return any(name in (identifier, source_of(identifier)) for identifier in known)

    def has_directive(self, name: str) -> bool:
        return False

    def has_section(self, name: str) -> bool:
        return False


def chosen_mpm(options: Options) -> str | None:
    """The short name of the MPM; None where the configuration can't be read."""
    if options.mpm:
        return options.mpm
    names = _Names()
    context = ReadContext(
        options.server_root,
        names,
        defines=dict.fromkeys(options.all_defines, ""),
        environ=os.environ,
        pre_lines=options.pre_lines,
        post_lines=options.post_lines,
    )
    try:
        tree = read_configuration(options.config_file, context)
    except ConfigError:
        return None
    for node in tree:
        if node.key == "mpm":
            names.choose_mpm(node.arguments)
    mpms = [name for name in names.loaded if is_mpm(name)]
    return mpms[-1].removeprefix("mpm_").removesuffix("_module") if mpms else DEFAULT_MPM
