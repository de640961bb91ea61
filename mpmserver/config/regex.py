"""PCRE2's regular expressions, as Apache uses them, translated to Python's ``re``.

The pattern is read once, construct by construct, and written anew so that nothing is left to chance: each
character that is meant literally is escaped, ``.``, ``^``, ``$`` and ``\\s`` are written out for the options in
force at their place, and options that change in mid-pattern become scopes. What Python cannot do (recursion, verbs,
``\\K``, Unicode properties, ...) raises a ConfigError that names the construct: nothing is read in another sense.

Options are PCRE's letters: ``i`` caseless, ``m`` multi-line, ``s`` dot matches all, ``x`` extended, ``n`` no
auto-capture, ``U`` ungreedy, and ``D``, dollar matches at the very end only. Apache sets ``s`` and ``D`` unless
RegexDefaultOptions says otherwise. Letters are ASCII letters, as in PCRE without UTF.
"""

from __future__ import annotations

import re
from typing import NoReturn

from mpmserver.config.bracket import read_bracket, read_code
from mpmserver.config.charclass import character, type_members
from mpmserver.config.errors import ConfigError

APACHE_OPTIONS = "sD"
"""RegexDefaultOptions' default: DOTALL and DOLLAR_ENDONLY."""

MAX_REPEAT = 65535
MAX_NESTING = 100

_INLINE_OPTIONS = frozenset("imnsxU")
_LETTERS_OF_FLAGS = {re.IGNORECASE: "i", re.MULTILINE: "m", re.DOTALL: "s", re.VERBOSE: "x"}
_EXTENDED_SPACE = " \t\n\v\f\r"
_QUANTIFIER = re.compile(r"[*+?]|\{[0-9]+(?:,[0-9]*)?\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,31}")
_OPTIONS = re.compile(r"\?(\^?)([A-Za-z]*)(?:-([A-Za-z]*))?([:)])")
_UNSUPPORTED_ESCAPES = {
    "G": "the match start \\G",
    "K": "the match reset \\K",
    "P": "the Unicode property \\P",
    "X": "the grapheme cluster \\X",
    "p": "the Unicode property \\p",
}


def compile_pcre(
    pattern: str, flags: str | int = "", *, defaults: str = APACHE_OPTIONS
) -> re.Pattern[str]:
    """``pattern`` compiled with the options ``flags`` (letters, or ``re``'s flags) on top of ``defaults``.

    Raises ConfigError with the reason, without an origin.
    """
    letters = flags if isinstance(flags, str) else _letters(flags)
    translated, caseless = _Translator(pattern, frozenset(letters + defaults)).run()
    try:
        return re.compile(translated, re.ASCII | re.DOTALL | (re.IGNORECASE if caseless else re.NOFLAG))
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"the regular expression '{pattern}' has no equal in Python: {error}") from error


def _letters(flags: int) -> str:
    return "".join(letter for flag, letter in _LETTERS_OF_FLAGS.items() if flags & flag)


_ESCAPES = {
    "A": (r"\A", False),
    "B": (r"(?!\b)", False),
    "C": (".", True),
    "D": (r"\D", True),
    "N": (r"[^\n]", True),
    "R": (r"(?>\r\n|[\n-\r\x85])", True),
    "S": (r"\S", True),
    "W": (r"\W", True),
    "Z": (r"(?=\n?\Z)", False),
    "b": (r"\b", False),
    "d": (r"\d", True),
    "s": (r"\s", True),
    "w": (r"\w", True),
    "z": (r"\Z", False),
}
"""What an escape becomes, and whether it may be repeated."""

_GROUPS = (
    ("(?:", "(?:"),
    ("(?>", "(?>"),
    ("(?=", "(?="),
    ("(?!", "(?!"),
)
_UNSUPPORTED_GROUPS = (
    (re.compile(r"\(\*"), "the verb (*...)"),
    (re.compile(r"\(\?\|"), "the branch reset group (?|...)"),
    (re.compile(r"\(\?C"), "the callout (?C)"),
    (re.compile(r"\(\?(?:R|[0-9]|[+-][0-9]|&|P>)"), "recursion"),
    (re.compile(r"\(\?<?\*"), "the non-atomic assertion"),
)


