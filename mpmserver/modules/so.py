"""mod_so: LoadModule, which the reader executes, MPM, and `Catalog`, which finds the modules that they name.

A built-in module is found by its identifier, whatever path stands behind it: the file need not exist. A path that is
a dotted Python name is imported instead; the module there has `MODULE`. The catalog imports; it remembers nothing.
"""

from __future__ import annotations

import importlib
import re

from mpmserver.config.directive import RSRC_CONF, Directive, Shape, ignored
from mpmserver.config.errors import ConfigError
from mpmserver.config.read_directives import SO
from mpmserver.core.module import Module
from mpmserver.modules import standard

PYTHON_NAME = re.compile(r"(?!\d)\w+(\.(?!\d)\w+)*", re.ASCII)
SHARED_OBJECT = re.compile(r"\.(so|dll|c|sl|la)$")


class Catalog:
    """Where modules come from."""

    static = standard.STATIC
    default_mpm = standard.DEFAULT_MPM
    mpms = standard.MPMS

    def names(self) -> tuple[str, ...]:
        """The identifiers of all modules that a configuration without LoadModule has, MPMs excluded."""
        return tuple(
            name for name in standard.BUILT_IN if not standard.is_mpm(name) and name not in standard.ONLY_BY_NAME
        )

    def find(self, identifier: str, path: str) -> Module:
        """Return the module of this identifier. Raises ConfigError, in Apache's form, where there is none."""
        python_name = standard.BUILT_IN.get(identifier)
        if python_name is None:
            if SHARED_OBJECT.search(path) or not PYTHON_NAME.fullmatch(path):
                raise ConfigError(f"Cannot load {path} into server: mpmserver has no module {identifier}")
            python_name = path
        try:
            found = getattr(importlib.import_module(python_name), "MODULE", None)
        except ImportError as error:
            raise ConfigError(f"Cannot load {path} into server: {error}") from error
        except Exception as error:
            raise ConfigError(f"Cannot load {path} into server: {type(error).__name__}: {error}") from error
        if not isinstance(found, Module):
            raise ConfigError(f"Can't locate API module structure `{identifier}' in file {path}: no MODULE")
        return found


MODULE = Module(
    "so",
    (
        *SO,
        Directive(
            "MPM", Shape.TAKE1, RSRC_CONF, ignored, "the multi-processing module: prefork, worker, event or reactor",
            global_only=True,
        ),
    ),
)  # fmt: skip
