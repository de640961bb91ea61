"""A thread beside the listener: whatever happens to it, it gives back what it was given."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mpmserver.mpm.parking import Mailbox, Task
from mpmserver.mpm.threads import WorkerThread
from mpmserver.serve.outcome import Outcome


async def answered() -> Outcome:
    return Outcome.IDLE


def test_logs_that_can_not_be_written_keep_no_connection() -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    followed: list[tuple[Task, object]] = []
    loop: Any = SimpleNamespace(mail=Mailbox(), follow=lambda *told: followed.append(told))
    child: Any = SimpleNamespace(flush_logs=full)
    driver: Any = None
    connection: Any = None
    task = Task(connection, answered())
    with pytest.raises(OSError, match="No space left"):
        WorkerThread(child, loop, driver)._drive(task, None, None)
    for function in loop.mail.collect():
        function()
    assert followed == [(task, Outcome.IDLE)]
