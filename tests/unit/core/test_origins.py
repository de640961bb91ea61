"""Every decision leads back to file and line."""

from __future__ import annotations

from pathlib import Path

from mpmserver.core.settings import CoreServer
from tests.memory import world


def test_merged_settings_know_the_directives_behind_them(tmp_path: Path) -> None:
    made = world(tmp_path, f"<Directory {tmp_path}/htdocs>\nSetEnv A one\n</Directory>\nSetEnv B two\n")
    main = made.site.main
    merged = main.merge((*main.defaults.sections, *main.directories))
    uses = {(use.directive, use.arguments, Path(use.origin.file).name) for use in merged.origins("env")}
    assert uses == {("SetEnv", "A one", "httpd.conf"), ("SetEnv", "B two", "httpd.conf")}
    lines = (tmp_path / "httpd.conf").read_text().splitlines()
    assert all(lines[use.origin.line - 1].endswith(use.arguments) for use in merged.origins("env"))


def test_steps_name_their_modules(tmp_path: Path) -> None:
    made = world(tmp_path, "SetEnv A one\n")
    plan = made.site.main.defaults.plan
    assert "env" in {step.module for step in plan.fixup}
    assert {step.module for step in plan.handlers.all} >= {"core", "cgi", "status"}
    assert made.site.main[CoreServer].server_name == "memory.example"
