"""RewriteCond: a text and what is asked of it.

A `RewriteCondition` is made when the configuration is read; its `Test` is chosen by what the pattern begins with: a
test of files or URLs (`-f`, `-U`), a comparison of numbers (`-ge 5`) or texts (`<=b`), an expression (where the text
is `expr`), else a regular expression.
"""

from __future__ import annotations

import operator
import os
import stat
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from mpmserver.config.build import Build
from mpmserver.config.errors import ConfigError
from mpmserver.config.numbers import atoi
from mpmserver.config.regex import Regex
from mpmserver.core.expr import Captures, Condition, compile_condition
from mpmserver.core.subrequest import lookup_file, lookup_uri
from mpmserver.http.text import path_octets
from mpmserver.modules.rewrite.arguments import FlagError, split_arguments
from mpmserver.modules.rewrite.flags import ConditionFlag, condition_flags
from mpmserver.modules.rewrite.state import Run
from mpmserver.modules.rewrite.substitution import Template, plain_template
from mpmserver.modules.rewrite.variables import Read, may_look_up

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

Compare = Callable[[Any, Any], bool]


class Test:
    """What is asked of a text."""

    __slots__ = ()

    is_async: bool = False
    is_pure: bool = True

    def holds(self, run: Run, text: str) -> bool:
        """Ask; not where it `is_async`."""
        raise NotImplementedError

    async def holds_async(self, run: Run, text: str) -> bool:
        """Ask, waiting where that is necessary."""
        return self.holds(run, text)


class FileTest(Test):
    """-f, -d, -s, -x, -l: something about the file of this name."""

    __slots__ = ("_check", "_follow")

    def __init__(self, check: Callable[[os.stat_result], bool], follow: bool = True) -> None:
        self._check = check
        self._follow = follow

    def holds(self, run: Run, text: str) -> bool:
        files = run.x.files
        try:
            return self._check(files.stat(text) if self._follow else files.lstat(text))
        except (OSError, ValueError):
            return False


class NumberTest(Test):
    """-eq, -lt and the like: both sides are the numbers that they begin with."""

    __slots__ = ("_compare", "_number")

    def __init__(self, compare: Compare, pattern: str) -> None:
        self._compare = compare
        self._number = atoi(pattern)

    def holds(self, run: Run, text: str) -> bool:
        return self._compare(atoi(text), self._number)


class TextTest(Test):
    """=, <, >, <=, >=: byte by byte; a shorter text is less than a longer one, unless case is ignored."""

    __slots__ = ("_compare", "_fold", "_pattern")

    def __init__(self, compare: Compare, pattern: str, ignore_case: bool) -> None:
        self._compare = compare
        self._fold = ignore_case
        self._pattern = self._key(pattern)

    def holds(self, run: Run, text: str) -> bool:
        return self._compare(self._key(text), self._pattern)

    def _key(self, text: str) -> tuple[int, bytes]:
        octets = os.fsencode(text)
        return (0, octets.lower()) if self._fold else (len(octets), octets)


class RegexTest(Test):
    """A regular expression; what its groups found is kept for %1 to %9, unless it was not to match."""

    __slots__ = ("_keeps", "_regex")

    def __init__(self, regex: Regex, keeps: bool) -> None:
        self._regex = regex
        self._keeps = keeps

    def holds(self, run: Run, text: str) -> bool:
        match = self._regex.search(text)
        if match is None:
            return False
        if self._keeps:
            run.condition_match = match
        return True


