"""Challenges and answers, through whole requests in memory: what is let in, refused, logged, and told the client."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

import pytest

from mpmserver.config.errors import ConfigError
from mpmserver.core.world import World
from mpmserver.modules.auth_digest import nonces
from tests.differential.digest import answer, parameters
from tests.memory import Answer, get, log_of, world

SECTION = "AuthType Digest\nAuthName realm\nAuthUserFile {root}/users\nRequire valid-user\n"


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def guarded(tmp_path: Path, more: str = "", before: str = "") -> World:
    """A site with one location that asks for a digest."""
    (tmp_path / "users").write_text(f"alice:realm:{md5('alice:realm:pa')}\nbob:other:{md5('bob:other:pb')}\n")
    text = f"{before}\n<Location /p>\n{SECTION}{more}\n</Location>\n<Location /q>\n{SECTION}\n</Location>\n"
    made = world(tmp_path, text.replace("{root}", str(tmp_path)))
    for name in "pq":
        (tmp_path / "htdocs" / name).mkdir()
        (tmp_path / "htdocs" / name / "a.txt").write_text("inside")
    return made


def challenge(made: World, path: str = "/p/a.txt", *headers: str) -> dict[str, str]:
    reply = get(made, path, *headers)
    assert reply.status == 401
    return parameters(reply.headers["www-authenticate"])


def ask(made: World, given: dict[str, str], words: str = "alice:pa", path: str = "/p/a.txt") -> Answer:
    known = {name: value for name, value in given.items() if name in ("realm", "nonce", "opaque")}
    return get(made, path, f"Authorization: {answer(words, 'GET', path, known, given.get('nextnonce', ''))}")


def messages(made: World) -> list[str]:
    """The messages above debug."""
    return [line.partition(" ")[2] for line in log_of(made) if ":debug" not in line]


def last_message(made: World) -> str:
    return log_of(made)[-1].partition(" ")[2]


def test_a_challenge(tmp_path: Path) -> None:
    made = guarded(tmp_path, "AuthDigestDomain /p /q\nAuthDigestDomain http://other/")
    given = challenge(made)
    nonce = given.pop("nonce")
    assert given == {"realm": "realm", "algorithm": "MD5", "domain": "/p /q http://other/", "qop": "auth"}
    assert len(nonce) == 52
    assert log_of(made) == []


def test_a_good_answer_is_answered_with_a_proof(tmp_path: Path) -> None:
    made = guarded(tmp_path)
    given = challenge(made)
    reply = ask(made, given)
    assert (reply.status, reply.body) == (200, b"inside")
    ha1, ha2 = md5("alice:realm:pa"), md5(":/p/a.txt")
    proof = md5(f"{ha1}:{given['nonce']}:00000001:0a4f113b:auth:{ha2}")
    assert reply.headers["authentication-info"] == f'rspauth="{proof}", cnonce="0a4f113b", nc=00000001, qop=auth'


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ("alice:no", 401, "AH01794: user alice: password mismatch: /p/a.txt"),
        ("carol:x", 401, "AH01790: user `carol' in realm `realm' not found: /p/a.txt"),
        ("bob:pb realm=other", 401, "AH01788: realm mismatch - got `other' but expected `realm'"),
        ("alice:pa -qop", 401,
         "AH10560: invalid or missing qop value '(null)', RFC 2069 is no longer supported: /p/a.txt"),
        ("alice:pa qop=auth-int", 401,
         "AH10560: invalid or missing qop value 'auth-int', RFC 2069 is no longer supported: /p/a.txt"),
        ("alice:pa algorithm=SHA", 401, "AH01789: unknown algorithm `SHA' received: /p/a.txt"),
        ("alice:pa opaque=x", 401, "AH01787: received invalid opaque - got `x'"),
        ("alice:pa -nc", 401,
         "AH01782: missing user, realm, nonce, uri, digest, cnonce, or nonce_count in authorization header: /p/a.txt"),
        ("alice:pa uri=/other", 400, "AH01786: uri mismatch - </other> does not match request-uri </p/a.txt>"),
        ("alice:pa uri=http://[/", 400, "AH01783: invalid uri <http://[/> in Authorization header"),
        ("alice:pa nc=xyz", 200, ""),
        ("alice:pa uri=/p/%61.txt", 200, ""),
    ],
)  # fmt: skip
def test_answers(tmp_path: Path, words: str, status: int, message: str) -> None:
    made = guarded(tmp_path)
    reply = ask(made, challenge(made), words)
    assert reply.status == status
    assert messages(made) == ([message] if message else [])
    assert ("www-authenticate" in reply.headers) == (status == 401)
    assert ("authentication-info" in reply.headers) == (status == 200)


def test_other_schemes(tmp_path: Path) -> None:
    made = guarded(tmp_path)
    challenge(made, "/p/a.txt", "Authorization: Basic x")
    assert last_message(made) == "AH01781: client used wrong authentication scheme `Basic': /p/a.txt"


def test_a_nonce_belongs_to_its_server(tmp_path: Path) -> None:
    made = guarded(tmp_path)
    given = challenge(made)
    made.site.configuration.secret = b"another"
    reply = ask(made, given)
    assert (reply.status, "stale=true" in reply.headers["www-authenticate"]) == (401, True)
    assert last_message(made).startswith(f"AH01776: invalid nonce {given['nonce']} received - hash is not ")


@pytest.mark.parametrize(
    ("lifetime", "age", "message"),
    [
        (10, 9, ""),
        (10, 11.5, "AH01778: user alice: nonce expired (11.00 seconds old - max lifetime 10.00) - sending new nonce"),
        (10, -5, "AH01777: invalid nonce {nonce} received - user attempted time travel"),
        (-1, 1e9, ""),
        (-1, -5, ""),
    ],
)
def test_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lifetime: int, age: float, message: str) -> None:
    made = guarded(tmp_path, f"AuthDigestNonceLifetime {lifetime}")
    clock = {"now": 2_000_000_000 * nonces.MICROSECONDS}

    def now(x: Any) -> int:
        return clock["now"]

    monkeypatch.setattr(nonces, "now", now)
    given = challenge(made)
    clock["now"] += int(age * nonces.MICROSECONDS)
    reply = ask(made, given)
    assert reply.status == (401 if message else 200)
    assert messages(made) == ([message.format(**given)] if message else [])
    if message:
        assert "stale=true" in reply.headers["www-authenticate"]
    else:
        assert ("nextnonce" in reply.headers["authentication-info"]) == (lifetime > 0)


def test_counted_nonces(tmp_path: Path) -> None:
    made = guarded(tmp_path, "AuthDigestNcCheck On")
    given = challenge(made)
    assert given["opaque"] == "1"
    counts = ("00000001", "00000001", "00000003", "00000002", "xyz", "00000004")
    assert [ask(made, given, f"alice:pa nc={count}").status for count in counts] == [200, 401, 200, 401, 401, 200]
    failed = f"nonce-count check failed: 2 is not above 3 for nonce {given['nonce']}"
    replay = f"AH01774: Warning, possible replay attack: {failed}"
    assert messages(made)[1:] == [replay, "AH01773: invalid nc xyz received - not a number"]


def test_nonces_for_one_use(tmp_path: Path) -> None:
    made = guarded(tmp_path, "AuthDigestNonceLifetime 0")
    given = challenge(made)
    first = ask(made, given)
    given |= {"nextnonce": parameters(first.headers["authentication-info"])["nextnonce"]}
    assert (first.status, ask(made, given).status, ask(made, given, "alice:pa next").status) == (200, 401, 200)
    used = f"AH01779: user alice: one-time-nonce {given['nonce']} already used - sending new nonce"
    assert messages(made) == [used]


def test_a_client_that_is_not_known_any_more(tmp_path: Path) -> None:
    made = guarded(tmp_path, "AuthDigestNcCheck On", "AuthDigestShmemSize 240")
    given = challenge(made)
    challenge(made)
    reply = ask(made, given)
    assert (reply.status, parameters(reply.headers["www-authenticate"])["stale"]) == (401, "true")
    assert "AH10618: client 1 is no longer known - sending new nonce" in " ".join(log_of(made))
    assert ask(made, parameters(reply.headers["www-authenticate"])).status == 200


def test_no_room_for_clients(tmp_path: Path) -> None:
    made = guarded(tmp_path, "AuthDigestNcCheck On", "AuthDigestShmemSize 200")
    assert get(made, "/p/a.txt").status == 500
    assert last_message(made).startswith("AH01769: unable to allocate a client entry")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("AuthDigestAlgorithm MD5-sess", "Unsupported algorithm in AuthDigestAlgorithm: MD5-sess"),
        ("AuthDigestQop none", "AuthDigestQop is deprecated: only 'auth' is supported"),
        ("AuthDigestNonceLifetime 1.5", "Invalid time in AuthDigestNonceLifetime: 1.5"),
        ("AuthDigestProvider anon", "The 'anon' Authn provider doesn't support Digest Authentication"),
        ("AuthDigestProvider nobody", "Unknown Authn provider: nobody"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        world(tmp_path, f"<Directory />\n{text}\n</Directory>\n")
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ("87", "size in AuthDigestShmemSize too small: 87 < 88"),
        ("1G", "Invalid size in AuthDigestShmemSize: 1G"),
        ("x", "Invalid size in AuthDigestShmemSize: x"),
    ],
)
def test_what_is_no_size(tmp_path: Path, size: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        world(tmp_path, f"AuthDigestShmemSize {size}\n")
    assert caught.value.message == message


def test_whatever_is_sent_is_answered(tmp_path: Path) -> None:
    made = guarded(tmp_path, "AuthDigestNcCheck On")
    chance = random.Random(7616)
    known = challenge(made)
    good = answer("alice:pa", "GET", "/p/a.txt", {name: known[name] for name in ("realm", "nonce", "opaque")})
    for _ in range(100):
        text = list(good)
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(text))
            odd = chance.choice(['"', "\\", ",", "=", "ÿ", " ", "/", ":", "[", "9" * 20])
            text[place : place + chance.randint(0, 4)] = odd
        assert get(made, "/p/a.txt", f"Authorization: {''.join(text)}").status in (200, 400, 401)
    assert "Traceback" not in "".join(log_of(made))
