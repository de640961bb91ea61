"""What all tests share: fixtures that start live servers and always stop them, cleanly, at the test's end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import settings

from tests.live_server import LiveApache, LiveServer, require_apache

settings.register_profile("unhurried", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("unhurried")


@pytest.fixture
def live_server() -> Iterator[Callable[..., LiveServer]]:
    """``live_server(config, files=..., mpm=...)`` starts mpmserver; its clean exit is part of the test."""
    with ExitStack() as stack:

        def start(*arguments: Any, **options: Any) -> LiveServer:
            return stack.enter_context(LiveServer(*arguments, **options))

        yield start


@pytest.fixture
def live_apache() -> Iterator[Callable[..., LiveApache]]:
    """The same for real Apache; the test is skipped (or failed, see ``require_apache``) where there is none."""
    require_apache()
    with ExitStack() as stack:

        def start(*arguments: Any, **options: Any) -> LiveApache:
            return stack.enter_context(LiveApache(*arguments, **options))

        yield start
