"""Authentication and authorization: one table of sections and requests, and what Apache answers to each."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from mpmserver.config.errors import ConfigError
from mpmserver.core.world import World
from tests.memory import Answer, get, log_of, world


def sha(password: str) -> str:
    return "{SHA}" + base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()


def basic(credentials: str | bytes, scheme: str = "Basic") -> str:
    raw = credentials if isinstance(credentials, bytes) else credentials.encode()
    return f"Authorization: {scheme} {base64.b64encode(raw).decode()}"


PASSWORDS = "\n".join(
    [
        "# comment", "", f"alice:{sha('pa')}", "nocolon", f"bob:{sha('pb')}", f"bob:{sha('second')}", "spaced :x",
        f"  lead:{sha('pl')}", f"col:{sha('pc')}:extra", "empty:", f"uü:{sha('pä')}",
    ]
)  # fmt: skip
ALICE, BOB = basic("alice:pa"), basic("bob:pb")
BASIC = 'AuthType Basic\nAuthName "r \\"q\\" é"\nAuthUserFile {root}/pw\n'
CHALLENGE = 'Basic realm="r \\"q\\" Ã©"'


def protected(tmp_path: Path, section: str, path: str = "/p", more: str = "") -> World:
    """A site with one protected location that holds a file."""
    (tmp_path / "pw").write_text(PASSWORDS)
    made = world(tmp_path, f"<Location {path}>\n{section.replace('{root}', str(tmp_path))}\n</Location>\n{more}")
    (tmp_path / "htdocs" / "p").mkdir()
    (tmp_path / "htdocs" / "p" / "a.txt").write_text("inside")
    return made


def ask(made: World, *headers: str, method: str = "GET") -> Answer:
    return get(made, "/p/a.txt", *headers, method=method)


VALID = BASIC + "Require valid-user"
NOT_ALICE = "<RequireAll>\nRequire valid-user\nRequire not user alice\n</RequireAll>"
NEITHER = """<RequireAll>
Require valid-user
<RequireNone>
Require user alice
Require user bob
</RequireNone>
</RequireAll>"""
NESTED = """<RequireAny>
<RequireAll>
Require user bob
Require method GET
</RequireAll>
<RequireAll>
Require env LET
Require not ip 10
</RequireAll>
</RequireAny>"""
DENIED = "AH01630: client denied by server configuration: {root}/htdocs/p/a.txt"


UNCONFIGURED = (
    "AH00027: No authentication done but request not allowed without authentication for /p/a.txt. "
    "Authentication not configured?"
)


def mismatch(user: str) -> str:
    return f'AH01617: user {user}: authentication failure for "/p/a.txt": Password Mismatch'


def failed(user: str) -> str:
    return f'AH01631: user {user}: authorization failure for "/p/a.txt": '


@pytest.mark.parametrize(
    ("section", "header", "status", "log"),
    [
        (VALID, "", 401, ""),
        (VALID, ALICE, 200, ""),
        (VALID, basic("alice:no"), 401, mismatch("alice")),
        (VALID, basic("zed:no"), 401, "AH01618: user zed not found: /p/a.txt"),
        (VALID, "Authorization: Digest x=y", 401, "AH01614: client used wrong authentication scheme: /p/a.txt"),
        (VALID, "Authorization:", 401, "AH01614: client used wrong authentication scheme: /p/a.txt"),
        (VALID, "Authorization: Basic", 401, "AH01618: user  not found: /p/a.txt"),
        (VALID, "Authorization: Basic !!!", 401, "AH01618: user  not found: /p/a.txt"),
        (VALID, basic("alice:pa", "bAsIc"), 200, ""),
        (VALID, basic("alice:pa", "Basic "), 200, ""),
        (VALID, ALICE + " junk", 200, ""),
        (VALID, ALICE.rstrip("="), 200, ""),
        (VALID, basic(b"alice:pa\0z"), 200, ""),
        (VALID, basic(b"alice\0:pa"), 401, mismatch("alice")),
        (VALID, basic("bob:second"), 401, mismatch("bob")),
        (VALID, basic("lead:pl"), 200, ""),
        (VALID, basic("col:pc"), 200, ""),
        (VALID, basic("uü:pä"), 200, ""),
        (VALID, basic("empty:"), 401, mismatch("empty")),
        (VALID, basic("nocolon:"), 401, mismatch("nocolon")),
        (VALID, basic("spaced:x"), 401, "AH01618: user spaced not found: /p/a.txt"),
        (VALID, basic("# comment:x"), 401, "AH01618: user # comment not found: /p/a.txt"),
        ("AuthType Basic\nAuthUserFile {root}/pw\nRequire valid-user", ALICE, 500, "AH01615: need AuthName: /p/a.txt"),
        ("AuthType Basic\nAuthName x\nRequire valid-user", "", 401, ""),
        ("AuthType Basic\nAuthName x\nRequire valid-user", ALICE, 500,
         "AH01619: AuthUserFile not specified in the configuration"),
        ("AuthType Basic\nAuthName x\nAuthUserFile {root}/nope\nRequire valid-user", ALICE, 500,
         "(2)No such file or directory: AH01620: Could not open password file: {root}/nope"),
        ("AuthName x\nRequire valid-user", ALICE, 500, UNCONFIGURED),
        ("AuthType None\nRequire valid-user", ALICE, 500, UNCONFIGURED),
        ("AuthType Foo\nRequire valid-user", "", 500, "AH01796: AuthType Foo configured without corresponding module"),
        (VALID + "\nAuthBasicAuthoritative Off", basic("zed:x"), 500,
         "AH01796: AuthType Basic configured without corresponding module"),
        (VALID + "\nAuthBasicAuthoritative Off", basic("alice:x"), 401,
         mismatch("alice")),
        (VALID + "\nAuthBasicProvider file file", ALICE, 200, ""),
        (BASIC + "Require user bob alice", ALICE, 200, ""),
        (BASIC + "Require user bob", ALICE, 401, failed("alice")),
        (BASIC + 'Require user ""', ALICE, 401, failed("alice")),
        (BASIC + "AuthzSendForbiddenOnFailure On\nRequire user bob", ALICE, 403, failed("alice")),
        (BASIC + "AuthzSendForbiddenOnFailure On\nRequire user bob", "", 401, ""),
        (BASIC + "Require ip 10.1.1.1\nRequire user alice", ALICE, 200, ""),
        (BASIC + "Require ip 127\nRequire user alice", "", 200, ""),
        (BASIC + "<RequireAll>\nRequire ip 127.0.0.0/8\nRequire user alice\n</RequireAll>", "", 401, ""),
        (BASIC + "<RequireAll>\nRequire ip 10\nRequire user alice\n</RequireAll>", ALICE, 403, DENIED),
        (BASIC + NOT_ALICE, ALICE, 401, failed("alice")),
        (BASIC + NOT_ALICE, BOB, 200, ""),
        (BASIC + NEITHER, BOB, 401, failed("bob")),
        (BASIC + NESTED, BOB, 200, ""),
        ("Require all denied", "", 403, DENIED),
        ("Require all granted", "", 200, ""),
        (BASIC + "Require all denied\nRequire valid-user", ALICE, 200, ""),
        (BASIC + "<RequireAll>\nRequire all denied\nRequire valid-user\n</RequireAll>", ALICE, 403, DENIED),
        ("Require local", "", 200, ""),
        ("Require ip ::1", "", 403, DENIED),
        ("Require ip 127.0.0.1/255.0.255.255", "", 200, ""),
        ("Require method POST OPTIONS", "", 403, DENIED),
        ("Require env LET", "", 403, DENIED),
        ("Require host example.invalid", "", 403, DENIED),
        ("Require host localhost", "", 200, ""),
        ("Require forward-dns localhost", "", 200, ""),
        (BASIC + "<Limit POST>\nRequire user alice\n</Limit>", "", 200, ""),
        (BASIC + "<LimitExcept GET>\nRequire user alice\n</LimitExcept>", "", 200, ""),
        (BASIC + "<Limit GET>\nRequire user alice\n</Limit>\nRequire ip 10.1.1.1", "", 401, ""),
    ],
)  # fmt: skip
def test_answers(tmp_path: Path, section: str, header: str, status: int, log: str) -> None:
    made = protected(tmp_path, section)
    answer = ask(made, *([header] if header else []))
    assert answer.status == status
    expected = [log.replace("{root}", str(tmp_path))] if log else []
    assert [line.partition(" ")[2] for line in log_of(made) if ":debug" not in line] == expected
    if status == 401:
        assert answer.headers["www-authenticate"] in (CHALLENGE, 'Basic realm="x"')
    else:
        assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize(
    ("section", "method", "status"),
    [
        (BASIC + "<Limit POST>\nRequire user alice\n</Limit>", "POST", 401),
        (BASIC + "<LimitExcept GET>\nRequire user alice\n</LimitExcept>", "OPTIONS", 401),
        (BASIC + "<LimitExcept GET>\nRequire user alice\n</LimitExcept>", "HEAD", 200),
        (BASIC + "<Limit GET>\nRequire user alice\n</Limit>\nRequire ip 10.1.1.1", "POST", 403),
        (BASIC + "<Limit GET>\nRequire user alice\n</Limit>\nRequire ip 10.1.1.1", "HEAD", 401),
        ("Require method POST", "POST", 200),
        ("Require method GET", "HEAD", 200),
    ],
)
def test_methods(tmp_path: Path, section: str, method: str, status: int) -> None:
    assert ask(protected(tmp_path, section), method=method).status == status


@pytest.mark.parametrize(
    ("merging", "alice", "bob", "nobody"),
    [
        ("", 401, 200, 401),
        ("AuthMerging Off", 401, 200, 401),
        ("AuthMerging And", 401, 401, 401),
        ("AuthMerging Or", 200, 200, 401),
    ],
)
def test_merging(tmp_path: Path, merging: str, alice: int, bob: int, nobody: int) -> None:
    closed = f"<Directory {tmp_path}/htdocs>\nRequire all denied\n</Directory>\n" if merging.endswith("Or") else ""
    inner = f"{closed}<Location /p/a.txt>\n{merging}\nRequire user bob\n</Location>\n"
    made = protected(tmp_path, BASIC + "Require user alice", more=inner)
    assert [ask(made, *headers).status for headers in ((ALICE,), (BOB,), ())] == [alice, bob, nobody]


def test_an_inner_section_without_requirements_inherits_them(tmp_path: Path) -> None:
    made = protected(tmp_path, "Require all denied", more="<Location /p/a.txt>\nOptions None\n</Location>\n")
    assert ask(made).status == 403


def test_an_environment_variable_lets_in(tmp_path: Path) -> None:
    made = protected(tmp_path, "Require env A LET", more="SetEnvIf X-Let . LET=1\n")
    assert (ask(made).status, ask(made, "X-Let: 1").status) == (403, 200)


def test_the_user_reaches_scripts_and_error_documents(tmp_path: Path) -> None:
    made = protected(tmp_path, VALID, more="ErrorDocument 404 /p/a.txt\n")
    assert get(made, "/p/none", ALICE).body == b"inside"
    assert get(made, "/elsewhere").body.startswith(b"<!DOCTYPE")  # the document asks for a password itself


def test_htaccess(tmp_path: Path) -> None:
    made = protected(
        tmp_path, "", path="/other", more=f"<Directory {tmp_path}/htdocs>\nAllowOverride AuthConfig\n</Directory>\n"
    )
    htaccess = tmp_path / "htdocs" / "p" / ".htaccess"
    htaccess.write_text(VALID.replace("{root}", str(tmp_path)) + "\n")
    assert (ask(made).status, ask(made, ALICE).status) == (401, 200)


def test_a_list_of_negatives_in_htaccess_grants_nothing(tmp_path: Path) -> None:
    made = protected(
        tmp_path, "", path="/other", more=f"<Directory {tmp_path}/htdocs>\nAllowOverride All\n</Directory>\n"
    )
    (tmp_path / "htdocs" / "p" / ".htaccess").write_text("<RequireAll>\nRequire not ip 10\n</RequireAll>\n")
    assert ask(made).status == 403


def test_a_directory_index_is_checked_by_its_own_name(tmp_path: Path) -> None:
    files = "<Files a.txt>\nRequire all denied\n</Files>"
    more = f"DirectoryIndex a.txt\n<Directory {tmp_path}/htdocs>\n{files}\n</Directory>\n"
    made = protected(tmp_path, "Options None", path="/other", more=more)
    assert get(made, "/p/").status == 403
    assert log_of(made)[-1].endswith(DENIED.replace("{root}", str(tmp_path)))


IP = "ip address '{}' appears to be invalid"
ADDRESS, MASK = ": The specified IP address is invalid.", ": The specified network mask is invalid."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Require", "Unknown Authz provider: "),
        ("Require not", "Unknown Authz provider: "),
        ("Require foo bar", "Unknown Authz provider: foo"),
        ("Require ALL granted", "Unknown Authz provider: ALL"),
        ("Require not all granted", "negative Require directive has no effect in <RequireAny> directive"),
        ("Require all", "Argument for 'Require all' must be 'granted' or 'denied'"),
        ("Require all granted x", "Argument for 'Require all' must be 'granted' or 'denied'"),
        ("Require ip", "'require ip' requires an argument"),
        ("Require ip foo", IP.format("foo")),
        ("Require ip 1.2.3.4/33", IP.format("1.2.3.4/33") + MASK),
        ("Require ip 1.2.3.4/", IP.format("1.2.3.4/") + MASK),
        ("Require ip 1.2.3.4/24x", IP.format("1.2.3.4/24x") + MASK),
        ("Require ip 300.1.1.1", IP.format("300.1.1.1") + ADDRESS),
        ("Require ip 1.2.3.4.5", IP.format("1.2.3.4.5") + ADDRESS),
        ("Require ip 10.1/16", IP.format("10.1/16") + ADDRESS),
        ("Require method GET FOO", "Invalid Method 'FOO'"),
        ("<RequireAll>\n</RequireAll>", "<RequireAll> directive contains no authorization directives"),
        ("<RequireNone>\n</RequireNone>", "<RequireNone> directive contains no authorization directives"),
        ("<RequireAll x>\nRequire all granted\n</RequireAll>",
         "<RequireAll> directive doesn't take additional arguments"),
        ("<RequireNone>\nRequire all granted\n</RequireNone>",
         "<RequireNone> directive has no effect in <RequireAny> directive"),
        ("<RequireNone>\nRequire not all granted\n</RequireNone>",
         "negative Require directive has no effect in <RequireNone> directive"),
        ("<RequireAll>\nRequire not all granted\n</RequireAll>",
         "AH01624: <RequireAll> directive contains only negative authorization directives"),
        ("<RequireAll>\n<RequireNone>\nRequire all granted\n</RequireNone>\n</RequireAll>",
         "AH01624: <RequireAll> directive contains only negative authorization directives"),
        ("<RequireAll>\nOptions None\n</RequireAll>", "Options not allowed in <RequireAll> context"),
        ("AuthMerging foo", "AuthMerging must be one of: Off | And | Or"),
        ("AuthzSendForbiddenOnFailure x", "AuthzSendForbiddenOnFailure must be On or Off"),
        ("AuthBasicProvider file foo", "Unknown Authn provider: foo"),
        ("AuthBasicProvider File", "Unknown Authn provider: File"),
        ("AuthBasicUseDigestAlgorithm x", "Invalid algorithm in AuthBasicUseDigestAlgorithm: x"),
        ("AuthName a b", 'AuthName takes one argument, the authentication realm (e.g. "Members Only")'),
        ("AuthType", 'AuthType takes one argument, an HTTP authorization type (e.g., "Basic")'),
    ],
)  # fmt: skip
def test_what_apache_refuses(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        world(tmp_path, f"<Directory /x>\n{text}\n</Directory>\n")
    assert caught.value.message == message


@pytest.mark.parametrize(
    "text",
    [
        "Require user", "Require ip 1.2.3.", "Require ip 10 11", "Require ip ::1/64", "Require ip 1.2.3.4/255.0.255.0",
        "Require valid-user x", "Require host", "Require env", "Require method", "Require local x", "AuthBasicFake off",
        "<RequireAll>\n<Limit GET>\nRequire all granted\n</Limit>\n</RequireAll>",
        "<RequireAll>\nAuthName x\nRequire all granted\n</RequireAll>",
        "<Limit GET>\n<RequireAll>\nRequire all granted\n</RequireAll>\n</Limit>",
    ],
)  # fmt: skip
def test_what_apache_takes(tmp_path: Path, text: str) -> None:
    world(tmp_path, f"<Directory /x>\n{text}\n</Directory>\n")