class ExpressionTest(Test):
    """expr: an expression, whose own last match gives %1 to %9."""

    __slots__ = ("_condition", "_keeps", "is_async", "is_pure")

    def __init__(self, condition: Condition, keeps: bool) -> None:
        self._condition = condition
        self._keeps = keeps
        self.is_async = condition.is_async
        self.is_pure = condition.is_pure

    def holds(self, run: Run, text: str) -> bool:
        captures = Captures()
        return self._finish(run, captures, self._condition.evaluate(run.x, captures))

    async def holds_async(self, run: Run, text: str) -> bool:
        captures = Captures()
        return self._finish(run, captures, await self._condition.evaluate_async(run.x, captures))

    def _finish(self, run: Run, captures: Captures, outcome: tuple[bool, str | None]) -> bool:
        value, failure = outcome
        if failure is not None:
            if run.tracing:
                run.trace(1, f"RewriteCond: expr='{self._condition.text}' evaluation failed: {failure}")
            return False
        if value and self._keeps:
            run.condition_match = captures.match
        return value


class UrlTest(Test):
    """-U: a URL of this server that could be answered. -F: a file that could be sent."""

    __slots__ = ("_by_file",)

    is_async = True
    is_pure = False

    def __init__(self, by_file: bool) -> None:
        self._by_file = by_file

    async def holds_async(self, run: Run, text: str) -> bool:
        x = run.x
        if not text or not may_look_up(x):
            return False
        return await (self._file(run, x, text) if self._by_file else self._url(run, x, text))

    async def _url(self, run: Run, x: Exchange, text: str) -> bool:
        sub = await lookup_uri(x, path_octets(text))
        if run.tracing:
            run.trace_request(5, f"RewriteCond URI (-U check: path={text} -> status={sub.status}")
        return sub.status < 400

    async def _file(self, run: Run, x: Exchange, text: str) -> bool:
        sub = await lookup_file(x, text)
        filename = sub.filename or ""
        if run.tracing:
            run.trace_request(5, f"RewriteCond file (-F check: path={text} -> file={filename} status={sub.status}")
        return sub.status < 300 and os.path.exists(filename)


_FILE_TESTS: Final[dict[str, Callable[[], Test]]] = {
    "-f": lambda: FileTest(lambda status: stat.S_ISREG(status.st_mode)),
    "-s": lambda: FileTest(lambda status: stat.S_ISREG(status.st_mode) and status.st_size > 0),
    "-d": lambda: FileTest(lambda status: stat.S_ISDIR(status.st_mode)),
    "-x": lambda: FileTest(lambda status: bool(status.st_mode & 0o111)),
    "-l": lambda: FileTest(lambda status: stat.S_ISLNK(status.st_mode), follow=False),
    "-L": lambda: FileTest(lambda status: stat.S_ISLNK(status.st_mode), follow=False),
    "-h": lambda: FileTest(lambda status: stat.S_ISLNK(status.st_mode), follow=False),
    "-U": lambda: UrlTest(by_file=False),
    "-F": lambda: UrlTest(by_file=True),
}
_NUMBER_TESTS: Final[dict[str, Compare]] = {
    "-lt": operator.lt, "-le": operator.le, "-eq": operator.eq, "-ge": operator.ge, "-gt": operator.gt,
    "-ne": operator.ne,
}  # fmt: skip
_OPERATOR = 3
"""The length of these; alone they are regular expressions."""
_TEXT_TESTS: Final[dict[str, Compare]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "=": operator.eq,
}  # fmt: skip
_OF_TEXT_TESTS: Final = frozenset("<>=")


class RewriteCondition:
    """One RewriteCond. It belongs to the configuration and never changes; equal ones may be one object."""

    __slots__ = ("_ask", "_say", "flags", "is_async", "negated", "pattern", "test", "text")

    def __init__(self, text: Template | None, pattern: str, test: Test, flags: int, negated: bool) -> None:
        self.text = text
        """None for `expr`."""
        self.pattern = pattern
        """As written, for the trace."""
        self.test = test
        self.flags = flags
        self.negated = negated
        self.is_async = test.is_async or (text is not None and text.is_async)
        """Whether only `holds_async` may be used: it may have to wait, or it asks a map."""
        self._say: Read = _nothing if text is None else text.reader()
        self._ask = test.holds

    def holds(self, run: Run) -> bool:
        """Whether it is fulfilled."""
        text = self._say(run)
        held = self._ask(run, text) is not self.negated
        if run.tracing:
            self._tell(run, text, held)
        return held

    async def holds_async(self, run: Run) -> bool:
        """Whether it is fulfilled; suspends only where it has to wait."""
        text = "" if self.text is None else await self.text.expand_async(run)
        held = await self.test.holds_async(run, text) is not self.negated
        if run.tracing:
            self._tell(run, text, held)
        return held

    def _tell(self, run: Run, text: str, held: bool) -> None:
        shown = "(null)" if self.text is None else text
        case = " [NC]" if self.flags & ConditionFlag.NO_CASE else ""
        matched = "matched" if held else "not-matched"
        run.trace(4, f"RewriteCond: input='{shown}' pattern='{self.pattern}'{case} => {matched}")


