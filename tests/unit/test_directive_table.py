"""Every directive that we have may stand where Apache lets it stand, and is explained in Apache's words."""

from __future__ import annotations

import csv
import importlib
import re
import subprocess
from pathlib import Path

import pytest

from mpmserver.config.build import SECTION_OVERRIDE, SERVER_OVERRIDE
from mpmserver.config.directive import (
    ACCESS_CONF,
    EXEC_ON_READ,
    NONFATAL_OVERRIDE,
    NONFATAL_UNKNOWN,
    OR_ALL,
    OVERRIDE_NAMES,
    RSRC_CONF,
    Directive,
)
from mpmserver.modules import standard
from tests.require import require_tool

TABLE = Path(__file__).parents[1] / "data" / "apache-2.4.71-directives.tsv"
OWN = {
    "MPM", "Multiplexer", "ReactorProcesses", "ThreadPool", "Recall", "RecallRevalidate", "RecallSize",
    "AutoindexTemplate", "StatusTemplate", "IndexTemplate",
}  # fmt: skip
"""What Apache does not have."""
NOT_LISTED = {"ScriptSock", "CGIDScriptTimeout"}
"""mod_cgid's: the table was made of an Apache with mod_cgi."""
MODULES = Path("/usr/lib/apache2/modules")


def apache_table() -> dict[str, list[dict[str, str]]]:
    """The rows of the table by name in lower case, without what closes a section."""
    found: dict[str, list[dict[str, str]]] = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            found.setdefault(row["directive"].removesuffix(">").lower(), []).append(row)
    return found


def ours() -> list[tuple[str, Directive]]:
    """All directives of all modules, with the Python module they come from."""
    found = []
    for name in standard.BUILT_IN.values():
        module = importlib.import_module(name).MODULE
        found += [(module.name, directive) for directive in module.directives]
    return found


def contexts(directive: Directive) -> str:
    names = (("server", SERVER_OVERRIDE), ("directory", SECTION_OVERRIDE))
    return ",".join(name for name, bits in names if directive.where & bits)


def override(directive: Directive) -> str:
    bits = directive.where & ~(EXEC_ON_READ | NONFATAL_OVERRIDE | NONFATAL_UNKNOWN | RSRC_CONF | ACCESS_CONF)
    if bits & OR_ALL == OR_ALL:
        return "any"
    return ",".join(name for value, name in OVERRIDE_NAMES if bits & value) or "-"


DIRECTIVES = ours()


@pytest.mark.parametrize(("module", "directive"), DIRECTIVES, ids=[f"{m}-{d.name}" for m, d in DIRECTIVES])
def test_where_it_may_stand(module: str, directive: Directive) -> None:
    rows = apache_table().get(directive.key)
    if rows is None:
        assert directive.name in OWN | NOT_LISTED
        return
    row = next((row for row in rows if row["module"] == module), rows[0])
    assert (contexts(directive), override(directive)) == (row["contexts"], row["htaccess_override"])
    assert directive.name == row["directive"].removesuffix(">")


def test_core_is_complete() -> None:
    """Nothing of core, http_core and unixd is missing."""
    have = {directive.key for _module, directive in DIRECTIVES}
    names = {key for key, rows in apache_table().items() for row in rows if row["module"] in ("core", "unixd")}
    assert names - have == set()


def test_help_is_apaches(tmp_path: Path) -> None:
    """`apache2 -L` explains each directive in the same words: they are part of its complaints."""
    require_tool("apache2")
    explained = apache_help(tmp_path)
    differing = {
        directive.name: (directive.help, explained[directive.key])
        for _module, directive in DIRECTIVES
        if directive.key in explained and directive.help not in explained[directive.key]
    }
    assert differing == {}


def apache_help(tmp_path: Path) -> dict[str, list[str]]:
    """Help texts by directive, of each of Apache's MPMs and of all modules that we have."""
    explained: dict[str, list[str]] = {}
    for mpm in ("mpm_event", "mpm_prefork"):
        names = [name.removesuffix("_module") for name in standard.BUILT_IN if not standard.is_mpm(name)]
        files = {name: MODULES / f"mod_{name}.so" for name in (mpm, *names) if name != "cgi"}
        loads = [f"LoadModule {name}_module {file}" for name, file in files.items() if file.exists()]
        file = tmp_path / "httpd.conf"
        types = tmp_path / "mime.types"
        types.touch()
        lines = [f"ServerRoot {tmp_path}", *loads, "ServerName localhost", "Listen 127.0.0.1:80", "ErrorLog x.log"]
        file.write_text("\n".join([*lines, f"TypesConfig {types}", ""]))
        result = subprocess.run(["apache2", "-f", str(file), "-L"], capture_output=True, text=True, check=False)
        assert result.stdout, result.stderr
        for name, text in re.findall(r"^(\S+) \(\S+\)\n\t(.*)$", result.stdout, re.MULTILINE):
            explained.setdefault(name.lower(), []).append(text)
    return explained
