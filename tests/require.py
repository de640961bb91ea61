"""What a test needs from the machine: a program, a library, or another server to compare with.

Where it is missing the test is skipped, and fails instead where MPMSERVER_REQUIRE_PEERS=1 says that everything
has been installed: a continuous integration run that skips has not run.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest

DIRECTORIES = ("/usr/sbin", "/sbin", "/usr/lib/git-core", "/usr/lib/cgi-bin", "/usr/share/gitweb")
"""Where programs lie that are not in an ordinary user's PATH."""


def missing(reason: str) -> NoReturn:
    """Skip the test for `reason`; fail it where nothing may be missing."""
    if os.environ.get("MPMSERVER_REQUIRE_PEERS") == "1":
        pytest.fail(f"MPMSERVER_REQUIRE_PEERS=1, but {reason}", pytrace=False)
    pytest.skip(reason)


def require_tool(*names: str) -> str:
    """The path of the first of these programs that the machine has; skips or fails the test where it has none."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *DIRECTORIES])
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return found
    missing(f"{' or '.join(names)} is not installed")


def require_library(name: str) -> None:
    """Skips or fails the test where this Python cannot import `name`."""
    try:
        importlib.import_module(name)
    except ImportError:
        missing(f"the library {name} is not installed")


def require_file(paths: Sequence[str]) -> Path:
    """The first of these files that the machine has; skips or fails the test where it has none."""
    for path in map(Path, paths):
        if path.exists():
            return path
    missing(f"{' or '.join(paths)} is not here")
