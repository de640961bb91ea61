"""Text to `Configuration`: read, with LoadModule in effect, then walk the tree, then let each module complete it.

`load` is called in the parent, by `-t` and by tests; it opens nothing but configuration files. Modules come from a
`Catalog`, so that this package knows none by name.

Which modules a configuration has: the static ones and those that LoadModule names, as in Apache. A configuration
without any LoadModule has every module of the catalog and the default MPM. That is not known before the end
of the text, so it is read with the static modules first, and once more with all of them where no LoadModule came, or
with the MPM that the MPM directive names; warnings are kept until it is known which reading counts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from mpmserver.config.build import Build, Configuration, Registry
from mpmserver.config.context import ReadContext
from mpmserver.config.errors import ConfigError
from mpmserver.config.expand import read_configuration
from mpmserver.config.node import Node, Origin
from mpmserver.config.sections import HostConfig
from mpmserver.config.syntax import words
from mpmserver.records import dataclass, field, replace

Warn = Callable[[str, Origin | None], None]


class Catalog(Protocol):
    """Where modules come from; see `modules/so.py`."""

    static: tuple[str, ...]
    default_mpm: str
    mpms: tuple[str, ...]
    """Short names of those that can be chosen without LoadModule."""

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
    check_document_roots: bool = True
    """False for -T."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A finished configuration, and what is only asked for by dumps and by .htaccess files."""

    configuration: Configuration
    tree: tuple[Node, ...]
    context: ReadContext
    mpm: Any
    """The MPM that serves."""
    static: frozenset[str]
    """Identifiers of the modules that are there without LoadModule."""
    loaded: tuple[tuple[str, str], ...]
    """(identifier, path) of each LoadModule that had an effect."""
    warnings: tuple[str, ...] = ()
    """What was wrong without being an error, for the error log of a server that is started."""


class LoadedModules:
    """The modules of one reading; what LoadModule adds to and conditions ask."""

    def __init__(self, catalog: Catalog, registry: Registry, warn: Warn, explicit: bool, mpm: str | None) -> None:
        self.found: list[Any] = []
        self.loaded: list[tuple[str, str]] = []
        self._catalog = catalog
        self.registry = registry
        self._warn = warn
        self.explicit = explicit
        self._mpm = mpm
        self.asked = not explicit
        """Whether it is settled which modules there are: a LoadModule was met, or none can be."""
        for name in catalog.static if explicit else catalog.names():
            self._add(catalog.find(name, name))
        if mpm is not None or not explicit:
            self.choose_mpm(mpm or catalog.default_mpm)
        self.static = frozenset(module.identifier for module in self.found)

    def load(self, name: str, path: str, origin: Origin) -> None:
        """LoadModule. Raises ConfigError when there is no such module."""
        self.asked = True
        if self.is_loaded(name):
            self._warn(f"AH01574: module {name} is already loaded, skipping", origin)
            return
        module = self._catalog.find(name, path)
        if getattr(module, "mpm", None) is not None and self._mpm is not None:
            return
        self._add(module)
        self.loaded.append((name, path))

    def choose_mpm(self, name: str) -> None:
        """MPM, --mpm, or the default: replaces what was chosen without being loaded by name."""
        module = self._catalog.find(f"mpm_{name}_module", f"mpm_{name}_module")
        if module in self.found:
            return
        for other in [other for other in self.found if getattr(other, "mpm", None) is not None]:
            self.found.remove(other)
            self.registry.remove(other.name)
        self._add(module)

    def is_loaded(self, name: str) -> bool:
        """Whether the module of this identifier or source file is there."""
        return any(name in (module.identifier, module.source) for module in self.found)

    def has_directive(self, name: str) -> bool:
        return not name.startswith("<") and self.registry.find(name) is not None

    def has_section(self, name: str) -> bool:
        return self.registry.find(f"<{name}") is not None

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
        self.registry.add(module.name, module.directives)


def load(options: LoadOptions, catalog: Catalog, warn: Warn) -> Loaded:
    """Read and finish a configuration. Raises ConfigError at the first mistake, as Apache."""
    _check_mpm(options.mpm, catalog, None)
    reading = _read(options, catalog, explicit=True)
    if not reading.modules.asked:
        reading = _read(options, catalog, explicit=False)
    named = _named_mpm(reading.tree)
    if named is not None and options.mpm is None:
        _check_mpm(named, catalog, next(node.origin for node in reading.tree if node.key == "mpm"))
        reading = _read(replace(options, mpm=named), catalog, explicit=reading.modules.explicit)
    for message, origin in reading.warnings:
        warn(message, origin)
    if reading.error is not None:
        raise reading.error
    return _finish(reading, options, warn)


@dataclass(slots=True)
class _Reading:
    """One reading of the text: its tree, or the error that ended it."""

    modules: LoadedModules
    context: ReadContext
    warnings: list[tuple[str, Origin | None]]
    tree: tuple[Node, ...] = ()
    error: ConfigError | None = None


def _read(options: LoadOptions, catalog: Catalog, explicit: bool) -> _Reading:
    warnings: list[tuple[str, Origin | None]] = []

    def keep(message: str, origin: Origin | None) -> None:
        warnings.append((message, origin))

    modules = LoadedModules(catalog, Registry(), keep, explicit, options.mpm)
    context = ReadContext(
        options.server_root,
        modules,
        defines=dict(options.defines),
        environ=options.environ,
        warn=keep,
        pre_lines=options.pre_lines,
        post_lines=options.post_lines,
        runtime_dir=options.runtime_dir,
    )
    reading = _Reading(modules, context, warnings)
    try:
        reading.tree = tuple(read_configuration(options.file, context))
    except ConfigError as error:
        reading.error = error
    return reading


def _check_mpm(name: str | None, catalog: Catalog, origin: Origin | None) -> None:
    if name is not None and name not in catalog.mpms:
        raise ConfigError(f"Unknown MPM '{name}', must be one of: {', '.join(catalog.mpms)}", origin)


def _named_mpm(tree: tuple[Node, ...]) -> str | None:
    """What the MPM directive says; its conditions and sections have to be read with that MPM in place."""
    named = [words(node.arguments) for node in tree if node.key == "mpm"]
    return named[-1][0].lower() if named and len(named[-1]) == 1 else None


def _finish(reading: _Reading, options: LoadOptions, warn: Warn) -> Loaded:
    modules, context = reading.modules, reading.context
    module = modules.mpm()
    configuration = Configuration(
        context.server_root, HostConfig(Origin(options.file, 0)), modules.registry, modules.found, [],
        context.defines, options.file, warn,
    )  # fmt: skip
    configuration.read_context = context
    configuration.check_document_roots = options.check_document_roots
    Build(configuration, configuration.main, configuration.main.defaults).walk(reading.tree)
    module.mpm.check(configuration)
    for each in configuration.modules:
        if each.post_config is not None:
            each.post_config(configuration)
    return Loaded(configuration, reading.tree, context, module.mpm, modules.static, tuple(modules.loaded))
