"""Which MPMs come with the server, by name; only the one that is chosen is imported.

An MPM is a module like any other (`LoadModule mpm_event_module ...`); this table serves those who know only its
short name (`MPM event`, --mpm) and those who want the MPM of a configuration.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Final

from mpmserver.config.build import Configuration
from mpmserver.config.errors import ConfigError
from mpmserver.mpm.base import MPM, MpmModule

BUILT_IN: Final[Mapping[str, str]] = {
    "prefork": "mpmserver.mpm.prefork",
    "worker": "mpmserver.mpm.worker",
    "event": "mpmserver.mpm.event",
    "reactor": "mpmserver.mpm.reactor",
}


def load(name: str) -> MpmModule:
    """Import the module of a built-in MPM by its short name. Raises ConfigError for a name that we don't have."""
    path = BUILT_IN.get(name.lower())
    if path is None:
        raise ConfigError(f"Unknown MPM '{name}', must be one of: {', '.join(BUILT_IN)}")
    module = importlib.import_module(path).MODULE
    assert isinstance(module, MpmModule)
    return module


def chosen(configuration: Configuration) -> MPM:
    """Return the one MPM that is loaded. Raises ConfigError with Apache's words where there are none or several."""
    found = [module.mpm for module in configuration.modules if isinstance(module, MpmModule)]
    if not found:
        raise ConfigError("AH00534: Configuration error: No MPM loaded.")
    if len(found) > 1:
        raise ConfigError("AH00534: Configuration error: More than one MPM loaded.")
    mpm = found[0]
    assert mpm is not None
    return mpm
