"""What a start does not do: collect garbage, and with it leave holes in the memory that children share."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest

from mpmserver import cli
from mpmserver.process.server import share_memory


def test_nothing_is_collected_while_the_configuration_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").mkdir()
    text = f'ServerName x\nListen 127.0.0.1:1\nTypesConfig /dev/null\nDocumentRoot "{tmp_path}"\n'
    (tmp_path / "httpd.conf").write_text(text)
    seen: list[str] = []

    def note(phase: str, _info: object) -> None:
        if phase == "start":
            seen.append(phase)

    gc.callbacks.append(note)
    try:
        assert cli.main(["-t", "-d", str(tmp_path), "-f", "httpd.conf"]) == 0
    finally:
        gc.callbacks.remove(note)
    assert "Syntax OK" in capsys.readouterr().err
    assert not seen
    assert gc.isenabled()


def test_what_is_shared_is_never_visited_again() -> None:
    before = gc.get_freeze_count()
    kept = [[number] for number in range(1000)]
    gc.disable()
    try:
        share_memory()
        assert gc.isenabled()
        assert gc.get_freeze_count() >= before + len(kept)
    finally:
        gc.unfreeze()
        gc.enable()


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="references to names are not counted")
def test_no_lookup_is_remembered_that_children_would_forget() -> None:
    class Looked:
        pass

    name = "looked_up_in_this_test_alone"
    setattr(Looked, name, True)
    before = sys.getrefcount(name)
    assert getattr(Looked, name)
    looked_up = sys.getrefcount(name)
    assert looked_up == before + 1
    try:
        share_memory()
    finally:
        gc.unfreeze()
    assert sys.getrefcount(name) < looked_up
