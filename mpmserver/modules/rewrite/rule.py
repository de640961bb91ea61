"""RewriteRule as compiled.

A `Rule` belongs to the configuration and never changes; it holds the conditions before it and a template for each text
that is expanded per request.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from mpmserver.config.build import Build
from mpmserver.config.errors import ConfigError
from mpmserver.config.regex import RegexMatch
from mpmserver.modules.rewrite.arguments import FlagError, split_arguments
from mpmserver.modules.rewrite.conditions import RewriteCondition
from mpmserver.modules.rewrite.flags import Flag, RuleFlags, rule_flags
from mpmserver.modules.rewrite.substitution import Template, backreference_escape


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One RewriteRule with the conditions before it."""

    pattern: str
    """As written, without the exclamation mark."""
    search: Callable[[str], RegexMatch | None]
    flags: int
    conditions: tuple[RewriteCondition, ...]
    output: Template | None
    """None for a rule that substitutes nothing."""
    status: int
    skip: int
    rounds: int
    variables: tuple[Template, ...]
    cookies: tuple[Template, ...]
    mime_type: Template | None
    handler: Template | None

    negated: bool = field(init=False)
    chained: bool = field(init=False)
    """Whether the next rule is passed over where this one does not match."""
    main_only: bool = field(init=False)
    """Whether it is passed over in subrequests."""
    keeps_slashes: bool = field(init=False)
    """Whether slashes at the result's beginning stay as many as they are: UNC, or the rule writes them itself."""
    waits: bool = field(init=False)
    """Whether, apart from maps, something in it has to be waited for."""
    is_pure: bool = field(init=False)
    """Whether, apart from maps, its outcome depends on nothing but the request's head and the files it leads to."""
    maps: frozenset[str] = field(init=False)
    """The names of the maps that it asks."""

    def __post_init__(self) -> None:
        given = (self.output, self.mime_type, self.handler, *self.variables, *self.cookies)
        texts = [text for text in (*given, *(each.text for each in self.conditions)) if text is not None]
        waits = any(text.waits for text in texts) or any(each.test.is_async for each in self.conditions)
        is_pure = not self.cookies and all(text.is_pure for text in texts)
        object.__setattr__(self, "negated", bool(self.flags & Flag.NOT_MATCH))
        object.__setattr__(self, "chained", bool(self.flags & Flag.CHAIN))
        main_only = self.flags & (Flag.IGNORE_ON_SUBREQUEST | Flag.FORCE_REDIRECT)
        object.__setattr__(self, "main_only", bool(main_only))
        keeps = self.flags & Flag.UNC or (self.output is not None and self.output.text.startswith("//"))
        object.__setattr__(self, "keeps_slashes", bool(keeps))
        object.__setattr__(self, "waits", waits)
        object.__setattr__(self, "is_pure", is_pure and all(each.test.is_pure for each in self.conditions))
        object.__setattr__(self, "maps", frozenset().union(*(text.maps for text in texts)))


def compile_rule(build: Build, line: str, conditions: tuple[RewriteCondition, ...]) -> Rule:
    """Compile the arguments of a RewriteRule; fails in Apache's words."""
    arguments = split_arguments(line)
    if arguments is None:
        build.fail(f"RewriteRule: bad argument line '{line}'")
    try:
        flags = rule_flags(arguments.flags)
    except FlagError as error:
        build.fail(f"RewriteRule: {error}")
    pattern = arguments.first
    if pattern.startswith("!"):
        flags.bits |= Flag.NOT_MATCH
        pattern = pattern[1:]
    output = _output(arguments.second, flags)
    try:
        regex = build.regex(pattern, re.IGNORECASE if flags.bits & Flag.NO_CASE else 0)
    except ConfigError:
        build.fail(f"RewriteRule: cannot compile regular expression '{pattern}'")
    escape = backreference_escape(flags)
    return Rule(
        pattern=pattern,
        search=regex.search,
        flags=flags.bits,
        conditions=conditions,
        output=None if flags.bits & Flag.NO_SUBSTITUTION else Template(output, escape),
        status=flags.status,
        skip=flags.skip,
        rounds=flags.rounds,
        variables=tuple(Template(text) for text in flags.variables),
        cookies=tuple(Template(text) for text in flags.cookies),
        mime_type=None if flags.mime_type is None else Template(flags.mime_type, escape),
        handler=None if flags.handler is None else Template(flags.handler, escape),
    )


def _output(text: str, flags: RuleFlags) -> str:
    """The substitution without a question mark at its end, which means: no query."""
    if text == "-":
        flags.bits |= Flag.NO_SUBSTITUTION
    elif text.endswith("?") and not flags.bits & Flag.QS_APPEND:
        flags.bits |= Flag.QS_NONE
        return text[:-1]
    elif flags.bits & Flag.QS_DISCARD and "?" not in text:
        flags.bits |= Flag.QS_NONE
    return text
