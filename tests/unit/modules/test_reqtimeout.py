"""mod_reqtimeout: what RequestReadTimeout says, and what Apache refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver.config.errors import ConfigError
from mpmserver.core.settings import CoreServer, ReadLimit, ReadLimits
from mpmserver.modules.reqtimeout import DEFAULT_BODY, DEFAULT_HEAD
from tests.memory import world


def limits_of(tmp_path: Path, text: str) -> ReadLimits:
    found = world(tmp_path, text + "\n").site.main[CoreServer].request_read_timeout
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "head", "body"),
    [
        ("", DEFAULT_HEAD, DEFAULT_BODY),
        ("RequestReadTimeout", DEFAULT_HEAD, DEFAULT_BODY),
        ("RequestReadTimeout handshake=5 header=0 body=0", ReadLimit(), ReadLimit()),
        ("RequestReadTimeout header=5,MinRate=5", ReadLimit(5, 0, 5), DEFAULT_BODY),
        ("RequestReadTimeout header=5-10,MinRate=5 body=5", ReadLimit(5, 10, 5), ReadLimit(5)),
        ("RequestReadTimeout HEADER=5 header=6", ReadLimit(6), DEFAULT_BODY),
        ("RequestReadTimeout header=1-0,minrate=5", ReadLimit(1, 0, 5), DEFAULT_BODY),
        ("RequestReadTimeout header=0-5,MinRate=1", ReadLimit(0, 5, 1), DEFAULT_BODY),
    ],
)
def test_what_it_says(tmp_path: Path, text: str, head: ReadLimit, body: ReadLimit) -> None:
    assert limits_of(tmp_path, text) == ReadLimits(head, body)


RANGE = "Must set MinRate option if using timeout range"


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("foo=1", "Unknown RequestReadTimeout parameter"),
        ("header=x", "Value 'x' not numerical"),
        ("header=", "Value '' not numerical"),
        ("header=1-", RANGE),
        ("header=-1", RANGE),
        ("header=5-10", RANGE),
        ("header=5-10,", RANGE),
        ("header=10-5,MinRate=5", "Maximum timeout must be larger than initial timeout"),
        ("header=5-5,MinRate=1", "Maximum timeout must be larger than initial timeout"),
        ("header=5-10,MinRate=0", "Minimum data rate must be larger than 0"),
        ("header=5-10,minrate=x", "Value 'x' not numerical"),
        ("header=5-10,MinRate=-5", "Value must be non-negative"),
        ("header=5x", "Cannot parse 'x'"),
        ("header=5,foo=5", "Cannot parse ',foo=5'"),
        ("header=5-10,MinRate=5,body=5", "Cannot parse ',body=5'"),
    ],
)
def test_what_apache_refuses(tmp_path: Path, word: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        limits_of(tmp_path, f"RequestReadTimeout {word}")
    assert caught.value.message == f"RequestReadTimeout: {word}: {reason}"


def test_a_word_without_a_value(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        limits_of(tmp_path, "RequestReadTimeout foo")
    assert caught.value.message == (
        "Invalid RequestReadTimeout parameter. Parameter must be in the form 'key=value'"
    )
