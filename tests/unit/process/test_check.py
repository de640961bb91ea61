"""The check before a restart, in the parent."""

from __future__ import annotations

import errno
import os

import pytest

from mpmserver.process.check import Check, End
from mpmserver.process.command import Command


def test_one_that_cannot_be_started_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> int:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "posix_spawn", fail)
    command = Command((), "mpmserver", "/", "conf/httpd.conf")
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="temporarily unavailable"):
        Check(command, End.GRACEFUL, ())
    assert os.listdir("/proc/self/fd") == before
