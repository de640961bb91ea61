"""Building the tree of requirements, with Apache's complaints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpmserver.config.directive import OR_AUTHCFG
from mpmserver.config.errors import ConfigError, ErrorKind
from mpmserver.config.syntax import take_word
from mpmserver.core.auth import AuthzProvider, Methods
from mpmserver.modules.authz_core.requirements import AuthzDir, Requirement

if TYPE_CHECKING:
    from mpmserver.config.build import Build, Configuration

CONTAINERS = {"<requireall": "<RequireAll>", "<requireany": "<RequireAny>", "<requirenone": "<RequireNone>"}


def add_requirement(build: Build, arguments: str) -> None:
    """Require [not] NAME ARGUMENTS, in a container or outside of any: there one of several suffices."""
    container = _present(build)
    word, rest = take_word(arguments)
    negate = word.lower() == "not"
    if negate:
        word, rest = take_word(rest)
    provider = _provider(build, word)
    if negate and not container.all_of:
        build.fail(f"negative {build.name} directive has no effect in {container.name} directive")
    container.children.append(Requirement(
        f"Require {'not ' if negate else ''}{word} {rest.rstrip()}", provider, provider.parse(build, rest.strip()),
        negate=negate, methods=Methods.of(build), origin=build.origin,
    ))  # fmt: skip


def add_container(build: Build, arguments: str) -> None:
    """A <RequireAll>, <RequireAny> or <RequireNone> with what is in it."""
    name = CONTAINERS[build.name.lower()]
    if arguments.strip():
        build.fail(f"{name} directive doesn't take additional arguments")
    settings = build.dir(AuthzDir)
    outer = _present(build)
    inner = Requirement(name, all_of=name == "<RequireAll>", negate=name == "<RequireNone>", origin=build.origin)
    settings.present = inner
    inside = build.enter(build.section, name.rstrip(">"), override=OR_AUTHCFG, override_list=None)
    inside.walk(build.node.children or ())
    settings.present = outer
    if not inner.children:
        build.fail(f"{name} directive contains no authorization directives")
    if inner.negate and not outer.all_of:
        build.fail(f"{name} directive has no effect in {outer.name} directive")
    if inner.negate and not build.in_htaccess:  # there Apache simplifies nothing, as its explanations show
        outer.children.extend(_each_denied(inner))
    elif inner.all_of == outer.all_of:
        outer.children.extend(inner.children)
    else:
        outer.children.append(inner)


def _each_denied(container: Requirement) -> list[Requirement]:
    """What stands in a <RequireNone>, as requirements of the <RequireAll> around it."""
    for child in container.children:
        child.negate = not child.negate
        if child.provider is None:
            child.name = "<RequireNotAll>" if child.all_of else "<RequireNone>"
        else:
            child.name = child.name.replace("Require ", "Require not ", 1)
    return container.children


def set_merging(build: Build, how: str) -> None:
    """AuthMerging Off | And | Or."""
    if how.lower() not in ("off", "and", "or"):
        build.fail("AuthMerging must be one of: Off | And | Or")
    build.dir(AuthzDir).merging = how.lower()


def set_forbidden(build: Build, on: bool) -> None:
    """AuthzSendForbiddenOnFailure."""
    build.dir(AuthzDir).forbidden_on_failure = on


def _present(build: Build) -> Requirement:
    """The container that is being filled: the innermost open one, or the section's implicit <RequireAny>."""
    settings = build.dir(AuthzDir)
    if not isinstance(settings.tree, Requirement):
        settings.tree = Requirement("<RequireAny>")
    return settings.present if isinstance(settings.present, Requirement) else settings.tree


def _provider(build: Build, name: str) -> AuthzProvider:
    found = build.configuration.provider("authz", name)
    if not isinstance(found, AuthzProvider):
        build.fail(f"Unknown Authz provider: {name}")
    return found


def check_negatives(configuration: Configuration) -> None:
    """Refuse a <RequireAll> in which nothing could ever be granted; raises ConfigError."""
    hosts = (configuration.main, *configuration.virtual_hosts)
    tops = [section for host in hosts for section in (*host.directories, *host.files, *host.locations, *host.ifs)]
    for section in tops:
        for each in (section, *section.files, *section.ifs):
            settings = each.tables.get(AuthzDir)
            if isinstance(settings, AuthzDir) and isinstance(settings.tree, Requirement):
                _check_negatives(settings.tree)


def _check_negatives(container: Requirement) -> None:
    for child in container.children:
        _check_negatives(child)
    if container.all_of and container.children and all(child.negate for child in container.children):
        message = f"AH01624: {container.name} directive contains only negative authorization directives"
        raise ConfigError(message, kind=ErrorKind.CHECK)
