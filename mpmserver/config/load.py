"""Text to `Configuration`: read, with LoadModule in effect, then walk the tree, then let each module complete it.

`load` is called in the parent, by `-t` and by tests; it opens nothing but configuration files. Modules come from a
`Catalog`, so that this package knows none by name.

Which modules a configuration has: the static ones and those that LoadModule names, as in Apache. A configuration
without any LoadModule has every module of the catalog and the default MPM. That can't be known before
the end of the text, so reading begins as if there were none and begins again at the first LoadModule; warnings are
kept until it is known which reading counts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from mpmserver.config.build import Build, Configuration, Registry
from mpmserver.config.context import ReadContext
from mpmserver.config.errors import ConfigError
from mpmserver.config.expand import read_configuration
from mpmserver.config.node import Node, Origin
from mpmserver.config.sections import HostConfig

Warn = Callable[[str, Origin | None], None]


class Catalog(Protocol):
    """Where modules come from; see `modules/so.py`."""

    static: tuple[str, ...]
    default_mpm: str

    def names(self) -> tuple[str, ...]:
        """Identifiers of all modules that are not MPMs."""

    def find(self, identifier: str, path: str) -> Any:
        """The `Module` of an identifier; raises ConfigError."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What the command line says about the configuration; paths are absolute."""

    server_root: str
    file: str
    defines: Mapping[str, str] = field(default_factory=dict)
    pre_lines: tuple[str, ...] = ()
    post_lines: tuple[str, ...] = ()
    mpm: str | None = None
    """--mpm: chosen whatever LoadModule and MPM say."""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    runtime_dir: str | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A finished configuration, and what is only asked for by dumps and by .htaccess files."""

    configuration: Configuration
    tree: tuple[Node, ...]
    context: ReadContext
    mpm: Any
    """The MPM that serves."""


class _Explicit(Exception):
    """A LoadModule has been met: only what is named is loaded."""


class LoadedModules:
    """The modules of one reading; what LoadModule adds to and conditions ask."""

    def __init__(self, catalog: Catalog, registry: Registry, warn: Warn, explicit: bool, mpm: str | None) -> None:
        self.found: list[Any] = []
        self._catalog = catalog
        self._registry = registry
        self._warn = warn
        self._explicit = explicit
        self._mpm = mpm
        for name in catalog.static if explicit else catalog.names():
            self._add(catalog.find(name, name))
        if mpm is not None or not explicit:
            self.choose_mpm(mpm or catalog.default_mpm)

    def load(self, name: str, path: str, origin: Origin) -> None:
        """LoadModule. Raises ConfigError when there is no such module."""
        if not self._explicit:
            raise _Explicit
        if self.is_loaded(name):
            self._warn(f"AH01574: module {name} is already loaded, skipping", origin)
            return
        module = self._catalog.find(name, path)
        if getattr(module, "mpm", None) is not None and self._mpm is not None:
            return
        self._add(module)

    def choose_mpm(self, name: str) -> None:
        """MPM, --mpm, or the default: replaces what was chosen without being loaded by name."""
        module = self._catalog.find(f"mpm_{name}_module", f"mpm_{name}_module")
        if module in self.found:
            return
        for other in [other for other in self.found if getattr(other, "mpm", None) is not None]:
            self.found.remove(other)
            self._registry.remove(other.name)
        self._add(module)

    def is_loaded(self, name: str) -> bool:
        """Whether the module of this identifier or source file is there."""
        return any(name in (module.identifier, module.source) for module in self.found)

    def has_directive(self, name: str) -> bool:
        return not name.startswith("<") and self._registry.find(name) is not None

    def has_section(self, name: str) -> bool:
        return self._registry.find(f"<{name}") is not None

    def mpm(self) -> Any:
        """The module of the one MPM. Raises ConfigError for none or several."""
        mpms = [module for module in self.found if getattr(module, "mpm", None) is not None]
        if not mpms:
            self.choose_mpm(self._catalog.default_mpm)
            return self.mpm()
        if len(mpms) > 1:
            raise ConfigError("AH00534: Configuration error: More than one MPM loaded.")
        return mpms[0]

    def _add(self, module: Any) -> None:
        self.found.append(module)
        self._registry.add(module.name, module.directives)


def load(options: LoadOptions, catalog: Catalog, warn: Warn) -> Loaded:
    """Read and finish a configuration. Raises ConfigError at the first mistake, as Apache."""
    try:
        return _load(options, catalog, warn, explicit=False)
    except _Explicit:
        return _load(options, catalog, warn, explicit=True)


def _load(options: LoadOptions, catalog: Catalog, warn: Warn, explicit: bool) -> Loaded:
    kept: list[tuple[str, Origin | None]] = []
    registry = Registry()
    modules = LoadedModules(catalog, registry, lambda *what: kept.append(what), explicit, options.mpm)
    context = ReadContext(
        options.server_root,
        modules,
        defines=dict(options.defines),
        environ=options.environ,
        warn=lambda *what: kept.append(what),
        pre_lines=options.pre_lines,
        post_lines=options.post_lines,
        runtime_dir=options.runtime_dir,
    )
    try:
        tree = read_configuration(options.file, context)
        module = modules.mpm()
    except ConfigError:
        _give(kept, warn)
        raise
    _give(kept, warn)
    configuration = Configuration(
        context.server_root, HostConfig(Origin(options.file, 0)), registry, modules.found, [], context.defines,
        options.file, warn,
    )  # fmt: skip
    configuration.read_context = context
    Build(configuration, configuration.main, configuration.main.defaults).walk(tree)
    module.mpm.check(configuration)
    for each in configuration.modules:
        if each.post_config is not None:
            each.post_config(configuration)
    return Loaded(configuration, tree, context, module.mpm)


def _give(kept: list[tuple[str, Origin | None]], warn: Warn) -> None:
    for message, origin in kept:
        warn(message, origin)
