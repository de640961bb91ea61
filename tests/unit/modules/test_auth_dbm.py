"""modules/authn_dbm.py and authz_dbm.py: who is let in by databases, and what is said of those that can't be read."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import pytest

from mpmserver.core.world import World
from tests.memory import get, log_of, world

DATABASES = Path(__file__).parents[2] / "differential/cases/auth_dbm/files"


def _made(tmp_path: Path, text: str) -> World:
    """A site that asks for a user from the databases."""
    for path in DATABASES.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    made = world(tmp_path, f"<Location />\nAuthType Basic\nAuthName r\nAuthBasicProvider dbm\n{text}\n</Location>\n")
    (tmp_path / "htdocs" / "a.txt").write_text("inside")
    return made


def _status(made: World, user: str, password: str = "secret") -> int:
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    return get(made, "/a.txt", f"Authorization: Basic {credentials}").status


@pytest.mark.parametrize("kind", ["db", "gdbm", "sdbm"])
def test_users(tmp_path: Path, kind: str) -> None:
    made = _made(tmp_path, f"AuthDBMType {kind}\nAuthDBMUserFile users.{kind}\nRequire valid-user")
    assert [_status(made, user) for user in ("sha", "nobody", "plain")] == [200, 401, 401]
    assert _status(made, "sha", "wrong") == 401


@pytest.mark.parametrize("kind", ["db", "gdbm", "sdbm"])
def test_groups(tmp_path: Path, kind: str) -> None:
    text = f"AuthDBMUserFile users.db\nAuthzDBMType {kind}\nAuthDBMGroupFile groups.{kind}\nRequire dbm-group"
    assert _status(_made(tmp_path, f"{text} two"), "sha") == 200
    made = _made(tmp_path, f"{text} one three")
    assert _status(made, "sha") == 401
    assert "AH01801" in str(log_of(made))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Require valid-user", "AH10285: could not open dbm (type default) file: (null)"),
        ("AuthDBMUserFile nosuch\nRequire valid-user", "(120002)APR does not understand this error code: AH10285"),
        ("AuthDBMUserFile users.db\nAuthDBMType x\nRequire valid-user", "(20019)DSO load failed: AH10285"),
        ("AuthDBMUserFile users.db\nAuthDBMGroupFile nosuch\nRequire dbm-group a", "AH01799"),
    ],
)
def test_a_database_that_cannot_be_read_is_the_servers_fault(tmp_path: Path, text: str, message: str) -> None:
    made = _made(tmp_path, text)
    assert _status(made, "sha") == 500
    assert message in str(log_of(made))


@pytest.mark.parametrize(("require", "number"), [("dbm-group a", "AH01798"), ("dbm-file-group", "AH01802")])
def test_without_a_group_file(tmp_path: Path, require: str, number: str) -> None:
    made = _made(tmp_path, f"AuthDBMUserFile users.db\nRequire {require}")
    assert _status(made, "sha") == 401
    assert f"{number}: No group file was specified in the configuration" in str(log_of(made))
