"""The walk over the expanded tree: each node finds its directive, its place is checked, `apply` is called.

`Build` is what `apply` gets: the place where the directive stands (host, section, override rights) and the
settings that it may change. One Build serves a whole walk; entering a section makes a copy with another
place, so no state has to be put back when an error ends the walk.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, TypeVar

from mpmserver.config.directive import (
    ACCESS_CONF,
    EXEC_ON_READ,
    FIXED_COUNTS,
    NONFATAL_OVERRIDE,
    NONFATAL_UNKNOWN,
    OR_ALL,
    OR_AUTHCFG,
    OR_LIMIT,
    RSRC_CONF,
    Directive,
    Shape,
)
from mpmserver.config.errors import ConfigError
from mpmserver.config.node import Node, Origin
from mpmserver.config.regex import Regex, RegexPolicy, compile_pcre
from mpmserver.config.sections import Applied, HostConfig, Section
from mpmserver.config.settings import Settings
from mpmserver.config.syntax import words
from mpmserver.records import dataclass, field

S = TypeVar("S", bound=Settings)

_LIMITING = frozenset({"<Limit", "<LimitExcept", "<RequireAll", "<RequireAny", "<RequireNone"})
SERVER_OVERRIDE = (RSRC_CONF | OR_ALL) & ~(OR_AUTHCFG | OR_LIMIT)
SECTION_OVERRIDE = OR_ALL | ACCESS_CONF
_PLACES = ~(EXEC_ON_READ | NONFATAL_OVERRIDE | NONFATAL_UNKNOWN)
_LEAST = {Shape.ITERATE: 1, Shape.ITERATE2: 2}


class Registry:
    """Which directive belongs to which loaded module; names are compared without case."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, Directive]] = {}

    def add(self, module: str, directives: Iterable[Directive]) -> None:
        """Add a module's directives; the module loaded last wins, as in Apache."""
        for directive in directives:
            self._found[directive.key] = (module, directive)

    def remove(self, module: str) -> None:
        """Forget a module's directives."""
        self._found = {key: use for key, use in self._found.items() if use[0] != module}

    def find(self, name: str) -> tuple[str, Directive] | None:
        """Return (module, directive) for a name as written, None where no loaded module has it."""
        return self._found.get(name.lower())


@dataclass(slots=True)
class Configuration:
    """All that a configuration says: the main server, the virtual hosts, and what holds for the process."""

    server_root: str
    main: HostConfig
    registry: Registry
    modules: list[Any] = field(default_factory=list)
    """The loaded `Module`s in load order."""
    virtual_hosts: list[HostConfig] = field(default_factory=list)
    defines: dict[str, str] = field(default_factory=dict)
    file: str = ""
    warn: Callable[[str, Origin | None], None] = lambda message, origin: None
    check_document_roots: bool = True
    """False for -T: a DocumentRoot need not exist."""
    read_context: Any = None
    """The `ReadContext` as it was at the end of the text: what .htaccess files go on from."""
    regexes: RegexPolicy = field(default_factory=RegexPolicy)
    """The default options of regular expressions, as the directives read so far have set them."""
    providers: dict[tuple[str, str], Any] = field(default_factory=dict)
    """Providers that the configuration itself made (<AuthnProviderAlias>), by (group, name) as a module's."""
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    """Known to this server alone and to all its children: a parent hands it on to its next image."""

    def provider(self, group: str, name: str) -> Any:
        """Return what modules, or the configuration itself, provide by this name; None where nobody does."""
        key = (group, name)
        if key in self.providers:
            return self.providers[key]
        return next((module.providers[key] for module in self.modules if key in module.providers), None)

    def path(self, name: str) -> str:
        """Return `name` relative to ServerRoot."""
        return os.path.normpath(os.path.join(self.server_root, name)) if name else name


