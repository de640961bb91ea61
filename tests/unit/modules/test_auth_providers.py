"""Groups, owners of files, anonymous users, hashes for Basic, and aliases of providers."""

from __future__ import annotations

import base64
import grp
import hashlib
import os
import pwd
from pathlib import Path

import pytest

from mpmserver.config.errors import ConfigError
from mpmserver.core.world import World
from tests.memory import get, log_of, world

OWNER = pwd.getpwuid(os.getuid()).pw_name
GROUP = grp.getgrgid(os.getgid()).gr_name
USERS = ("alice", "bob", "sp ace", OWNER)


def sha(password: str) -> str:
    return "{SHA}" + base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()


GROUPS = f"""# comment
adm:  alice
 spaced name : bob "sp ace"
adm: bob
long: alice \\
  bob
nocolon alice
Mixed:'sp ace'
{GROUP}: {OWNER}
"""
FILE = "AuthUserFile {root}/users\n"
BOTH = FILE + "AuthGroupFile {root}/groups\n"


def guarded(tmp_path: Path, section: str, before: str = "") -> World:
    """A site with a location /p that asks for a user by Basic."""
    (tmp_path / "users").write_text("".join(f"{user}:{sha('pw')}\n" for user in USERS))
    (tmp_path / "groups").write_text(GROUPS)
    md5 = hashlib.md5(b"alice:realm:pw").hexdigest()
    (tmp_path / "digests").write_text(f"alice:realm:{md5}\nalice:other:x\nnohash:realm:\n")
    text = f"{before}\n<Location /p>\nAuthType Basic\nAuthName realm\n{section}\n</Location>\n"
    made = world(tmp_path, text.replace("{root}", str(tmp_path)))
    (tmp_path / "htdocs" / "p").mkdir()
    (tmp_path / "htdocs" / "p" / "a.txt").write_text("inside")
    return made


def status(made: World, credentials: str, path: str = "/p/a.txt") -> int:
    token = base64.b64encode(credentials.encode()).decode()
    return get(made, path, f"Authorization: Basic {token}").status


def messages(made: World) -> list[str]:
    return [line.partition(" ")[2] for line in log_of(made)]