class _Translator:
    """One pass over one pattern: recursive descent, writing Python's form as it goes."""

    __slots__ = ("_caseless", "_depth", "_groups", "_options", "_pattern", "_position", "_quoting")

    def __init__(self, pattern: str, options: frozenset[str]) -> None:
        self._pattern = pattern
        self._position = 0
        self._options = options
        self._groups = 0
        self._depth = 0
        self._quoting = False
        """Between \\Q and \\E."""
        self._caseless = False

    def run(self) -> tuple[str, bool]:
        """The translation, and whether it is to be compiled caseless."""
        while match := _OPTIONS.match(self._pattern, self._position + 1):
            if not self._at("(") or match[4] != ")" or not _INLINE_OPTIONS.issuperset(match[2] + (match[3] or "")):
                break
            self._set_options(match)
        self._caseless = "i" in self._options
        branches = self._branches()
        if self._position < len(self._pattern):
            self._fail("unmatched closing parenthesis")
        return "|".join(branches), self._caseless

    # Sequences and repetition

    def _branches(self) -> list[str]:
        """The alternatives up to the end of the group or pattern."""
        branches = [""]
        while self._skip():
            if self._quoting:
                branches[-1] += self._repeated(self._take(), True, literal=True)
            elif self._at(")"):
                break
            elif self._at("|"):
                self._position += 1
                branches.append("")
            else:
                branches[-1] += self._repeated(*self._item())
        return branches

    def _skip(self) -> bool:
        """Passes over what stands for nothing; False at the end of the pattern."""
        while self._position < len(self._pattern):
            if self._at("\\E"):
                self._position += 2
                self._quoting = False
            elif self._quoting:
                return True
            elif self._at("\\Q"):
                self._position += 2
                self._quoting = True
            elif self._at("(?#"):
                self._position = self._find(")", "missing ) after (?# comment")
            elif "x" in self._options and self._pattern[self._position] in _EXTENDED_SPACE:
                self._position += 1
            elif "x" in self._options and self._at("#"):
                end = self._pattern.find("\n", self._position)
                self._position = len(self._pattern) if end < 0 else end + 1
            else:
                return True
        return False

    def _repeated(self, text: str, repeatable: bool, *, literal: bool = False) -> str:
        """``text`` with the quantifier that follows it, if there is one."""
        if literal:
            text = self._cased(character(ord(text)))
        if not self._skip() or self._quoting:
            return text
        match = _QUANTIFIER.match(self._pattern, self._position)
        if match is None:
            return text
        if not repeatable:
            self._fail("quantifier does not follow a repeatable item")
        self._position = match.end()
        return f"{text}{self._quantifier(match[0])}"

    def _quantifier(self, quantifier: str) -> str:
        """The quantifier and its greediness."""
        bounds = [int(bound) for bound in re.findall(r"[0-9]+", quantifier)]
        if any(bound > MAX_REPEAT for bound in bounds):
            self._fail("number too big in {} quantifier")
        if bounds != sorted(bounds):
            self._fail("numbers out of order in {} quantifier")
        if self._at("+"):
            self._position += 1
            return f"{quantifier}+"
        lazy = self._at("?")
        self._position += lazy
        return quantifier + ("?" if lazy is not ("U" in self._options) else "")

    # Items

    def _item(self) -> tuple[str, bool]:
        """The next item, and whether it may be repeated."""
        character_here = self._pattern[self._position]
        if character_here == "(":
            return self._group()
        if character_here == "[":
            text, self._position = read_bracket(
                self._pattern, self._position, caseless="i" in self._options, extended="X" in self._options
            )
            return self._cased(text), True
        if character_here == "\\":
            return self._escape()
        if _QUANTIFIER.match(self._pattern, self._position):
            self._fail("quantifier does not follow a repeatable item")
        self._position += 1
        if character_here == ".":
            return ("." if "s" in self._options else r"[^\n]"), True
        if character_here == "^":
            return (r"(?:\A|(?<=\n)(?!\Z))" if "m" in self._options else r"\A"), False
        if character_here == "$":
            return self._dollar(), False
        return self._cased(character(ord(character_here))), True

    def _dollar(self) -> str:
        if "m" in self._options:
            return r"(?=\n|\Z)"
        return r"\Z" if "D" in self._options else r"(?=\n?\Z)"

    def _cased(self, text: str) -> str:
        """``text`` so that case counts as the options say here."""
        caseless = "i" in self._options
        if caseless is self._caseless:
            return text
        return f"(?i:{text})" if caseless else f"(?-i:{text})"

    # Groups

    def _group(self) -> tuple[str, bool]:
        for unsupported, construct in _UNSUPPORTED_GROUPS:
            if unsupported.match(self._pattern, self._position):
                self._fail(f"{construct} is not supported")
        for start, translated in _GROUPS:
            if self._at(start):
                return self._body(len(start), translated), True
        if self._at("(?<=") or self._at("(?<!"):
            return self._lookbehind(), True
        if self._at("(?P="):
            return self._named_reference(4, ")"), True
        for start, end in (("(?P<", ">"), ("(?<", ">"), ("(?'", "'")):
            if self._at(start):
                return self._named(start, end), True
        if self._at("(?("):
            return self._conditional(), True
        if self._at("(?"):
            return self._optioned()
        if "n" in self._options:
            return self._body(1, "(?:"), True
        self._groups += 1
        return self._body(1, "("), True

    def _body(self, skipped: int, translated: str) -> str:
        self._position += skipped
        return f"{translated}{'|'.join(self._inside())})"

    def _inside(self) -> list[str]:
        """The alternatives of a group whose start was taken, and its end; options changed inside end with it."""
        outside = self._options
        self._depth += 1
        if self._depth > MAX_NESTING:
            self._fail("parentheses are too deeply nested")
        branches = self._branches()
        if not self._at(")"):
            self._fail("missing closing parenthesis")
        self._position += 1
        self._depth -= 1
        self._options = outside
        return branches

    def _lookbehind(self) -> str:
        """Each alternative has a length of its own in PCRE; Python wants one length for the whole assertion."""
        start = self._pattern[self._position : self._position + 4]
        self._position += 4
        branches = self._inside()
        separator = "|" if start == "(?<=" else ""
        return f"(?:{separator.join(f'{start}{branch})' for branch in branches)})"

    def _named(self, start: str, end: str) -> str:
        self._position += len(start)
        name = self._name(end)
        self._groups += 1
        return self._body(0, f"(?P<{name}>")

    def _conditional(self) -> str:
        match = re.compile(r"\(\?\((?:([0-9]+)|<(\w+)>|'(\w+)'|(\w+))\)").match(self._pattern, self._position)
        if match is None or match[4] == "DEFINE" or re.fullmatch("R[0-9]*", match[4] or ""):
            self._fail("a condition other than whether a group has matched is not supported")
        self._position = match.end()
        branches = self._inside()
        if len(branches) > 2:
            self._fail("conditional subpattern contains more than two branches")
        return f"(?({match[1] or match[2] or match[3] or match[4]}){'|'.join(branches)})"

    def _optioned(self) -> tuple[str, bool]:
        match = _OPTIONS.match(self._pattern, self._position + 1)
        if match is None:
            self._fail("unrecognized character after (? or (?-")
        outside = self._options
        self._set_options(match)
        if match[4] == ")":
            return "", False
        text = self._body(0, "(?:")
        self._options = outside
        return text, True

    def _set_options(self, match: re.Match[str]) -> None:
        """Takes ``(?^imnsx-imnsx)`` or the beginning of such a group."""
        on, off = match[2], match[3] or ""
        if match[1] and match[3] is not None:
            self._fail("invalid hyphen in option setting")
        for letter in on + off:
            if letter not in _INLINE_OPTIONS:
                self._fail(f"the option (?{letter}) is not supported")
        options = self._options - set("imnsxX") if match[1] else self._options
        options = (options | set(on)) - set(off)
        # xx also ignores spaces inside brackets; X stands for that here.
        if "x" in on:
            options = options | {"X"} if "xx" in on else options - {"X"}
        self._options = options - {"X"} if "x" in off else options
        self._position = match.end()

    # Escapes

    def _escape(self) -> tuple[str, bool]:
        letter = self._pattern[self._position + 1 : self._position + 2]
        if letter == "":
            self._fail("\\ at end of pattern")
        if letter in _UNSUPPORTED_ESCAPES:
            self._fail(f"{_UNSUPPORTED_ESCAPES[letter]} is not supported")
        if letter == "N" and self._at("\\N{") and not _QUANTIFIER.match(self._pattern, self._position + 2):
            self._fail("the named character \\N{...} is not supported")
        if letter in "gk":
            return self._reference(letter), True
        if letter in "123456789" and (number := self._backreference()):
            return self._cased(f"(?:\\{number})"), True
        if letter in _ESCAPES:
            self._position += 2
            return _ESCAPES[letter]
        if (inside := type_members(letter)) is not None:
            self._position += 2
            return f"[{inside}]", True
        code, self._position = read_code(self._pattern, self._position)
        return self._cased(character(code)), True

    def _backreference(self) -> int | None:
        """The group that ``\\digits`` refers to; None where they are an octal code."""
        digits = re.compile("[0-9]+").match(self._pattern, self._position + 1)
        assert digits is not None
        number = int(digits[0])
        if number >= 10 and digits[0][0] not in "89" and number > self._groups:
            return None
        self._position = digits.end()
        return number

    def _reference(self, letter: str) -> str:
        """``\\g`` and ``\\k``."""
        if letter == "g" and self._pattern[self._position + 2 : self._position + 3] in ("<", "'"):
            self._fail("recursion is not supported")
        match = re.compile(r"\\g(?:\{([+-]?[0-9]+)\}|([+-]?[0-9]+))").match(self._pattern, self._position)
        if match is not None:
            self._position = match.end()
            return self._cased(f"(?:\\{self._absolute(match[1] or match[2])})")
        pairs = {"{": "}"} if letter == "g" else {"{": "}", "<": ">", "'": "'"}
        end = pairs.get(self._pattern[self._position + 2 : self._position + 3])
        if end is None:
            self._fail(f"\\{letter} is not followed by a group's name or number")
        return self._named_reference(3, end)

    def _absolute(self, number: str) -> int:
        """The number of a group that may be given relative to here."""
        if number[0] == "-":
            absolute = self._groups + 1 - int(number[1:])
        else:
            absolute = int(number) + (self._groups if number[0] == "+" else 0)
        if absolute < 1:
            self._fail("reference to non-existent subpattern")
        return absolute

    def _named_reference(self, skipped: int, end: str) -> str:
        self._position += skipped
        return self._cased(f"(?P={self._name(end)})")

    def _name(self, end: str) -> str:
        match = _NAME.match(self._pattern, self._position)
        if match is None or not self._pattern.startswith(end, match.end()):
            self._fail("a group's name is missing, malformed, too long or not ended")
        self._position = match.end() + len(end)
        return match[0]

    # Help

    def _at(self, text: str) -> bool:
        return self._pattern.startswith(text, self._position)

    def _take(self) -> str:
        self._position += 1
        return self._pattern[self._position - 1]

    def _find(self, text: str, complaint: str) -> int:
        found = self._pattern.find(text, self._position)
        if found < 0:
            self._fail(complaint)
        return found + len(text)

    def _fail(self, message: str) -> NoReturn:
        raise ConfigError(f"{message} (at offset {self._position} of the regular expression '{self._pattern}')")
