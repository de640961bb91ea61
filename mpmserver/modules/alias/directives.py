"""The directives of mod_alias: their arguments become rules, at configuration time."""

from __future__ import annotations

import re
from collections.abc import Callable

from mpmserver.config.build import Build
from mpmserver.config.directive import ACCESS_CONF, OR_FILEINFO, RSRC_CONF, Directive, Shape
from mpmserver.config.errors import ConfigError
from mpmserver.config.paths import server_relative
from mpmserver.config.pregsub import Substitution
from mpmserver.config.regex import Regex
from mpmserver.config.settings import Settings, is_set
from mpmserver.core.expr import StringExpression, compile_string
from mpmserver.modules.alias.rules import LocationAlias, LocationRedirect, Rule, prefix_pattern
from mpmserver.modules.alias.settings import AliasDir, AliasServer
from mpmserver.modules.alias.target import escape_target, is_url

STATUS_WORDS = {"permanent": 301, "temp": 302, "seeother": 303, "gone": 410}
_LEADING_NUMBER = re.compile("[0-9]+")
CGI = "cgi-script"


def alias(handler: str | None) -> Callable[..., None]:
    """Alias and ScriptAlias, with URL-path or (in <Location>) without."""

    def apply(build: Build, fake: str, real: str | None = None) -> None:
        if real is None:
            _location_alias(build, fake, handler)
            return
        if build.in_section:
            build.fail(f"{build.name} cannot occur within directory context")
        server = build.server(AliasServer)
        _warn_of_overlap(build, fake, server)
        server.append("aliases", Rule(fake, real, prefix_pattern(fake), handler=handler))

    return apply


def _location_alias(build: Build, path: str, handler: str | None) -> None:
    build.forbid_within("<Directory", "<DirectoryMatch", "<Files", "<FilesMatch", "<If", "<ElseIf", "<Else")
    if not build.in_section:
        build.fail("Alias must have two arguments when used globally")
    fake = build.section.pattern
    expression = _expression(build, "alias", path)
    fixed = None
    if expression.constant is not None:
        fixed = server_relative(build.configuration.server_root, expression.constant)
    build.dir(AliasDir).alias = LocationAlias(expression, fixed, fake, prefix_pattern(fake), handler)


def _warn_of_overlap(build: Build, fake: str, server: AliasServer) -> None:
    for rule in server.aliases if is_set(server.aliases) else ():
        if rule.pattern.search(fake) is not None:
            earlier = f"{'Script' if rule.handler else ''}Alias{'Match' if rule.is_match else ''}"
            build.warn(
                f"AH00671: The {build.name} directive in {build.origin.file} at line {build.origin.line} will "
                f"probably never match because it overlaps an earlier {earlier}."
            )
            return


def alias_match(handler: str | None) -> Callable[..., None]:
    """AliasMatch and ScriptAliasMatch."""

    def apply(build: Build, regex: str, real: str) -> None:
        rule = Rule(regex, real, _compiled(build, regex), True, handler, substitution=Substitution(real))
        build.server(AliasServer).append("aliases", rule)

    return apply


def redirect(default: int, is_match: bool = False) -> Callable[..., None]:
    """Redirect and its relatives: an optional status, an optional URL-path, the URL where the status needs one."""

    def apply(build: Build, *arguments: str) -> None:
        found = _status(arguments[0])
        status, fake, url = _arguments(build, found, default, arguments)
        _check_url(build, status, fake, url, is_match)
        if fake is None:
            build.dir(AliasDir).redirect = _location_redirect(build, status, url)
            return
        pattern = _compiled(build, fake) if is_match else prefix_pattern(fake)
        replacement = Substitution(url) if is_match and url is not None else None
        rule = Rule(fake, url, pattern, is_match, status=status, substitution=replacement)
        place: Settings = build.dir(AliasDir) if build.in_section else build.server(AliasServer)
        place.append("redirects", rule)

    return apply


