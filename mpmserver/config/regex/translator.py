"""PCRE2's regular expressions translated to Python's ``re``, with a tree of what they may cost.

The pattern is read once, construct by construct, and written anew so that nothing is left to chance: each
character that is meant literally is escaped, ``.``, ``^``, ``$`` and ``\\s`` are written out for the options in
force at their place, and options that change in mid-pattern become scopes. What Python cannot do (recursion, verbs,
``\\K``, Unicode properties, ...) raises a ConfigError that names the construct: nothing is read in another sense.

Options are PCRE's letters: ``i`` caseless, ``m`` multi-line, ``s`` dot matches all, ``x`` extended, ``n`` no
auto-capture, ``U`` ungreedy, and ``D``, dollar matches at the very end only. Letters are ASCII letters, as in PCRE
without UTF, and a character of the pattern stands for one octet.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mpmserver.config.bracket import read_bracket, read_code
from mpmserver.config.charclass import character, members, octets, type_ranges
from mpmserver.config.regex.cost import Chain, Choice, Group, Octet, Reference, Repeat, Text, Tree
from mpmserver.config.regex.items import (
    ANY,
    BEFORE_LINE_END,
    CASELESS_MASKS,
    ESCAPES,
    MASKS,
    NO_BOUNDARY,
    NOTHING,
    START,
    WORD_BOUNDARY,
    Item,
)
from mpmserver.config.regex.scanner import Scanner
from mpmserver.records import dataclass

MAX_REPEAT = 65535
MAX_NESTING = 100

_INLINE_OPTIONS = frozenset("imnsxU")
_EXTENDED_SPACE = " \t\n\v\f\r"
_MAY_BE_NOTHING = frozenset("\\(#" + _EXTENDED_SPACE)
"""What may begin something that stands for nothing: a comment, white space, a quotation's begin or end."""
_QUANTIFIER = re.compile(r"[*+?]|\{[0-9]+(?:,[0-9]*)?\}")
_COUNTS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_PLAIN = re.compile(r"[A-Za-z0-9/_-]{2,}(?![*+?{\\(])")
"""A run of octets that mean themselves; what comes next can't belong to the last of them."""
_OPTIONS = re.compile(r"\?(\^?)([A-Za-z]*)(?:-([A-Za-z]*))?([:)])")
_UNSUPPORTED_ESCAPES = {
    "G": "the match start \\G",
    "K": "the match reset \\K",
    "P": "the Unicode property \\P",
    "X": "the grapheme cluster \\X",
    "p": "the Unicode property \\p",
}


@dataclass(frozen=True, slots=True)
class Translation:
    """A pattern for Python, whether it is to be compiled caseless, and what it may cost."""

    text: str
    caseless: bool
    tree: Tree


def translate(pattern: str, options: frozenset[str]) -> Translation:
    """Translate ``pattern``; raises ConfigError with the reason, without an origin."""
    return _Translator(pattern, options).run()


_CLOSED_GROUPS = (("(?=", True), ("(?!", True), ("(?>", False))
"""Groups that are never entered again, and whether they only look."""
_UNSUPPORTED_GROUPS = (
    (re.compile(r"\(\*"), "the verb (*...)"),
    (re.compile(r"\(\?\|"), "the branch reset group (?|...)"),
    (re.compile(r"\(\?C"), "the callout (?C)"),
    (re.compile(r"\(\?(?:R|[0-9]|[+-][0-9]|&|P>)"), "recursion"),
    (re.compile(r"\(\?<?\*"), "the non-atomic assertion"),
)


