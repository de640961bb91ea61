"""mod_reqtimeout: how long a client may take to send its request.

The deadlines themselves are kept where bytes are waited for (`serve/deadlines.py`); this module compiles
RequestReadTimeout into `CoreServer.request_read_timeout`, and being loaded gives Apache's defaults.
"""

from __future__ import annotations

import re

from mpmserver.config.build import Build, Configuration
from mpmserver.config.directive import RSRC_CONF, Directive, Shape
from mpmserver.config.settings import is_set
from mpmserver.core.module import Module
from mpmserver.core.settings import CoreServer, ReadLimit, ReadLimits

DEFAULT_HEAD = ReadLimit(20, 40, 500)
DEFAULT_BODY = ReadLimit(20, 0, 500)
_RANGE = re.compile(r"(?P<initial>[0-9]+)(?:-(?P<most>[0-9]+))?$", re.ASCII)
_RATE = re.compile(r"minrate=(?P<rate>[0-9]+)$", re.ASCII | re.IGNORECASE)


def _read_timeout(build: Build, text: str) -> None:
    key, mark, value = text.partition("=")
    if not mark:
        build.fail("Invalid RequestReadTimeout parameter")
    stage = key.lower()
    if stage not in ("handshake", "header", "body"):
        build.fail(f"Unknown RequestReadTimeout parameter: {key}")
    limit = _limit(build, value, stage)
    core = build.server(CoreServer)
    present = core.request_read_timeout
    head, body = (present.head, present.body) if present else (DEFAULT_HEAD, DEFAULT_BODY)
    if stage == "header":
        head = limit
    elif stage == "body":
        body = limit
    core.request_read_timeout = ReadLimits(head, body)


def _limit(build: Build, text: str, stage: str) -> ReadLimit:
    timeout, comma, rate_text = text.partition(",")
    rate = 0
    if comma:
        match = _RATE.match(rate_text)
        if match is None:
            build.fail("Invalid RequestReadTimeout parameter")
        rate = int(match["rate"])
        if not rate:
            build.fail("Minimum data rate must be larger than 0")
    match = _RANGE.match(timeout)
    if match is None:
        build.fail("Invalid RequestReadTimeout parameter")
    initial, most = int(match["initial"]), int(match["most"] or 0)
    if match["most"] and not rate:
        build.fail("Must set MinRate value if using timeout range")
    if match["most"] and most <= initial:
        build.fail("Maximum timeout must be larger than initial timeout")
    return ReadLimit(initial, most, rate)


def _defaults(configuration: Configuration) -> None:
    core = configuration.main.settings(CoreServer)
    if not is_set(core.request_read_timeout):
        core.request_read_timeout = ReadLimits(DEFAULT_HEAD, DEFAULT_BODY)


MODULE = Module(
    "reqtimeout",
    directives=(
        Directive(
            "RequestReadTimeout", Shape.ITERATE, RSRC_CONF, _read_timeout,
            "Set various timeout parameters for TLS handshake and/or reading request headers and body",
        ),
    ),
    post_config=_defaults,
)  # fmt: skip
