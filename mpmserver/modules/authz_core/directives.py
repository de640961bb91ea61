"""Building the tree of requirements, with Apache's complaints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpmserver.config.syntax import take_word
from mpmserver.core.auth import AuthzProvider
from mpmserver.modules.authz_core.requirements import AuthzDir, Methods, Requirement

if TYPE_CHECKING:
    from mpmserver.config.build import Build

CONTAINERS = {"<requireall": "<RequireAll>", "<requireany": "<RequireAny>", "<requirenone": "<RequireNone>"}


def add_requirement(build: Build, arguments: str) -> None:
    """Require [not] NAME ARGUMENTS, outside of any container: one of several that suffice."""
    settings = build.dir(AuthzDir)
    leaf = _leaf(build, arguments, "<RequireAny>", all_of=False)
    _root(settings).children.append(leaf)


def add_container(build: Build, arguments: str) -> None:
    """A <RequireAll>, <RequireAny> or <RequireNone> with what is in it."""
    settings = build.dir(AuthzDir)
    container = _container(build, arguments)
    if container is not None:
        _root(settings).children.append(container)


def set_merging(build: Build, how: str) -> None:
    """AuthMerging Off | And | Or."""
    if how.lower() not in ("off", "and", "or"):
        build.fail("AuthMerging must be one of: Off | And | Or")
    build.dir(AuthzDir).merging = how.lower()


def set_forbidden(build: Build, on: bool) -> None:
    """AuthzSendForbiddenOnFailure."""
    build.dir(AuthzDir).forbidden_on_failure = on


def _root(settings: AuthzDir) -> Requirement:
    """The section's implicit <RequireAny>."""
    if not isinstance(settings.tree, Requirement):
        settings.tree = Requirement("<RequireAny>")
    return settings.tree


def _container(build: Build, arguments: str) -> Requirement | None:
    """Build a container from the present node and its children; None for an empty one, which only earns a warning."""
    name = CONTAINERS[build.node.name.lower()]
    if arguments.strip():
        build.fail(f"{name} directive doesn't take additional arguments")
    all_of = name == "<RequireAll>"
    container = Requirement(name, all_of=all_of, negate=name == "<RequireNone>", origin=build.origin)
    for node in build.node.children or ():
        inner = build.enter(build.section, name.rstrip(">"), node=node)
        key = node.name.lower()
        if key in CONTAINERS:
            child = _container(inner, node.arguments)
            if child is not None:
                _check_negative(inner, child, container, CONTAINERS[key])
                container.children.append(child)
        elif key == "require":
            container.children.append(_leaf(inner, node.arguments, name, all_of))
        else:
            inner.apply(node)
    if not container.children:
        build.fail(f"{name} directive contains no authorization directives")
    if all_of and all(child.negate for child in container.children):
        build.fail(f"{name} directive contains only negative authorization directives")
    return container


def _check_negative(build: Build, child: Requirement, container: Requirement, name: str) -> None:
    if child.negate and not container.all_of:
        build.fail(f"{name} directive has no effect in {container.name} directive")


def _leaf(build: Build, arguments: str, container: str, all_of: bool) -> Requirement:
    word, rest = take_word(arguments)
    negate = word.lower() == "not"
    if negate:
        word, rest = take_word(rest)
        if not all_of:
            build.fail(f"negative {build.node.name} directive has no effect in {container} directive")
    if not word:
        build.fail(f"{build.node.name} directive requires additional arguments")
    provider = _provider(build, word)
    methods = None
    if build.limited is not None:
        methods = Methods(build.limited, build.limit_except)
    return Requirement(
        f"Require {'not ' if negate else ''}{word} {rest}".rstrip(), provider, provider.parse(build, rest.strip()),
        negate=negate, methods=methods, origin=build.origin,
    )  # fmt: skip


def _provider(build: Build, name: str) -> AuthzProvider:
    for module in build.configuration.modules:
        found = module.providers.get(("authz", name.lower()))
        if isinstance(found, AuthzProvider):
            return found
    build.fail(f"Unknown Authz provider: {name}")