class _Translator(Scanner):
    """One pass over one pattern: recursive descent, writing Python's form as it goes."""

    __slots__ = ("_caseless", "_depth", "_groups", "_options", "_quoting", "_refers")

    def __init__(self, pattern: str, options: frozenset[str]) -> None:
        super().__init__(pattern)
        self._options = options
        self._groups = 0
        self._depth = 0
        self._quoting = False
        """Between \\Q and \\E."""
        self._caseless = False
        self._refers = False
        """Whether there is a reference back to a group."""

    def run(self) -> Translation:
        while match := _OPTIONS.match(self.pattern, self.position + 1):
            if not self.at("(") or match[4] != ")" or not _INLINE_OPTIONS.issuperset(match[2] + (match[3] or "")):
                break
            self._set_options(match)
        self._caseless = "i" in self._options
        branches, tree = self._branches()
        if self.position < len(self.pattern):
            self.fail("unmatched closing parenthesis")
        text = "|".join(branches)
        if tree.takes_anything() and not self._refers:
            # What .* doesn't find from the start it finds nowhere; PCRE sees that, Python has to be told.
            text, tree = rf"\A(?:{text})", Chain((START, tree))
        return Translation(text, self._caseless, tree)

    # Sequences and repetition

    def _branches(self) -> tuple[list[str], Tree]:
        """The alternatives up to the end of the group or pattern."""
        branches = [""]
        trees: list[list[Tree]] = [[]]
        while self._skip():
            if self._quoting:
                item = self._repeated(self._literal(ord(self.take())))
            elif self.at(")"):
                break
            elif self.passed("|"):
                branches.append("")
                trees.append([])
                continue
            else:
                item = self._repeated(self._item())
            branches[-1] += item.text
            if item.tree is not None:
                trees[-1].append(item.tree)
        chains = [_chain(items) for items in trees]
        return branches, chains[0] if len(chains) == 1 else Choice(chains)

    def _skip(self) -> bool:
        """Passes over what stands for nothing; False at the end of the pattern."""
        while self.position < len(self.pattern):
            here = self.pattern[self.position]
            if here not in _MAY_BE_NOTHING:
                return True
            if self.passed("\\E"):
                self._quoting = False
            elif self._quoting:
                return True
            elif self.passed("\\Q"):
                self._quoting = True
            elif self.at("(?#"):
                self.position = self.behind(")", "missing ) after (?# comment")
            elif "x" in self._options and here in _EXTENDED_SPACE:
                self.position += 1
            elif "x" in self._options and here == "#":
                end = self.pattern.find("\n", self.position)
                self.position = len(self.pattern) if end < 0 else end + 1
            else:
                return True
        return False

    def _repeated(self, item: Item) -> Item:
        """``item`` with the quantifier that follows it, if there is one."""
        if not self._skip() or self._quoting:
            return item
        match = _QUANTIFIER.match(self.pattern, self.position)
        if match is None:
            return item
        if not item.repeatable:
            self.fail("quantifier does not follow a repeatable item")
        self.position = match.end()
        least, most = self._counts(match[0])
        tree: Tree = Repeat(item.tree or NOTHING, least, most)
        if self.passed("+"):
            return Item(f"{item.text}{match[0]}+", Group(tree, looks=False))
        lazy = self.passed("?")
        return Item(item.text + match[0] + ("?" if lazy is not ("U" in self._options) else ""), tree)

    def _counts(self, quantifier: str) -> tuple[int, int | None]:
        """The least and the most repetitions."""
        if quantifier in _COUNTS:
            return _COUNTS[quantifier]
        first, comma, second = quantifier[1:-1].partition(",")
        least = int(first)
        most = int(second) if second else None if comma else least
        if max(least, most or 0) > MAX_REPEAT:
            self.fail("number too big in {} quantifier")
        if most is not None and most < least:
            self.fail("numbers out of order in {} quantifier")
        return least, most

    # Items

    def _item(self) -> Item:
        """The next item."""
        here = self.pattern[self.position]
        if here == "(":
            return self._group()
        if here == "[":
            return self._bracket()
        if here == "\\":
            return self._escape()
        if _QUANTIFIER.match(self.pattern, self.position):
            self.fail("quantifier does not follow a repeatable item")
        if plain := self._plain():
            return plain
        self.position += 1
        if here == ".":
            return Item(".", ANY) if "s" in self._options else ESCAPES["N"]
        if here == "^":
            return Item(r"(?:\A|(?<=\n)(?!\Z))", NO_BOUNDARY, False) if "m" in self._options else ESCAPES["A"]
        if here == "$":
            return self._dollar()
        return self._literal(ord(here))

    def _plain(self) -> Item | None:
        """A run of octets that mean themselves."""
        if "x" in self._options:
            return None
        match = _PLAIN.match(self.pattern, self.position)
        if match is None:
            return None
        self.position = match.end()
        masks = CASELESS_MASKS if "i" in self._options else MASKS
        return Item(self._cased(match[0]), Text(tuple([masks[ord(octet)] for octet in match[0]])), False)

    def _dollar(self) -> Item:
        if "m" in self._options:
            return Item(r"(?=\n|\Z)", BEFORE_LINE_END, False)
        return ESCAPES["z" if "D" in self._options else "Z"]

    def _bracket(self) -> Item:
        text, found, self.position = read_bracket(
            self.pattern, self.position, caseless="i" in self._options, extended="X" in self._options
        )
        return Item(self._cased(text), WORD_BOUNDARY if found is None else Octet(found))

    def _literal(self, code: int) -> Item:
        masks = CASELESS_MASKS if "i" in self._options else MASKS
        return Item(self._cased(character(code)), Octet(masks[code]))

    def _cased(self, text: str) -> str:
        """``text`` so that case counts as the options say here."""
        caseless = "i" in self._options
        if caseless is self._caseless:
            return text
        return f"(?i:{text})" if caseless else f"(?-i:{text})"

    # Groups

    def _group(self) -> Item:
        if self.pattern[self.position + 1 : self.position + 2] in ("?", "*"):
            return self._special_group()
        self.position += 1
        if "n" in self._options:
            return Item(*self._body("(?:"))
        self._groups += 1
        return Item(*self._body("("))

    def _special_group(self) -> Item:
        """A group that begins with a question mark, or a verb."""
        for unsupported, construct in _UNSUPPORTED_GROUPS:
            if unsupported.match(self.pattern, self.position):
                self.fail(f"{construct} is not supported")
        for start, looks in _CLOSED_GROUPS:
            if self.passed(start):
                text, tree = self._body(start)
                return Item(text, Group(tree, looks))
        if self.passed("(?:"):
            return Item(*self._body("(?:"))
        if self.at("(?<=") or self.at("(?<!"):
            return self._lookbehind()
        if self.passed("(?P="):
            return self._named_reference(")")
        for start, end in (("(?P<", ">"), ("(?<", ">"), ("(?'", "'")):
            if self.passed(start):
                name = self.name(end)
                self._groups += 1
                return Item(*self._body(f"(?P<{name}>"))
        if self.at("(?("):
            return self._conditional()
        return self._optioned()

    def _body(self, translated: str) -> tuple[str, Tree]:
        branches, tree = self._inside()
        return f"{translated}{'|'.join(branches)})", tree

    def _inside(self) -> tuple[list[str], Tree]:
        """The alternatives of a group whose start was taken, and its end; options changed inside end with it."""
        outside = self._options
        self._depth += 1
        if self._depth > MAX_NESTING:
            self.fail("parentheses are too deeply nested")
        branches, tree = self._branches()
        if not self.passed(")"):
            self.fail("missing closing parenthesis")
        self._depth -= 1
        self._options = outside
        return branches, tree

    def _lookbehind(self) -> Item:
        """Each alternative has a length of its own in PCRE; Python wants one length for the whole assertion."""
        start = self.pattern[self.position : self.position + 4]
        self.position += 4
        branches, tree = self._inside()
        separator = "|" if start == "(?<=" else ""
        text = f"(?:{separator.join(f'{start}{branch})' for branch in branches)})"
        return Item(text, Group(tree, looks=True, behind=True))

    def _conditional(self) -> Item:
        match = re.compile(r"\(\?\((?:([0-9]+)|<(\w+)>|'(\w+)'|(\w+))\)").match(self.pattern, self.position)
        if match is None or match[4] == "DEFINE" or re.fullmatch("R[0-9]*", match[4] or ""):
            self.fail("a condition other than whether a group has matched is not supported")
        self.position = match.end()
        self._refers = True
        branches, tree = self._inside()
        if len(branches) > 2:
            self.fail("conditional subpattern contains more than two branches")
        text = f"(?({match[1] or match[2] or match[3] or match[4]}){'|'.join(branches)})"
        return Item(text, tree if len(branches) == 2 else Choice((tree, NOTHING)))

    def _optioned(self) -> Item:
        match = _OPTIONS.match(self.pattern, self.position + 1)
        if match is None:
            self.fail("unrecognized character after (? or (?-")
        outside = self._options
        self._set_options(match)
        if match[4] == ")":
            return Item("", None, False)
        text, tree = self._body("(?:")
        self._options = outside
        return Item(text, tree)

    def _set_options(self, match: re.Match[str]) -> None:
        """Takes ``(?^imnsx-imnsx)`` or the beginning of such a group."""
        on, off = match[2], match[3] or ""
        if match[1] and match[3] is not None:
            self.fail("invalid hyphen in option setting")
        for letter in on + off:
            if letter not in _INLINE_OPTIONS:
                self.fail(f"the option (?{letter}) is not supported")
        options = self._options - set("imnsxX") if match[1] else self._options
        options = (options | set(on)) - set(off)
        # xx also ignores spaces inside brackets; X stands for that here.
        if "x" in on:
            options = options | {"X"} if "xx" in on else options - {"X"}
        self._options = options - {"X"} if "x" in off else options
        self.position = match.end()

    # Escapes

    def _escape(self) -> Item:
        letter = self.pattern[self.position + 1 : self.position + 2]
        if letter == "":
            self.fail("\\ at end of pattern")
        if letter in _UNSUPPORTED_ESCAPES:
            self.fail(f"{_UNSUPPORTED_ESCAPES[letter]} is not supported")
        if letter == "N" and self.at("\\N{") and not _QUANTIFIER.match(self.pattern, self.position + 2):
            self.fail("the named character \\N{...} is not supported")
        if letter in "gk":
            return self._reference(letter)
        if letter in "123456789" and (number := self._backreference()):
            return self._referred(f"(?:\\{number})")
        if letter in ESCAPES:
            self.position += 2
            return ESCAPES[letter]
        if (inside := type_ranges(letter)) is not None:
            self.position += 2
            return Item(f"[{members(inside)}]", Octet(octets(inside)))
        code, self.position = read_code(self.pattern, self.position)
        return self._literal(code)

    def _backreference(self) -> int | None:
        """The group that ``\\digits`` refers to; None where they are an octal code."""
        digits = re.compile("[0-9]+").match(self.pattern, self.position + 1)
        assert digits is not None
        number = int(digits[0])
        if number >= 10 and digits[0][0] not in "89" and number > self._groups:
            return None
        self.position = digits.end()
        return number

    def _reference(self, letter: str) -> Item:
        """``\\g`` and ``\\k``."""
        if letter == "g" and self.pattern[self.position + 2 : self.position + 3] in ("<", "'"):
            self.fail("recursion is not supported")
        match = re.compile(r"\\g(?:\{([+-]?[0-9]+)\}|([+-]?[0-9]+))").match(self.pattern, self.position)
        if match is not None:
            self.position = match.end()
            return self._referred(f"(?:\\{self._absolute(match[1] or match[2])})")
        pairs = {"{": "}"} if letter == "g" else {"{": "}", "<": ">", "'": "'"}
        end = pairs.get(self.pattern[self.position + 2 : self.position + 3])
        if end is None:
            self.fail(f"\\{letter} is not followed by a group's name or number")
        self.position += 3
        return self._named_reference(end)

    def _absolute(self, number: str) -> int:
        """The number of a group that may be given relative to here."""
        if number[0] == "-":
            absolute = self._groups + 1 - int(number[1:])
        else:
            absolute = int(number) + (self._groups if number[0] == "+" else 0)
        if absolute < 1:
            self.fail("reference to non-existent subpattern")
        return absolute

    def _named_reference(self, end: str) -> Item:
        return self._referred(f"(?P={self.name(end)})")

    def _referred(self, text: str) -> Item:
        self._refers = True
        return Item(self._cased(text), Reference())


def _chain(items: Sequence[Tree]) -> Tree:
    return items[0] if len(items) == 1 else Chain(items)
