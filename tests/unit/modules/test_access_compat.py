"""Order, Allow, Deny and Satisfy: who is let in, by which rule, and what is logged."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from mpmserver.config.errors import ConfigError
from mpmserver.core.world import World
from tests.memory import Answer, get, log_of, world

PASSWORDS = "alice:{SHA}" + base64.b64encode(hashlib.sha1(b"pa").digest()).decode() + "\n"
ALICE = "Authorization: Basic " + base64.b64encode(b"alice:pa").decode()
BASIC = "AuthType Basic\nAuthName r\nAuthUserFile {root}/pw\nRequire valid-user\n"
ALL = "Order deny,allow\nDeny from all\n"


def guarded(tmp_path: Path, section: str, more: str = "") -> World:
    """A site with one guarded location that holds a file; SetEnvIf makes x of X-X and y of X-Y."""
    (tmp_path / "pw").write_text(PASSWORDS)
    text = f"SetEnvIf X-X . x\nSetEnvIf X-Y . y\n<Location /p>\n{section}\n</Location>\n{more}"
    made = world(tmp_path, text.replace("{root}", str(tmp_path)))
    folder = tmp_path / "htdocs" / "p" / "in"
    folder.mkdir(parents=True)
    (folder.parent / "a.txt").write_text("inside")
    (folder / "a.txt").write_text("further")
    return made


def ask(made: World, *headers: str, path: str = "/p/a.txt", method: str = "GET") -> Answer:
    return get(made, path, *headers, method=method)


def allowed_from(x: str, y: str = "127.0.0.1") -> str:
    return f"Allow from {x}\nDeny from {y}"


@pytest.mark.parametrize(
    ("rules", "status"),
    [
        ("Order allow,deny", 403),
        ("Order Deny,Allow", 200),
        ("Order mutual-failure", 403),
        ("Allow from 10", 200),
        ("Deny from 127", 403),
        ("Order allow,deny\nAllow from all", 200),
        ("Order allow,deny\n" + allowed_from("127.0.0.1"), 403),
        ("Order deny,allow\n" + allowed_from("127.0.0.1"), 200),
        ("Order mutual-failure\n" + allowed_from("127.0.0.1"), 403),
        ("Order mutual-failure\n" + allowed_from("127.0.0.1", "10"), 200),
        ("Order deny,allow\nOrder allow,deny\nAllow from 127.0.0.0/8", 200),
        (ALL + "Allow from env=x", 403),
        (ALL + "Allow from env=!x", 200),
        (ALL + "Allow from 10 ::1 127.0.0.1/255.0.0.255", 200),
        (ALL + "Allow from localhost", 200),
        (ALL + "Allow from .localhost ost example.org", 403),
        (ALL + "Allow from 127.0.0.1,127.0.0.2", 403),
        ('Order deny,allow\nDeny from "" 127.0.0.1', 200),
        ("<Limit POST>\nOrder allow,deny\n</Limit>", 200),
        ("<LimitExcept POST>\nOrder allow,deny\n</LimitExcept>", 403),
        ("Order allow,deny\n<Limit GET>\nAllow from all\n</Limit>", 200),
        ("Order allow,deny\n<Limit POST>\nAllow from all\n</Limit>", 403),
    ],
)
def test_answers(tmp_path: Path, rules: str, status: int) -> None:
    made = guarded(tmp_path, rules)
    assert ask(made).status == status
    denied = f"access_compat:error AH01797: client denied by server configuration: {tmp_path}/htdocs/p/a.txt"
    assert log_of(made) == ([denied] if status == 403 else [])


@pytest.mark.parametrize("name", ["x", "X"])
def test_variables_are_known_without_case(tmp_path: Path, name: str) -> None:
    made = guarded(tmp_path, f"{ALL}Allow from env={name}")
    assert (ask(made).status, ask(made, "X-X: 1").status) == (403, 200)


@pytest.mark.parametrize(
    ("inner", "status"),
    [("", 403), ("Options None", 403), ("Allow from 10", 200), ("Satisfy all", 200), ("Order allow,deny", 403)],
)
def test_an_inner_section_forgets_the_outer_ones(tmp_path: Path, inner: str, status: int) -> None:
    made = guarded(tmp_path, ALL, f"<Location /p/in>\n{inner}\n</Location>\n")
    assert ask(made, path="/p/in/a.txt").status == status


ANY, EVERY = "Satisfy any\n", "Satisfy All\n"


@pytest.mark.parametrize(
    ("rules", "stranger", "let_in", "user"),
    [
        (ANY + ALL + "Allow from env=x\n" + BASIC, 401, 200, 200),
        (EVERY + ALL + "Allow from env=x\n" + BASIC, 403, 401, 403),
        (ANY + BASIC, 200, 200, 200),
        (ANY + ALL + "Allow from env=x", 200, 200, 200),
        (ANY + ALL + "Allow from env=x\nRequire all denied", 403, 200, 403),
        (ANY + ALL + "Allow from env=x\nRequire env y", 403, 200, 403),
        (ANY + ALL + "Allow from env=x\nRequire valid-user", 500, 200, 500),
        (ALL + "Allow from env=x\n<Limit GET>\nSatisfy any\n</Limit>\n" + BASIC, 401, 200, 200),
        (ALL + "Allow from env=x\nSatisfy any\n<Limit GET>\nSatisfy all\n</Limit>\n" + BASIC, 403, 401, 403),
    ],
)
def test_satisfy(tmp_path: Path, rules: str, stranger: int, let_in: int, user: int) -> None:
    made = guarded(tmp_path, rules)
    assert [ask(made, *headers).status for headers in ((), ("X-X: 1",), (ALICE,))] == [stranger, let_in, user]


def test_without_a_way_to_know_users_satisfy_any_has_a_number_of_its_own(tmp_path: Path) -> None:
    for satisfy, number in (("any", "AH00028"), ("all", "AH00027")):
        folder = tmp_path / satisfy
        folder.mkdir()
        rules = "Order allow,deny\nAllow from all\nDeny from env=!x\nRequire valid-user"
        made = guarded(folder, f"Satisfy {satisfy}\n{rules}")
        ask(made, *([] if satisfy == "any" else ["X-X: 1"]))
        assert any(number in line for line in log_of(made))


def test_htaccess_needs_limit_and_authconfig(tmp_path: Path) -> None:
    made = guarded(tmp_path, "", f"<Directory {tmp_path}/htdocs>\nAllowOverride Limit\n</Directory>\n")
    htaccess = tmp_path / "htdocs" / "p" / ".htaccess"
    answers = []
    for text in ("Order allow,deny\n", "Order allow,deny\nAllow from all\n", "Satisfy any\n"):
        htaccess.write_text(text)
        answers.append(ask(made).status)
    assert answers == [403, 200, 500]


def test_a_directive_that_is_passed_over_still_begins_anew(tmp_path: Path) -> None:
    more = f"<Directory {tmp_path}/htdocs>\nAllowOverride FileInfo Nonfatal=Override\n{ALL}</Directory>\n"
    made = guarded(tmp_path, "", more)
    assert ask(made).status == 403
    (tmp_path / "htdocs" / "p" / ".htaccess").write_text("Order allow,deny\n")
    assert ask(made).status == 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Order foo", "unknown order"),
        ("Satisfy foo", "Satisfy either 'any' or 'all'."),
        ("Allow to all", "allow and deny must be followed by 'from'"),
        ("Deny from #x", "No comments are allowed here"),
        ("Deny from foo/24", "An IP address was expected"),
        ("Deny from 1.2.3.4/33", "The specified network mask is invalid."),
        ("Deny from 300", "The specified IP address is invalid."),
        ("Allow all",
         "allow requires at least two arguments, 'from' followed by hostnames or IP-address wildcards"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        world(tmp_path, f"<Directory /x>\n{text}\n</Directory>\n")
    assert caught.value.message == message
