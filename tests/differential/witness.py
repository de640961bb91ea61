"""A module for mpmserver that tells which of its answers came from memory: a line with the client's port for each.

`LoadModule witness_module tests.differential.witness`; WITNESS in the environment names the file. It also has files
remembered that were only just laid out: nothing changes them.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from mpmserver.core.module import Hook, Module, Phase
from mpmserver.core.recall import looks
from mpmserver.core.recall.recollection import RememberedLine

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.recall.moment import Moment

PATH = "WITNESS"
_opened: list[int] = []


def _open(_site: Any, _opener: Any) -> None:
    """In the parent, as the logs."""
    vars(looks)["RESTLESS"] = 0
    _opened.append(os.open(os.environ[PATH], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644))


def _log(_x: Exchange) -> None:
    """Of an answer that was made anew there is nothing to tell."""


def _port(moment: Moment) -> tuple[int]:
    return (moment.peer.remote[1],)


def _remember(_x: Exchange) -> list[RememberedLine]:
    return [RememberedLine((b"%d\n",), _port, partial(os.write, _opened[-1]))]


MODULE = Module("witness", hooks=(Hook(Phase.LOG, _log, remember=_remember),), open_logs=_open)