@dataclass(slots=True)
class Build:
    """The place where a directive stands, and what it may change; see the module's docstring."""

    configuration: Configuration
    host: HostConfig
    section: Section
    override: int = SERVER_OVERRIDE
    override_options: int | None = None
    """Which Options `AllowOverride Options=...` lets .htaccess change, None for all."""
    override_list: frozenset[str] | None = None
    path: str | None = None
    """The directory of the enclosing <Directory> or .htaccess."""
    limited: frozenset[str] | None = None
    """The methods of an enclosing <Limit>, None outside; <LimitExcept> gives the complement by `limit_except`."""
    limit_except: bool = False
    within: tuple[str, ...] = ()
    """Names of the enclosing sections, outermost first ("<VirtualHost", "<Directory")."""
    in_htaccess: bool = False
    warnings: list[tuple[str, str]] | None = None
    """Where warnings of an .htaccess file are kept with the module that warns, for each request that reads it to log;
    None: the configuration's."""
    node: Node = field(default_factory=lambda: Node("", "", None, Origin("", 0)))
    directive: Directive | None = None

    # What apply functions use

    @property
    def origin(self) -> Origin:
        return self.node.origin

    @property
    def name(self) -> str:
        """The directive's name as the registry spells it."""
        return self.directive.name if self.directive is not None else self.node.name

    @property
    def in_section(self) -> bool:
        """True inside of <Directory>, <Files>, <Location>, <If> or .htaccess."""
        return bool(self.override & ACCESS_CONF) or self.in_htaccess

    def server(self, kind: type[S]) -> S:
        """Return the server settings of one module to change."""
        return self.host.settings(kind)

    def dir(self, kind: type[S]) -> S:
        """Return the section settings of one module to change (the server's default section outside)."""
        return self.section.settings(kind)

    def main(self, kind: type[S]) -> S:
        """Return settings that hold for the whole process, whatever the virtual host."""
        return self.configuration.main.settings(kind)

    def fail(self, message: str) -> NoReturn:
        """Refuse the configuration with `message` at this line."""
        raise ConfigError(message, self.origin)

    def warn(self, message: str, module: str = "core") -> None:
        """Warn, naming this line."""
        if self.warnings is not None:
            self.warnings.append((module, message))
            return
        self.configuration.warn(message, self.origin)

    def resolve(self, name: str) -> str:
        """Return a file name relative to ServerRoot."""
        return self.configuration.path(name)

    def regex(self, pattern: str, flags: str | int = "", *, octets: bool = False) -> Regex:
        """Return a compiled expression, with RegexDefaultOptions; raises ConfigError with the reason alone.

        `octets`: the pattern and all subjects are Latin-1 text, as header values are.
        """
        policy = self.configuration.regexes
        return compile_pcre(pattern, flags, policy=policy, octets=octets, defer=self.in_htaccess)

    def forbid_within(self, *sections: str) -> None:
        """Refuse this directive inside of sections ("<VirtualHost", "<Directory", "<Files", ".htaccess", ...).

        "<Limit" stands for <LimitExcept> too, and for <RequireAll> and its like. (ap_check_cmd_context)
        """
        name = f"{self.name}>" if self.name.startswith("<") else self.name
        for section in self.within:
            if section in _LIMITING and "<Limit" in sections:
                self.fail(f"{name} cannot occur within <Limit> or <LimitExcept> section")
            if section in sections:
                self.fail(f"{name} cannot occur within {section}{'>' if section[0] == '<' else ''} section")

    # Walking

    def enter(self, section: Section, name: str, **place: Any) -> Build:
        """Return a Build for the inside of `section`."""
        inner = self._copy()
        inner.section = section
        inner.within = (*self.within, name)
        if not self.in_htaccess:
            inner.override = SECTION_OVERRIDE
        for key, value in place.items():
            setattr(inner, key, value)
        return inner

    def _copy(self) -> Build:
        """This place once more; copy.copy takes ten times as long, and each directive has one of its own."""
        return Build(
            self.configuration, self.host, self.section, self.override, self.override_options, self.override_list,
            self.path, self.limited, self.limit_except, self.within, self.in_htaccess, self.warnings, self.node,
            self.directive,
        )  # fmt: skip

    def walk(self, nodes: Sequence[Node]) -> None:
        """Apply each node, in order; raises ConfigError at the first that can't be."""
        for node in nodes:
            self.apply(node)

    def apply(self, node: Node) -> None:
        """Apply one directive in this place."""
        found = self.configuration.registry.find(node.name)
        if found is None:
            self._unknown(node)
            return
        module, directive = found
        if directive.where & EXEC_ON_READ:
            return
        place = self._copy()
        place.node = node
        place.directive = directive
        try:
            if place._permitted():
                place._invoke()
                applied = Applied(module, directive.name, node.arguments, node.origin)
                self.section.applied.append(applied)
                if not self.in_section:
                    self.host.applied.append(applied)
            else:
                place._begin(module)
        except ConfigError as error:
            raise error.with_origin(node.origin) from None

    def _begin(self, module: str) -> None:
        """Make a module's settings though its directive is passed over, as Apache does.

        It shows where a section's settings make the outer ones forgotten (Order).
        """
        kind = next((each.dir_settings for each in self.configuration.modules if each.name == module), None)
        if kind is not None:
            self.dir(kind)

    def _unknown(self, node: Node) -> None:
        if self.override & NONFATAL_UNKNOWN:
            self.warn(
                f"AH02296: Unknown directive {node.name.lower()} perhaps misspelled or defined by a module not "
                "included in the server configuration"
            )
            return
        raise ConfigError(
            f"Invalid command '{node.name}', perhaps misspelled or defined by a module not included in the server "
            "configuration",
            node.origin,
        )

    def _permitted(self) -> bool:
        """True where the directive may stand here; False where it is to be passed over (Nonfatal=Override)."""
        directive = self.directive
        assert directive is not None
        if self.override_list is not None and directive.key in self.override_list:
            return True
        if not self.override & directive.where & _PLACES:
            if self.override & NONFATAL_OVERRIDE:
                self.warn(f"AH02295: {directive.name} in .htaccess forbidden by AllowOverride")
                return False
            enclosing = self.within[-1] if self.within else ""
            place = f"in {enclosing}> context" if enclosing.startswith("<") else "here"
            self.fail(f"{directive.name} not allowed {place}")
        return True

    def _invoke(self) -> None:
        directive = self.directive
        assert directive is not None
        arguments = self.node.arguments
        if directive.shape is Shape.RAW_ARGS:
            if directive.global_only:
                self.forbid_within("<VirtualHost")
            directive.apply(self, arguments)
            return
        given = words(arguments)
        if directive.shape is Shape.FLAG:
            if not given or given[0].lower() not in ("on", "off"):
                self.fail(f"{directive.name} must be On or Off")
        else:
            given = self._checked(given)
        if directive.global_only:
            self.forbid_within("<VirtualHost")
        if directive.shape is Shape.FLAG:
            directive.apply(self, given[0].lower() == "on")
        elif directive.shape is Shape.ITERATE:
            for word in given:
                directive.apply(self, word)
        elif directive.shape is Shape.ITERATE2:
            for word in given[1:]:
                directive.apply(self, given[0], word)
        else:
            directive.apply(self, *given)

    def _checked(self, given: list[str]) -> list[str]:
        """The arguments as Apache counts them: an empty one ends an iteration and is none where one is required."""
        directive = self.directive
        assert directive is not None
        shape = directive.shape
        least = _LEAST.get(shape)
        counts = FIXED_COUNTS.get(shape)
        if least is not None:
            fits = len(given) >= least and given[0] != ""
            given = given[: given.index("")] if "" in given else given
        elif counts is not None:
            fits = len(given) in counts and all(given[: max(1, min(counts))])
            given = given[:-1] if shape is Shape.TAKE12 and fits and not given[-1] else given
        else:
            fits = True
        if not fits:
            help_text = f", {directive.help}" if directive.help else ""
            self.fail(f"{directive.name} {shape.value}{help_text}")
        return given