@pytest.mark.parametrize(
    ("required", "allowed"),
    [
        ("group adm", "alice bob"), ("group ADM", "alice bob"), ('group "spaced name"', "bob|sp ace"),
        ("group nothing long", "alice bob"), ("group mixed", "sp ace"), ("group nocolon", ""), ("group", ""),
        ("group %{req:Host}", ""),
    ],
)  # fmt: skip
def test_groups(tmp_path: Path, required: str, allowed: str) -> None:
    made = guarded(tmp_path, f"{BOTH}Require {required}")
    users = allowed.split("|") if "|" in allowed or allowed == "sp ace" else allowed.split()
    assert [user for user in USERS if status(made, f"{user}:pw") == 200] == users


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (FILE + "Require group adm", "AH01664: No group file was specified in the configuration"),
        (FILE + "Require file-group", "AH01668: No group file was specified in the configuration"),
        (FILE + "AuthGroupFile {root}/none\nRequire group adm",
         "(2)No such file or directory: AH01665: Could not open group file: {root}/none"),
        (FILE + "AuthGroupFile {root}\nRequire file-group",
         "(9)Bad file descriptor: AH01669: Could not open group file: {root}"),
        (BOTH + "Require group adm",
         "AH01666: Authorization of user sp ace to access /p/a.txt failed, reason: user doesn't appear in group file "
         "({root}/groups)."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_groups(tmp_path: Path, section: str, message: str) -> None:
    if section.startswith(BOTH):
        groups = GROUPS.replace("sp ace", "else")
    made = guarded(tmp_path, section)
    if section.startswith(BOTH):
        (tmp_path / "groups").write_text(groups)
    assert status(made, "sp ace:pw") == 401
    assert message.replace("{root}", str(tmp_path)) in messages(made)


def test_owners(tmp_path: Path) -> None:
    made = guarded(tmp_path, BOTH + "Require file-owner")
    assert (status(made, f"{OWNER}:pw"), status(made, "alice:pw")) == (200, 401)
    reason = f"file owner {OWNER} does not match."
    assert f"AH01637: Authorization of user alice to access /p/a.txt failed, reason: {reason}" in messages(made)
    assert status(made, f"{OWNER}:pw", "/p/none") == 401
    file = tmp_path / "htdocs" / "p" / "none"
    prefix = "(2)No such file or directory: AH01634: Authorization of user"
    assert f"{prefix} {OWNER} to access /p/none failed, reason: could not stat file {file}" in messages(made)


def test_groups_of_files(tmp_path: Path) -> None:
    made = guarded(tmp_path, BOTH + "Require file-group")
    assert (status(made, f"{OWNER}:pw"), status(made, "alice:pw")) == (200, 401)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
def test_owners_without_a_name(tmp_path: Path) -> None:
    made = guarded(tmp_path, BOTH + "Require file-owner\nRequire file-group")
    os.chown(tmp_path / "htdocs" / "p" / "a.txt", 54321, 54321)
    assert status(made, f"{OWNER}:pw") == 401
    text = " ".join(messages(made))
    assert "(2)No such file or directory: AH01636: " in text
    assert "(2)No such file or directory: AH01641: " in text


ANON = "AuthBasicProvider anon\nRequire valid-user\n"


@pytest.mark.parametrize(
    ("directives", "credentials", "expected"),
    [
        ("Anonymous guest", "guest:x", 200), ("Anonymous guest", "GUEST:x", 200), ("Anonymous guest", "guest:", 401),
        ("Anonymous guest", "other:x", 401), ("Anonymous *", "other:x", 200), ("Anonymous *", ":x", 401),
        ("Anonymous guest\nAnonymous_NoUserId On", ":x", 200), ("Anonymous_NoUserId On", ":x", 401),
        ("Anonymous guest\nAnonymous_MustGiveEmail Off", "guest:", 200),
        ("Anonymous guest\nAnonymous_VerifyEmail On", "guest:x@y", 401),
        ("Anonymous guest\nAnonymous_VerifyEmail On", "guest:x@y.z", 200), ("", "guest:x", 401),
    ],
)  # fmt: skip
def test_anonymous_users(tmp_path: Path, directives: str, credentials: str, expected: int) -> None:
    made = guarded(tmp_path, ANON + directives)
    assert status(made, credentials) == expected
    accepted = f"AH01672: Anonymous: Passwd <{credentials.partition(':')[2]}> Accepted"
    assert (accepted in messages(made)) == (expected == 200)


def test_the_address_need_not_be_logged(tmp_path: Path) -> None:
    made = guarded(tmp_path, ANON + "Anonymous guest\nAnonymous_LogEmail Off")
    assert status(made, "guest:x@y.z") == 200
    assert log_of(made) == []


@pytest.mark.parametrize(
    ("file", "credentials", "expected"),
    [
        ("digests", "alice:pw", 200), ("digests", "alice:no", 401), ("digests", "bob:pw", 401),
        ("digests", "nohash:pw", 401), ("none", "alice:pw", 500),
    ],
)  # fmt: skip
def test_basic_with_digest_files(tmp_path: Path, file: str, credentials: str, expected: int) -> None:
    section = f"AuthUserFile {{root}}/{file}\nAuthBasicUseDigestAlgorithm MD5\nRequire valid-user"
    assert status(guarded(tmp_path, section), credentials) == expected


def test_basic_with_digests_needs_a_provider_that_has_them(tmp_path: Path) -> None:
    made = guarded(tmp_path, ANON + "Anonymous guest\nAuthBasicUseDigestAlgorithm MD5")
    assert status(made, "guest:x") == 500
    assert "AH02493: Authn provider does not support AuthBasicUseDigestAlgorithm" in messages(made)


ALIASES = """<AuthnProviderAlias file first>
AuthUserFile {root}/users
</AuthnProviderAlias>
<AuthnProviderAlias anon guests>
Anonymous guest
</AuthnProviderAlias>
<AuthzProviderAlias group admins adm>
AuthGroupFile {root}/groups
</AuthzProviderAlias>
<AuthzProviderAlias ip here "127.0.0.0/8 ::1">
</AuthzProviderAlias>"""


@pytest.mark.parametrize(
    ("section", "credentials", "expected"),
    [
        ("AuthBasicProvider first\nRequire valid-user", "alice:pw", 200),
        ("AuthBasicProvider first\nRequire valid-user", "guest:x", 401),
        ("AuthBasicProvider first guests\nRequire valid-user", "guest:x", 200),
        ("AuthBasicProvider first\nRequire admins", "alice:pw", 200),
        ("AuthBasicProvider first\nRequire admins", f"{OWNER}:pw", 401),
        ("AuthBasicProvider first\nAuthGroupFile {root}/none\nRequire admins", "bob:pw", 200),
        ("Require here 10.0.0.1", "x:y", 200),
        ("<RequireAll>\nRequire all granted\nRequire not here\n</RequireAll>", "x:y", 403),
    ],
)
def test_aliases(tmp_path: Path, section: str, credentials: str, expected: int) -> None:
    assert status(guarded(tmp_path, section, ALIASES), credentials) == expected


def test_an_alias_changes_nothing_for_the_rest_of_the_request(tmp_path: Path) -> None:
    section = FILE.replace("users", "none") + "AuthBasicProvider first file\nRequire valid-user"
    made = guarded(tmp_path, section, ALIASES)
    assert (status(made, "alice:pw"), status(made, "nobody:pw")) == (200, 500)
    assert "AH01620" in messages(made)[-1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<AuthnProviderAlias file file>\n</AuthnProviderAlias>",
         "The alias provider name must be different from the base provider name."),
        ("<AuthnProviderAlias file anon>\n</AuthnProviderAlias>",
         ("The alias provider anon has already be registered previously as either a base provider or an alias "
          "provider.")),
        ("<AuthnProviderAlias x y>\n</AuthnProviderAlias>", "Unknown Authn provider: x"),
        ("<AuthnProviderAlias file>\n</AuthnProviderAlias>",
         "<AuthnProviderAlias> directive requires additional arguments"),
        ("<AuthzProviderAlias ip z x>\n</AuthzProviderAlias>",
         "Can't parse 'Require ip x': ip address 'x' appears to be invalid"),
        ("<AuthzProviderAlias x z>\n</AuthzProviderAlias>", "Unknown Authz provider: x"),
        ("<AuthzProviderAlias ip z 1>\nOptions None\n</AuthzProviderAlias>",
         "Options not allowed in <AuthzProviderAlias> context"),
        ("<VirtualHost *>\n<AuthzProviderAlias ip z 1>\n</AuthzProviderAlias>\n</VirtualHost>",
         "<AuthzProviderAlias> cannot occur within <VirtualHost> section"),
    ],
)  # fmt: skip
def test_what_is_no_alias(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        world(tmp_path, text + "\n")
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("section", "header", "expected", "realm"),
    [
        ('AuthName "for %{req:X-A}"', "X-A: me", 401, "for me"),
        ('AuthName "a \\"b\\""', "X-A: me", 401, 'a \\"b\\"'),
        ("AuthType %{req:X-A}", "X-A: basic", 401, "realm"),
        ("AuthType %{req:X-A}", "X-A: none", 500, None),
        ("AuthType %{req:X-A}", "X-A: foo", 500, None),
    ],
)
def test_names_and_types_with_variables(
    tmp_path: Path, section: str, header: str, expected: int, realm: str | None
) -> None:
    made = guarded(tmp_path, f"{FILE}{section}\nRequire valid-user")
    answer = get(made, "/p/a.txt", header)
    assert answer.status == expected
    assert answer.headers.get("www-authenticate") == (realm and f'Basic realm="{realm}"')


