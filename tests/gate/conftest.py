"""A folder whose depth is always the same: how many looks a path costs depends on how long it is."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gate.inside import lay_out


@pytest.fixture(scope="session")
def site() -> Iterator[Path]:
    """A folder with what `inside.py` lays out, two levels below the root of the file system."""
    folder = Path(tempfile.mkdtemp(prefix="mpmserver-gate-", dir="/tmp"))
    try:
        folder.chmod(0o755)
        lay_out(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
