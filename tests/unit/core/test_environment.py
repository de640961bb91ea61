"""Variables and notes as tables in which the case of names doesn't matter."""

from __future__ import annotations

from mpmserver.core.environment import get_variable, set_variable, unset_variable


def test_tables_ignore_case_and_keep_the_first_spelling() -> None:
    env = {"Name": "1"}
    set_variable(env, "NAME", "2")
    assert env == {"Name": "2"}
    assert get_variable(env, "name") == "2"
    assert get_variable(env, "names") is None
    unset_variable(env, "nAME")
    unset_variable(env, "absent")
    assert env == {}