def _location_redirect(build: Build, status: int, url: str | None) -> LocationRedirect:
    if url is None:
        return LocationRedirect(status, None, "")
    target = _expression(build, "redirect", url)
    return LocationRedirect(status, target, None if target.constant is None else escape_target(target.constant))


def _status(word: str) -> int | None:
    """The status that a first argument names, None where it is no status."""
    number = _LEADING_NUMBER.match(word)
    return int(number[0]) if number else STATUS_WORDS.get(word.lower())


def _arguments(
    build: Build, found: int | None, default: int, arguments: tuple[str, ...]
) -> tuple[int, str | None, str | None]:
    """Return status, URL-path (None for "all of this section") and URL (None for none)."""
    status = default if found is None else found
    if len(arguments) == 3:
        if found is None:
            build.fail("Redirect: invalid first argument (of three)")
        return status, arguments[1], arguments[2]
    if len(arguments) == 2 and found is None:
        return status, arguments[0], arguments[1]
    if found is not None and (len(arguments) == 1 or not _is_redirect(found)):
        return status, arguments[1] if len(arguments) == 2 else None, None
    if not build.in_section:
        build.fail("URL to redirect to is missing")
    return status, None, arguments[-1]


def _check_url(build: Build, status: int, fake: str | None, url: str | None, is_match: bool) -> None:
    if not _is_redirect(status):
        if url is not None:
            build.fail("Redirect URL not valid for this status")
    elif url is None:
        build.fail("URL to redirect to is missing")
    elif fake is not None and not is_match and not url.startswith("/") and not is_url(url):
        build.fail("Redirect to non-URL")


def _is_redirect(status: int) -> bool:
    return 300 <= status < 400


def _compiled(build: Build, regex: str) -> Regex:
    try:
        return build.regex(regex)
    except ConfigError:
        build.fail("Regular expression could not be compiled.")


def _expression(build: Build, what: str, text: str) -> StringExpression:
    try:
        return compile_string(build, text)
    except ConfigError as error:
        build.fail(f"Cannot parse {what} expression '{text}': {error.message}")


def redirect_relative(build: Build, on: bool) -> None:
    build.dir(AliasDir).redirect_relative = on


def alias_preserve_path(build: Build, on: bool) -> None:
    build.dir(AliasDir).alias_preserve_path = on


_ALIAS = "a fakename and a realname, or a realname in a Location"
_MATCH = "a regular expression and a filename"
_DOCUMENT = "a document to be redirected, then the destination URL"

DIRECTIVES = (
    Directive("Alias", Shape.TAKE12, RSRC_CONF | ACCESS_CONF, alias(None), _ALIAS),
    Directive("ScriptAlias", Shape.TAKE12, RSRC_CONF | ACCESS_CONF, alias(CGI), _ALIAS),
    Directive(
        "Redirect", Shape.TAKE123, OR_FILEINFO, redirect(302),
        "an optional status, then document to be redirected and destination URL",
    ),
    Directive("AliasMatch", Shape.TAKE2, RSRC_CONF, alias_match(None), _MATCH),
    Directive("ScriptAliasMatch", Shape.TAKE2, RSRC_CONF, alias_match(CGI), _MATCH),
    Directive(
        "RedirectMatch", Shape.TAKE23, OR_FILEINFO, redirect(302, is_match=True),
        "an optional status, then a regular expression and destination URL",
    ),
    Directive("RedirectTemp", Shape.TAKE2, OR_FILEINFO, redirect(302), _DOCUMENT),
    Directive("RedirectPermanent", Shape.TAKE2, OR_FILEINFO, redirect(301), _DOCUMENT),
    Directive(
        "RedirectRelative", Shape.FLAG, OR_FILEINFO, redirect_relative,
        "Set to ON to allow relative redirect targets to be issued as-is",
    ),
    Directive(
        "AliasPreservePath", Shape.FLAG, OR_FILEINFO, alias_preserve_path,
        "Set to ON to map the full path after the fakename to the realname.",
    ),
)  # fmt: skip
