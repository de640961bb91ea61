"""mod_reqtimeout: how long a client may take to send its request.

The deadlines themselves are kept where bytes are waited for (`serve/deadlines.py`); this module compiles
RequestReadTimeout into `CoreServer.request_read_timeout`, and being loaded gives Apache's defaults.
"""

from __future__ import annotations

import re

from mpmserver.config.build import Build, Configuration
from mpmserver.config.directive import RSRC_CONF, Directive, Shape
from mpmserver.config.settings import is_set
from mpmserver.config.syntax import words
from mpmserver.core.module import Module
from mpmserver.core.settings import CoreServer, ReadLimit, ReadLimits
from mpmserver.records import replace

DEFAULT_HEAD = ReadLimit(20, 40, 500)
DEFAULT_BODY = ReadLimit(20, 0, 500)
_NUMBER = re.compile(r"\s*[-+]?[0-9]+", re.ASCII)


def _read_timeout(build: Build, arguments: str) -> None:
    """RequestReadTimeout STAGE=SECONDS[-MOST][,MinRate=RATE] ..., of the stages handshake, header and body."""
    for word in words(arguments):
        name, mark, value = word.partition("=")
        if not mark:
            build.fail("Invalid RequestReadTimeout parameter. Parameter must be in the form 'key=value'")
        stage = name.lower()
        if stage not in ("handshake", "header", "body"):
            build.fail(f"RequestReadTimeout: {word}: Unknown RequestReadTimeout parameter")
        try:
            _set(build.server(CoreServer), stage, _limit(value))
        except ValueError as error:
            build.fail(f"RequestReadTimeout: {word}: {error}")


def _set(core: CoreServer, stage: str, limit: ReadLimit) -> None:
    present = core.request_read_timeout or ReadLimits(DEFAULT_HEAD, DEFAULT_BODY)
    if stage == "header":
        core.request_read_timeout = replace(present, head=limit)
    elif stage == "body":
        core.request_read_timeout = replace(present, body=limit)
    else:
        core.request_read_timeout = present  # there is no handshake without TLS


def _limit(text: str) -> ReadLimit:
    """Read SECONDS[-MOST][,MinRate=RATE]; raises ValueError with Apache's words."""
    at = text.lower().find(",minrate=")
    times, rate_text = (text, "") if at < 0 else (text[:at], text[at + len(",minrate=") :])
    initial_text, ranged, most_text = times.partition("-")
    if ranged and at < 0:
        raise ValueError("Must set MinRate option if using timeout range")
    rate = 0
    if at >= 0:
        rate = _number(rate_text)
        if not rate:
            raise ValueError("Minimum data rate must be larger than 0")
    initial = _number(initial_text)
    most = _number(most_text) if ranged else 0
    if most and most <= initial:
        raise ValueError("Maximum timeout must be larger than initial timeout")
    return ReadLimit(initial, most, rate)


def _number(text: str) -> int:
    """A whole number and nothing else."""
    match = _NUMBER.match(text)
    if match is None:
        raise ValueError(f"Value '{text}' not numerical")
    if int(match[0]) < 0:
        raise ValueError("Value must be non-negative")
    if match.end() != len(text):
        raise ValueError(f"Cannot parse '{text[match.end() :]}'")
    return int(match[0])


def _defaults(configuration: Configuration) -> None:
    core = configuration.main.settings(CoreServer)
    if not is_set(core.request_read_timeout):
        core.request_read_timeout = ReadLimits(DEFAULT_HEAD, DEFAULT_BODY)


MODULE = Module(
    "reqtimeout",
    directives=(
        Directive(
            "RequestReadTimeout", Shape.RAW_ARGS, RSRC_CONF, _read_timeout,
            "Set various timeout parameters for TLS handshake and/or reading request headers and body",
        ),
    ),
    post_config=_defaults,
)  # fmt: skip
