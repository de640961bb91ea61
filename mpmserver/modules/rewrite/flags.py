"""The flags of RewriteRule and RewriteCond: names and abbreviations as Apache takes them, in any case.

A few names are not what the manual says: BNP is spelled out `backrefernoplus`, and any word that begins with a D is
accepted, of which only D, DPI and discardpath mean something.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from mpmserver.config.numbers import atoi
from mpmserver.http.status import is_known
from mpmserver.modules.rewrite.arguments import FlagError, split_flags
from mpmserver.records import dataclass, field

MAX_ROUNDS = 10000
_REDIRECT_WORDS = {"permanent": 301, "temp": 302, "seeother": 303}


class Flag:
    """What a rule does besides substituting: bits, plain numbers because every request asks them."""

    CHAIN: Final = 1 << 0
    DISCARD_PATH_INFO: Final = 1 << 1
    END: Final = 1 << 2
    ESCAPE_BACKREFERENCES: Final = 1 << 3
    ESCAPE_CONTROLS: Final = 1 << 4
    ESCAPE_NO_PLUS: Final = 1 << 5
    FORCE_REDIRECT: Final = 1 << 6
    IGNORE_ON_SUBREQUEST: Final = 1 << 7
    LAST: Final = 1 << 8
    NEW_ROUND: Final = 1 << 9
    NO_CASE: Final = 1 << 10
    NO_ESCAPE: Final = 1 << 11
    NO_SUBSTITUTION: Final = 1 << 12
    NOT_MATCH: Final = 1 << 13
    PASS_THROUGH: Final = 1 << 14
    PROXY: Final = 1 << 15
    QS_APPEND: Final = 1 << 16
    QS_DISCARD: Final = 1 << 17
    QS_LAST: Final = 1 << 18
    QS_NONE: Final = 1 << 19
    STATUS: Final = 1 << 20
    UNC: Final = 1 << 21
    UNSAFE_ALLOW_3F: Final = 1 << 22
    UNSAFE_PREFIX_STAT: Final = 1 << 23


@dataclass(slots=True)
class RuleFlags:
    """All that the brackets of one RewriteRule say; not changed once they are parsed."""

    bits: int = 0
    status: int = 302
    skip: int = 0
    rounds: int = MAX_ROUNDS
    escape_only: str = ""
    """B=: only these characters of back-references are escaped."""
    escape_not: str = ""
    """BNE=: these are not."""
    cookies: list[str] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)
    mime_type: str | None = None
    handler: str | None = None


Setter = Callable[[RuleFlags, str], None]


def _bits(bits: int) -> Setter:
    def apply(flags: RuleFlags, _value: str) -> None:
        flags.bits |= bits

    return apply


def _status(status: int) -> Setter:
    """F and G: no substitution, this status."""

    def apply(flags: RuleFlags, _value: str) -> None:
        flags.bits |= Flag.STATUS | Flag.NO_SUBSTITUTION
        flags.status = status

    return apply


def _redirect(flags: RuleFlags, value: str) -> None:
    flags.bits |= Flag.FORCE_REDIRECT
    if not value:
        return
    if (named := _REDIRECT_WORDS.get(value.lower())) is not None:
        flags.status = named
    elif value[0] in "0123456789":
        flags.status = atoi(value)
    if not is_known(flags.status):
        raise FlagError(f"invalid HTTP response code '{value}' for flag 'R'")
    if not 300 <= flags.status < 400:
        flags.bits |= Flag.STATUS | Flag.NO_SUBSTITUTION


def _escape_backreferences(flags: RuleFlags, value: str) -> None:
    flags.bits |= Flag.ESCAPE_BACKREFERENCES
    flags.escape_only = value or flags.escape_only


def _escape_not(flags: RuleFlags, value: str) -> None:
    if not value:
        raise FlagError("flag 'BNE' wants a list of characters (i.e. [BNE=...])")
    flags.escape_not = value


def _new_round(flags: RuleFlags, value: str) -> None:
    flags.bits |= Flag.NEW_ROUND
    if value:
        flags.rounds = atoi(value)


def _skip(flags: RuleFlags, value: str) -> None:
    flags.skip = atoi(value)


def _cookie(flags: RuleFlags, value: str) -> None:
    flags.cookies.append(value)


def _variable(flags: RuleFlags, value: str) -> None:
    flags.variables.append(value)


def _mime_type(flags: RuleFlags, value: str) -> None:
    flags.mime_type = value


def _handler(flags: RuleFlags, value: str) -> None:
    flags.handler = value


def _named(**names: Setter) -> dict[str, Setter]:
    """Setters by every name they have: `chain_c=...` for chain and c."""
    return {name: setter for group, setter in names.items() for name in group.split("_")}


_RULE_SETTERS = _named(
    b_backrefescaping=_escape_backreferences,
    bctls=_bits(Flag.ESCAPE_BACKREFERENCES | Flag.ESCAPE_CONTROLS),
    bne=_escape_not,
    bnp_backrefernoplus=_bits(Flag.ESCAPE_NO_PLUS),
    c_chain=_bits(Flag.CHAIN),
    co_cookie=_cookie,
    dpi_discardpath=_bits(Flag.DISCARD_PATH_INFO),
    e_env=_variable,
    end=_bits(Flag.END),
    f_forbidden=_status(403),
    g_gone=_status(410),
    h_handler=_handler,
    l_last=_bits(Flag.LAST),
    n_next=_new_round,
    nc_nocase=_bits(Flag.NO_CASE),
    ne_noescape=_bits(Flag.NO_ESCAPE),
    ns_nosubreq=_bits(Flag.IGNORE_ON_SUBREQUEST),
    p_proxy=_bits(Flag.PROXY),
    pt_passthrough=_bits(Flag.PASS_THROUGH),
    qsa_qsappend=_bits(Flag.QS_APPEND),
    qsd_qsdiscard=_bits(Flag.QS_DISCARD),
    qsl_qslast=_bits(Flag.QS_LAST),
    r_redirect=_redirect,
    s_skip=_skip,
    t_type=_mime_type,
    unc=_bits(Flag.UNC),
    unsafeallow3f=_bits(Flag.UNSAFE_ALLOW_3F),
    unsafeprefixstat=_bits(Flag.UNSAFE_PREFIX_STAT),
)


@lru_cache(maxsize=512)
def rule_flags(text: str | None) -> RuleFlags:
    """Parse the flags of a RewriteRule; raises FlagError. The same flags are told by one object."""
    flags = RuleFlags()
    for name, value in split_flags(text) if text is not None else ():
        setter = _RULE_SETTERS.get(name.lower())
        if setter is not None:
            setter(flags, value)
        elif name[:1].lower() != "d":
            raise FlagError(f"unknown flag '{name}'")
    return flags


class ConditionFlag:
    """The flags of RewriteCond."""

    NO_CASE: Final = 1
    OR_NEXT: Final = 2
    NO_VARY: Final = 4


_CONDITION_FLAGS = {
    "nc": ConditionFlag.NO_CASE, "nocase": ConditionFlag.NO_CASE,
    "or": ConditionFlag.OR_NEXT, "ornext": ConditionFlag.OR_NEXT,
    "nv": ConditionFlag.NO_VARY, "novary": ConditionFlag.NO_VARY,
}  # fmt: skip


@lru_cache(maxsize=64)
def condition_flags(text: str | None) -> int:
    """Parse the flags of a RewriteCond; raises FlagError."""
    flags = 0
    for name, _value in split_flags(text) if text is not None else ():
        flag = _CONDITION_FLAGS.get(name.lower())
        if flag is None:
            raise FlagError(f"unknown flag '{name}'")
        flags |= flag
    return flags
