"""Every case of the differential harness, one test each, and the wrong configurations."""

from __future__ import annotations

import fnmatch
import os

import pytest

from tests.differential import badconfig
from tests.differential.__main__ import describe
from tests.differential.case import load_cases
from tests.differential.explain import Verdict, load_entries
from tests.differential.module_names import module_of
from tests.differential.recalled import RECALLED
from tests.differential.runner import run_case
from tests.live_server import require_apache

NAMES = [case.name for case in load_cases()]
MPM = os.environ.get("DIFFERENTIAL_MPM", "event")
AT_LEAST = 2000
#: Cases of which no answer is remembered, as their subject makes each depend on more than request and files.
NOTHING_REMEMBERED = frozenset({
    "auth_dbm", "auth_digest", "auth_group_owner_anon", "cgid", "env_setenvif", "expr_if", "expr_uses",
    "expr_variables", "log_debug", "mod_request", "remoteip", "remoteip_proxy_protocol", "reqtimeout",
    "rewrite_conditions", "rewrite_flags", "rewrite_maps", "rewrite_variables", "unique_id",
})  # fmt: skip
#: Kinds of generated samples, and what is found by them: there may be none.
GENERATED = ("generated_rewrite", "generated_expressions", "generated_authorization", "found_example")


def check(verdict: Verdict) -> None:
    """Fail with everything that is open."""
    lines = [describe(item, full=False) for item in verdict.unexplained]
    lines += [f"explained.yaml: matches nothing: {entry}" for entry in verdict.stale]
    assert verdict.good, "\n".join([f"{len(lines)} open differences", *lines])


@pytest.mark.parametrize("name", NAMES)
def test_case_equals_apache(name: str) -> None:
    require_apache()
    (case,) = load_cases([name])
    verdict = run_case(case, MPM, "mpmserver", load_entries(), recalled=RECALLED)
    check(verdict)
    if RECALLED:
        assert verdict.hits.total() > 0 or name in NOTHING_REMEMBERED, "no answer came from memory"


def test_wrong_configurations_are_reported_in_the_same_words() -> None:
    require_apache()
    check(badconfig.run("mpmserver", load_entries()))


def test_there_are_enough_requests() -> None:
    assert sum(case.requests for case in load_cases()) >= AT_LEAST


@pytest.mark.parametrize("name", NAMES)
def test_every_case_belongs_to_a_module(name: str) -> None:
    (case,) = load_cases([name])
    assert module_of(case)


def test_every_entry_names_cases_that_exist() -> None:
    known = {*NAMES, badconfig.NAME, *GENERATED}
    for entry in load_entries():
        assert [name for name in entry.cases if not fnmatch.filter(known, name)] == [], entry
