"""The flags by name."""

from __future__ import annotations

import pytest

from mpmserver.modules.rewrite.arguments import FlagError
from mpmserver.modules.rewrite.flags import ConditionFlag, Flag, condition_flags, rule_flags


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("[L]", Flag.LAST),
        ("[last,END]", Flag.LAST | Flag.END),
        ("[C,chain]", Flag.CHAIN),
        ("[B]", Flag.ESCAPE_BACKREFERENCES),
        ("[backrefernoplus,BNP]", Flag.ESCAPE_NO_PLUS),
        ("[BCTLS]", Flag.ESCAPE_BACKREFERENCES | Flag.ESCAPE_CONTROLS),
        ("[DPI]", Flag.DISCARD_PATH_INFO),
        ("[discardanything]", 0),
        ("[F]", Flag.STATUS | Flag.NO_SUBSTITUTION),
        ("[R]", Flag.FORCE_REDIRECT),
        ("[R=301]", Flag.FORCE_REDIRECT),
        ("[R=404]", Flag.FORCE_REDIRECT | Flag.STATUS | Flag.NO_SUBSTITUTION),
        ("[PT,P,NE,NC,NS]",
         Flag.PASS_THROUGH | Flag.PROXY | Flag.NO_ESCAPE | Flag.NO_CASE | Flag.IGNORE_ON_SUBREQUEST),
        ("[qsappend,QSD,QSL]", Flag.QS_APPEND | Flag.QS_DISCARD | Flag.QS_LAST),
        ("[UnsafeAllow3F,unsafeprefixstat,UNC]", Flag.UNSAFE_ALLOW_3F | Flag.UNSAFE_PREFIX_STAT | Flag.UNC),
        (None, 0),
    ],
)  # fmt: skip
def test_bits(text: str | None, bits: int) -> None:
    assert rule_flags(text).bits == bits


@pytest.mark.parametrize(
    ("text", "status"),
    [("[R]", 302), ("[R=permanent]", 301), ("[R=SeeOther]", 303), ("[R=307]", 307), ("[R=abc]", 302), ("[G]", 410)],
)
def test_status(text: str, status: int) -> None:
    assert rule_flags(text).status == status


def test_values() -> None:
    flags = rule_flags("[E=a:b,E=!c,CO=n:v:d,S=2,N=5,T=text/x,H=name,B=#?,BNE=/]")
    assert flags.variables == ["a:b", "!c"]
    assert flags.cookies == ["n:v:d"]
    assert (flags.skip, flags.rounds, flags.mime_type, flags.handler) == (2, 5, "text/x", "name")
    assert (flags.escape_only, flags.escape_not) == ("#?", "/")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[Q]", "unknown flag 'Q'"),
        ("[]", "unknown flag ''"),
        ("[LX]", "unknown flag 'LX'"),
        ("[backrefnoplus]", "unknown flag 'backrefnoplus'"),
        ("[R=999]", "invalid HTTP response code '999' for flag 'R'"),
        ("[BNE]", "flag 'BNE' wants a list of characters (i.e. [BNE=...])"),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(FlagError) as caught:
        rule_flags(text)
    assert str(caught.value) == message


def test_condition_flags() -> None:
    assert condition_flags("[nocase,OR,NV]") == ConditionFlag.NO_CASE | ConditionFlag.OR_NEXT | ConditionFlag.NO_VARY
    assert condition_flags(None) == 0
    with pytest.raises(FlagError, match="unknown flag 'L'"):
        condition_flags("[L]")
