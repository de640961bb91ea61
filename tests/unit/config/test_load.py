"""Text to Configuration: which modules and which MPM a text has, and what it says when they can't be had."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from mpmserver.config.errors import ConfigError, render
from mpmserver.config.load import Loaded, LoadOptions, load
from mpmserver.config.node import Origin
from mpmserver.core.mpm_settings import MpmSettings
from mpmserver.core.settings import CoreServer
from mpmserver.modules.so import Catalog
from mpmserver.modules.standard import BUILT_IN, ONLY_BY_NAME, STATIC, is_mpm, source_of


class Reader:
    """Loads texts; keeps the warnings."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.warnings: list[str] = []
        for folder in ("conf", "logs"):
            (root / folder).mkdir()
        (root / "conf" / "mime.types").touch()

    def load(self, text: str, **options: Any) -> Loaded:
        self.warnings.clear()
        (self.root / "httpd.conf").write_text(text)
        values: dict[str, Any] = {"server_root": str(self.root), "file": str(self.root / "httpd.conf"), **options}
        return load(LoadOptions(**values), Catalog(), self._warn)

    def _warn(self, message: str, origin: Origin | None) -> None:
        self.warnings.append(message)

    def refusal(self, text: str, **options: Any) -> str:
        with pytest.raises(ConfigError) as caught:
            self.load(text, **options)
        return render(caught.value, "httpd").replace(str(self.root), "ROOT")


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def names(loaded: Loaded) -> list[str]:
    return [module.identifier for module in loaded.configuration.modules]


def test_without_loadmodule_there_is_everything_and_the_default_mpm(reader: Reader) -> None:
    loaded = reader.load("Listen 80\n")
    expected = {name for name in BUILT_IN if not is_mpm(name) and name not in ONLY_BY_NAME} | {"mpm_event_module"}
    assert set(names(loaded)) == expected == set(loaded.static)
    assert loaded.mpm.name == "event"


def test_with_loadmodule_there_is_what_is_named(reader: Reader) -> None:
    loaded = reader.load("LoadModule mpm_worker_module x.so\nLoadModule mime_module nowhere/mod_mime.so\n")
    assert names(loaded) == [*STATIC, "mpm_worker_module", "mime_module"]
    assert loaded.static == frozenset(STATIC)
    assert loaded.mpm.name == "worker"


def test_the_first_loadmodule_counts_for_conditions_before_it(reader: Reader) -> None:
    text = "<IfModule mime_module>\nNonsense\n</IfModule>\nLoadModule dir_module x\n"
    assert "mime_module" not in names(reader.load(text))


def test_a_directive_of_a_module_that_is_not_loaded(reader: Reader) -> None:
    refusal = reader.refusal("LoadModule dir_module x\nAddType a/b .c\n")
    assert refusal.startswith("AH00526: Syntax error on line 2 of ROOT/httpd.conf:\nInvalid command 'AddType'")


@pytest.mark.parametrize(
    ("text", "options", "mpm"),
    [
        ("MPM prefork\n", {}, "prefork"),
        ("MPM Reactor\n", {}, "reactor"),
        ("MPM prefork\n", {"mpm": "worker"}, "worker"),
        ("LoadModule mpm_event_module x\n", {"mpm": "worker"}, "worker"),
        ("LoadModule dir_module x\n", {}, "event"),
        ("LoadModule dir_module x\nMPM worker\n", {}, "worker"),
    ],
)
def test_which_mpm(reader: Reader, text: str, options: dict[str, str], mpm: str) -> None:
    loaded = reader.load(text, **options)
    assert loaded.mpm.name == mpm
    assert [name for name in names(loaded) if is_mpm(name)] == [f"mpm_{mpm}_module"]


def test_conditions_see_the_mpm_that_is_named_later(reader: Reader) -> None:
    text = "<IfModule mpm_prefork_module>\nStartServers 3\n</IfModule>\n<IfModule event.c>\nNonsense\n</IfModule>\n"
    loaded = reader.load(text + "MPM prefork\n")
    assert loaded.configuration.main.settings(MpmSettings).start_servers == 3


def test_two_mpms(reader: Reader) -> None:
    text = "LoadModule mpm_event_module x\nLoadModule mpm_worker_module x\n"
    assert reader.refusal(text) == "AH00534: httpd: Configuration error: More than one MPM loaded.\n"


def test_unknown_mpm(reader: Reader) -> None:
    complaint = "Unknown MPM 'threads', must be one of: prefork, worker, event, reactor\n"
    assert reader.refusal("\nMPM threads\n") == f"AH00526: Syntax error on line 2 of ROOT/httpd.conf:\n{complaint}"
    assert reader.refusal("", mpm="threads") == f"httpd: {complaint}"


def test_loaded_twice(reader: Reader) -> None:
    reader.load("LoadModule dir_module x\nLoadModule dir_module x\n")
    assert reader.warnings == ["AH01574: module dir_module is already loaded, skipping"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nope_module m/mod_nope.so", "Cannot load m/mod_nope.so into server: mpmserver has no module nope_module"),
        ("nope_module no_such.package", "Cannot load no_such.package into server: No module named 'no_such'"),
        ("nope_module json", "Can't locate API module structure `nope_module' in file json: no MODULE"),
    ],
)
def test_what_cannot_be_loaded_is_named(reader: Reader, line: str, reason: str) -> None:
    assert reader.refusal(f"\nLoadModule {line}\n") == f"httpd: Syntax error on line 2 of ROOT/httpd.conf: {reason}\n"


def test_a_module_from_a_package(reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "my_test_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "my_module.py").write_text(
        "from mpmserver.config.directive import RSRC_CONF, Directive, Shape\n"
        "from mpmserver.core.module import Module\n"
        "from mpmserver.core.settings import CoreServer\n"
        "def apply(build, value): build.main(CoreServer).server_admin = value\n"
        "def check(configuration): configuration.main.settings(CoreServer).server_path = 'checked'\n"
        "MODULE = Module('my', (Directive('MyAdmin', Shape.TAKE1, RSRC_CONF, apply, 'x'),), post_config=check)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    loaded = reader.load("LoadModule my_module my_test_package.my_module\nMyAdmin me@example.com\n")
    core = loaded.configuration.main.settings(CoreServer)
    assert (core.server_admin, core.server_path) == ("me@example.com", "checked")
    assert loaded.loaded == (("my_module", "my_test_package.my_module"),)
    assert "my_test_package.my_module" in sys.modules


def test_lines_of_the_command_line(reader: Reader) -> None:
    loaded = reader.load(
        "Timeout ${T}\n", pre_lines=("Define T 7",), post_lines=("ServerAdmin ${X}",), defines={"X": "admin"}
    )
    core = loaded.configuration.main.settings(CoreServer)
    assert (core.timeout, core.server_admin) == (7, "admin")


def test_every_built_in_module_is_what_the_table_says() -> None:
    catalog = Catalog()
    for identifier in BUILT_IN:
        module = catalog.find(identifier, identifier)
        assert (module.identifier, module.source) == (identifier, source_of(identifier))
