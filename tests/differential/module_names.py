"""Which module a case is about: the rows of the table.

A case's name begins with the module's (``rewrite_flags``, ``mod_dir``, ``auth_basic``), or with a word of ``TOPICS``;
any other says ``# module: mod_name`` in a line of its ``httpd.conf``. What is of no single module has a topic of its
own: ``core``, ``http`` (the protocol), ``expressions``, ``configuration`` (the wrong ones), ``corpus``.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path

from mpmserver.modules.standard import BUILT_IN
from tests.differential.case import Case, CaseError

DIRECTIVES = Path(__file__).resolve().parents[1] / "data" / "apache-2.4.71-directives.tsv"
NOT_MODULES = frozenset({"core", "http", "expressions", "configuration", "corpus"})
#: Cases by the first word, or the whole, of their name.
TOPICS = {
    "auth": "mod_auth_basic",
    "badconfig": "configuration",
    "canonical": "core",
    "config_flow": "core",
    "connection": "http",
    "corpus": "corpus",
    "env_setenvif": "mod_setenvif",
    "error_log": "core",
    "errors": "core",
    "etag": "core",
    "expr": "expressions",
    "expressions": "expressions",
    "htaccess": "core",
    "limits": "core",
    "log_format": "mod_log_config",
    "paths": "core",
    "sections": "core",
    "static": "core",
    "vhosts": "core",
    "wire": "http",
}


def module_of(case: Case) -> str:
    """The row that a case counts in; ``CaseError`` where neither its name nor its configuration tells."""
    if said := re.search(r"^# module: (\S+)$", case.config, re.MULTILINE):
        name = said[1]
        if name not in NOT_MODULES and name.removeprefix("mod_") not in _modules():
            raise CaseError(f"{case.name}/httpd.conf: # module: {name}: Apache has no such module")
        return name
    if (found := row(case.name)) is None:
        raise CaseError(f"{case.name}: begins with no module's name; say # module: mod_... in its httpd.conf")
    return found


def row(name: str) -> str | None:
    """The row of a case by its name alone, or ``None``; the longest beginning counts."""
    words = name.removeprefix("mod_").split("_")
    for count in range(len(words), 0, -1):
        beginning = "_".join(words[:count])
        if beginning in TOPICS:
            return TOPICS[beginning]
        if beginning in _modules():
            return f"mod_{beginning}"
    return None


@cache
def _modules() -> frozenset[str]:
    """Apache's modules that have directives, and all of ours."""
    with DIRECTIVES.open(encoding="utf-8", newline="") as stream:
        found = {line["module"] for line in csv.DictReader(stream, delimiter="\t")}
    return frozenset((found | {name.removesuffix("_module") for name in BUILT_IN}) - NOT_MODULES)
