"""RewriteRule as compiled.

A `Rule` belongs to the configuration and never changes; it holds the conditions before it and a template for each text
that is expanded per request.
"""

from __future__ import annotations

from mpmserver.config.build import Build
from mpmserver.config.errors import ConfigError
from mpmserver.config.regex import Regex
from mpmserver.modules.rewrite.arguments import FlagError, split_arguments
from mpmserver.modules.rewrite.conditions import RewriteCondition
from mpmserver.modules.rewrite.flags import ConditionFlag, Flag, rule_flags
from mpmserver.modules.rewrite.substitution import NO_MAPS, Template, backreference_escape
from mpmserver.modules.rewrite.uris import Absolute, absolute
from mpmserver.records import dataclass, field


@dataclass(slots=True, eq=False)
class Rule:
    """One RewriteRule with the conditions before it."""

    pattern: str
    """As written, without the exclamation mark."""
    regex: Regex
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
    scheme: Absolute | None = field(init=False)
    """What every result of it begins with, where that is known."""
    all_conditions: bool = field(init=False)
    """Whether its conditions are asked one after the other until one does not hold, and none waits or hides a field."""
    does_more: bool = field(init=False)
    """Whether it sets variables or cookies, or forces a type or a handler."""
    waits: bool = field(init=False)
    """Whether, apart from maps, something in it has to be waited for."""
    is_async: bool = field(init=False)
    """Whether something in it has to be waited for, if its maps are of such a kind."""
    is_plain: bool = field(init=False)
    """Whether nothing in it has to be waited for, and it does no more."""
    sends_away: bool = field(init=False)
    """Whether it is plain, the last one where it matches, and sends the client to an absolute URL as it stands."""
    is_pure: bool = field(init=False)
    """Whether, apart from maps, its outcome depends on nothing but the request's head and the files it leads to."""
    maps: frozenset[str] = field(init=False)
    """The names of the maps that it asks."""

    def __post_init__(self) -> None:
        flags, output = self.flags, self.output
        self.negated = bool(flags & Flag.NOT_MATCH)
        self.chained = bool(flags & Flag.CHAIN)
        self.main_only = bool(flags & _OF_MAIN_REQUESTS)
        self.keeps_slashes = bool(flags & Flag.UNC or (output is not None and output.text.startswith("//")))
        self.scheme = None if output is None else absolute(output.beginning)
        self.does_more = bool(self.variables or self.cookies or self.mime_type or self.handler)
        self.waits = False
        self.is_pure = not self.cookies
        self.maps = NO_MAPS
        for text in (output, self.mime_type, self.handler, *self.variables, *self.cookies):
            if text is not None:
                self._uses(text)
        for condition in self.conditions:
            self.waits = self.waits or condition.test.is_async
            self.is_pure = self.is_pure and condition.test.is_pure
            if condition.text is not None:
                self._uses(condition.text)
        self.is_async = self.waits or bool(self.maps)
        self.is_plain = not self.is_async and not self.does_more
        self.sends_away = (
            self.is_plain and self.scheme is not None and self.scheme.has_query and flags & _AWAY == _AWAY
            and not flags & ~_AWAY & ~_OF_NO_CONCERN and not self.skip
        )  # fmt: skip
        self.all_conditions = not self.is_async and not any(each.flags & _JOINED for each in self.conditions)

    def _uses(self, text: Template) -> None:
        self.waits = self.waits or text.waits
        self.is_pure = self.is_pure and text.is_pure
        if text.maps:
            self.maps |= text.maps

    @property
    def prefix(self) -> str:
        """What every path begins with that it may match, "" where nothing is known."""
        return "" if self.negated else getattr(self.regex, "prefix", "")


_JOINED = ConditionFlag.OR_NEXT | ConditionFlag.NO_VARY
_AWAY = Flag.FORCE_REDIRECT | Flag.LAST
_OF_NO_CONCERN = (
    Flag.NO_CASE | Flag.NOT_MATCH | Flag.ESCAPE_BACKREFERENCES | Flag.ESCAPE_CONTROLS | Flag.ESCAPE_NO_PLUS
)  # fmt: skip
_OF_MAIN_REQUESTS = Flag.IGNORE_ON_SUBREQUEST | Flag.FORCE_REDIRECT


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
    output, bits = _output(arguments.second, flags.bits)
    if pattern.startswith("!"):
        bits |= Flag.NOT_MATCH
        pattern = pattern[1:]
    try:
        regex = build.regex(pattern, "i" if bits & Flag.NO_CASE else "")
    except ConfigError:
        build.fail(f"RewriteRule: cannot compile regular expression '{pattern}'")
    escape = backreference_escape(flags)
    return Rule(
        pattern=pattern,
        regex=regex,
        flags=bits,
        conditions=conditions,
        output=None if bits & Flag.NO_SUBSTITUTION else Template(output, escape),
        status=flags.status,
        skip=flags.skip,
        rounds=flags.rounds,
        variables=tuple(map(Template, flags.variables)),
        cookies=tuple(map(Template, flags.cookies)),
        mime_type=None if flags.mime_type is None else Template(flags.mime_type, escape),
        handler=None if flags.handler is None else Template(flags.handler, escape),
    )


def _output(text: str, bits: int) -> tuple[str, int]:
    """The substitution without a question mark at its end, which means: no query; and the flags with what it adds."""
    if text == "-":
        bits |= Flag.NO_SUBSTITUTION
    elif text.endswith("?") and not bits & Flag.QS_APPEND:
        return text[:-1], bits | Flag.QS_NONE
    elif bits & Flag.QS_DISCARD and "?" not in text:
        bits |= Flag.QS_NONE
    return text, bits
