"""The directives of mod_rewrite. Outside of sections they fill the server's settings, inside of them the section's."""

from __future__ import annotations

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_FILEINFO, RSRC_CONF, Directive, Shape
from mpmserver.config.sections import SectionKind
from mpmserver.modules.rewrite.conditions import compile_rewrite_condition
from mpmserver.modules.rewrite.maps import make_map
from mpmserver.modules.rewrite.rule import compile_rule
from mpmserver.modules.rewrite.settings import RewriteDir, RewriteOption, RewriteServer, add_rule

_OPTIONS = {
    "inherit": RewriteOption.INHERIT,
    "inheritbefore": RewriteOption.INHERIT_BEFORE,
    "inheritdown": RewriteOption.INHERIT_DOWN,
    "inheritdownbefore": RewriteOption.INHERIT_DOWN_BEFORE,
    "ignoreinherit": RewriteOption.IGNORE_INHERIT,
    "allownoslash": RewriteOption.ALLOW_NO_SLASH,
    "allowanyuri": RewriteOption.ALLOW_ANY_URI,
    "mergebase": RewriteOption.MERGE_BASE,
    "ignorecontextinfo": RewriteOption.IGNORE_CONTEXT_INFO,
    "legacyprefixdocroot": RewriteOption.LEGACY_PREFIX_DOC_ROOT,
}
_MAX_REDIRECTS = "maxredirects="


def _places(build: Build) -> tuple[RewriteServer | None, RewriteDir]:
    """The settings of the place, the server's only outside of sections; that the place speaks of rewriting is noted."""
    section = build.dir(RewriteDir)
    if build.in_htaccess:
        section.directory = _directory(build)
        return None, section
    server = build.server(RewriteServer)
    server.owner = build.host
    if build.in_section:
        section.directory = _directory(build)
        return None, section
    section.directory = None
    return server, section


def _directory(build: Build) -> str:
    """The place of a section with a slash at its end: a directory, or whatever the section's argument is."""
    section = build.section
    path = "*If" if section.kind is SectionKind.IF else section.path or section.pattern
    return path if path.endswith("/") else f"{path}/"


def rewrite_engine(build: Build, on: bool) -> None:
    """RewriteEngine: outside of sections, for the server and as what holds in all its sections."""
    server, section = _places(build)
    section.enabled = on
    if server is not None:
        server.enabled = on


def rewrite_options(build: Build, word: str) -> None:
    """RewriteOptions, one word after the other."""
    server, section = _places(build)
    option = _OPTIONS.get(word.lower())
    if option is None:
        if not word.lower().startswith(_MAX_REDIRECTS):
            build.fail(f"RewriteOptions: unknown option '{word}'")
        build.warn(
            "AH00664: RewriteOptions: MaxRedirects option has been removed in favor of the global "
            "LimitInternalRecursion directive and will be ignored.",
            "rewrite",
        )
        return
    section.options = (section.options or 0) | option
    if server is not None:
        server.options = (server.options or 0) | option


def rewrite_base(build: Build, url: str) -> None:
    """RewriteBase, in sections only."""
    server, section = _places(build)
    if server is not None:
        build.fail("RewriteBase: only valid in per-directory config files")
    if not url:
        build.fail("RewriteBase: empty URL not allowed")
    if not url.startswith("/"):
        build.fail("RewriteBase: argument is not a valid URL")
    section.base = url


def rewrite_map(build: Build, name: str, source: str, options: str = "") -> None:
    """RewriteMap: name, kind and source; the options are for kinds that talk to programs."""
    server, _section = _places(build)
    assert server is not None
    server.table("maps")[name] = make_map(build, name, source, options)


def rewrite_condition(build: Build, line: str) -> None:
    """RewriteCond: waits for the rule that comes next in the same place."""
    server, section = _places(build)
    (section if server is None else server).append("pending", compile_rewrite_condition(build, line))


def rewrite_rule(build: Build, line: str) -> None:
    """RewriteRule, with the conditions that wait for it."""
    server, section = _places(build)
    place = section if server is None else server
    add_rule(place, compile_rule(build, line, place.pending or ()))
    place.pending = ()


DIRECTIVES = (
    Directive(
        "RewriteEngine", Shape.FLAG, OR_FILEINFO, rewrite_engine,
        "On or Off to enable or disable (default) the whole rewriting engine",
    ),
    Directive("RewriteOptions", Shape.ITERATE, OR_FILEINFO, rewrite_options, "List of option strings to set"),
    Directive("RewriteBase", Shape.TAKE1, OR_FILEINFO, rewrite_base, "the base URL of the per-directory context"),
    Directive(
        "RewriteCond", Shape.RAW_ARGS, OR_FILEINFO, rewrite_condition,
        "an input string and a to be applied regexp-pattern",
    ),
    Directive(
        "RewriteRule", Shape.RAW_ARGS, OR_FILEINFO, rewrite_rule,
        "an URL-applied regexp-pattern and a substitution URL",
    ),
    Directive("RewriteMap", Shape.TAKE23, RSRC_CONF, rewrite_map, "a mapname and a filename and options"),
)  # fmt: skip