def test_a_type_that_asks_nobody_is_a_mistake(tmp_path: Path) -> None:
    made = guarded(tmp_path, FILE + "AuthMerging Off")
    assert status(made, "alice:pw") == 500
    assert messages(made) == ["AH01627: AuthType configured with no corresponding authorization directives"]


@pytest.mark.parametrize(
    ("required", "expected", "message"),
    [
        ("host localhost# x", 200, "AH10121: authz_host authorize: ignoring comment in 'Require host localhost# x'"),
        ("host # localhost", 403,
         "AH10120: authz_host authorize: dubious empty 'Require host # localhost' with only comment"),
        ("forward-dns nothing.invalid localhost", 200, 'AH03356: No sockaddr info for "nothing.invalid"'),
        ("user %{file:/none}", 401,
         "AH02594: authz_user authorize: require user: Can't evaluate require expression: Cannot open file /none"),
    ],
)  # fmt: skip
def test_names_of_hosts_and_users(tmp_path: Path, required: str, expected: int, message: str) -> None:
    made = guarded(tmp_path, f"{FILE}Require {required}")
    assert status(made, "alice:pw") == expected
    assert message in messages(made)


@pytest.mark.parametrize(
    ("section", "pure"),
    [
        ("Require all denied", True),
        ("<RequireAll>\nRequire all granted\nRequire not method POST\n</RequireAll>", True),
        ("Require method GET\nRequire ip 10", False),
        ("Require env X", True),
        ("AuthType %{req:X}\nRequire all granted", False),
    ],
)
def test_what_may_be_remembered(tmp_path: Path, section: str, pure: bool) -> None:
    made = world(tmp_path, f"<Location />\n{section}\n</Location>\n")
    host = made.site.main
    merged = host.merge((*host.defaults.sections, *host.locations))
    steps = (*merged.plan.access_ex, *merged.plan.authn, *merged.plan.authz)
    assert {step.module for step in steps} >= {"authz_core", "authn_core"}
    assert all(step.hook.pure(merged) for step in steps if step.module.startswith("auth")) is pure