def _nothing(run: Run) -> str:
    return ""


def compile_rewrite_condition(build: Build, line: str) -> RewriteCondition:
    """Compile the arguments of a RewriteCond; fails in Apache's words."""
    arguments = split_arguments(line)
    if arguments is None:
        build.fail(f"RewriteCond: bad argument line '{line}'")
    try:
        flags = condition_flags(arguments.flags)
    except FlagError as error:
        build.fail(f"RewriteCond: {error}")
    negated = arguments.second.startswith("!")
    pattern = arguments.second[1:] if negated else arguments.second
    if arguments.first.lower() == "expr":
        flags = _without_case(build, flags, pattern)
        test: Test = _expression(build, pattern, flags, negated)
        return RewriteCondition(None, arguments.second, test, flags, negated)
    special, flags = _special_test(build, pattern, flags)
    if special is not None:
        return RewriteCondition(plain_template(arguments.first), arguments.second, special, flags, negated)
    try:
        regex = build.regex(pattern, "i" if flags & ConditionFlag.NO_CASE else "")
    except ConfigError:
        build.fail(f"RewriteCond: cannot compile regular expression '{pattern}'")
    return _regex_condition(arguments.first, arguments.second, regex, flags, negated)


@lru_cache(maxsize=1024)
def _regex_condition(text: str, pattern: str, regex: Regex, flags: int, negated: bool) -> RewriteCondition:
    return RewriteCondition(plain_template(text), pattern, RegexTest(regex, keeps=not negated), flags, negated)


def _special_test(build: Build, pattern: str, flags: int) -> tuple[Test | None, int]:
    """The test that a pattern begins with, None for a regular expression; numbers and files know no case."""
    if pattern in _FILE_TESTS:
        return _FILE_TESTS[pattern](), _without_case(build, flags, pattern)
    if (numeric := _NUMBER_TESTS.get(pattern[:3])) is not None and len(pattern) > _OPERATOR:
        return NumberTest(numeric, pattern[3:]), _without_case(build, flags, pattern[3:])
    if pattern[:1] not in _OF_TEXT_TESTS:
        return None, flags
    for prefix, compare in _TEXT_TESTS.items():
        if pattern.startswith(prefix) and pattern != prefix:
            rest = "" if prefix == "=" and pattern == '=""' else pattern[len(prefix) :]
            return TextTest(compare, rest, bool(flags & ConditionFlag.NO_CASE)), flags
    return None, flags


def _without_case(build: Build, flags: int, pattern: str) -> int:
    if flags & ConditionFlag.NO_CASE:
        build.warn(
            f"AH00665: RewriteCond: NoCase option for non-regex pattern '{pattern}' is not supported and will be "
            f"ignored. ({build.origin.file}:{build.origin.line})",
            "rewrite",
        )
    return flags & ~ConditionFlag.NO_CASE


def _expression(build: Build, pattern: str, flags: int, negated: bool) -> ExpressionTest:
    try:
        condition = compile_condition(build, pattern, vary=not flags & ConditionFlag.NO_VARY)
    except ConfigError as error:
        where = " in htaccess context" if build.in_htaccess else ""
        build.fail(f'RewriteCond: cannot compile expression{where} "{pattern}" {error.message}')
    return ExpressionTest(condition, keeps=not negated)
