"""Digest authentication with a real client, under every MPM and across restarts: all children are one server."""

from __future__ import annotations

import hashlib
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.differential.digest import answer, parameters
from tests.live.slow import generations
from tests.live_server import MODULES, LiveServer, wait_until
from tests.require import missing

HA1 = hashlib.md5(b"alice:realm:pa").hexdigest()
CONFIG = """
<LocationMatch .>
  AuthType Digest
  AuthName realm
  AuthUserFile "${ROOT}/conf/users"
  Require valid-user
</LocationMatch>
<Location /counted>
  AuthDigestNcCheck On
</Location>
<Location /once>
  AuthDigestNonceLifetime 0
</Location>
"""
PATHS = ("plain", "counted", "once")


@pytest.fixture(params=["prefork", "worker", "event", "reactor"])
def server(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    files = {f"htdocs/{name}/a.txt": name for name in PATHS} | {"conf/users": f"alice:realm:{HA1}\n"}
    with LiveServer(CONFIG, mpm=request.param, files=files, modules=(*MODULES, "auth_digest")) as running:
        yield running


def statuses(server: LiveServer, password: str, *paths: str) -> list[str]:
    """What curl got for each path, in one go: it uses a nonce again where it may."""
    urls = [part for path in paths for part in ("-o", "/dev/null", f"{server.url}/{path}/a.txt")]
    command = ["curl", "--silent", "--digest", "--user", f"alice:{password}", "--write-out", "%{http_code} ", *urls]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.split()


def challenge(server: LiveServer, name: str) -> dict[str, str]:
    given = parameters(server.get(f"/{name}/a.txt").header("www-authenticate") or "")
    return {key: value for key, value in given.items() if key in ("realm", "nonce", "opaque")}


def status(server: LiveServer, name: str, given: dict[str, str], count: int = 1) -> int:
    path = f"/{name}/a.txt"
    return server.get(path, {"Authorization": answer(f"alice:pa nc={count:08x}", "GET", path, given)}).status


def test_a_client_and_one_who_repeats_requests(server: LiveServer) -> None:
    if shutil.which("curl") is None:
        missing("curl is not installed")
    assert statuses(server, "pa", *PATHS, *reversed(PATHS)) == ["200"] * 6
    assert statuses(server, "no", *PATHS) == ["401"] * 3
    given = challenge(server, "counted")
    assert [status(server, "counted", given, count) for count in (1, 1, 2, 3, 3, 2, 4)] == [
        200, 401, 200, 200, 401, 401, 200,
    ]  # fmt: skip
    given = challenge(server, "once")
    assert [status(server, "once", given) for _ in range(4)] == [200, 401, 401, 401]


def test_a_nonce_outlives_a_graceful_restart(server: LiveServer) -> None:
    plain, counted = challenge(server, "plain"), challenge(server, "counted")
    assert status(server, "plain", plain) == 200
    server.signal(signal.SIGUSR1)
    wait_until(lambda: generations(server) == {2}, 30, "generation 2")
    assert status(server, "plain", plain, 2) == 200
    assert status(server, "counted", counted) == 401  # its client is forgotten: the new nonce comes unasked
    assert "AH10618" not in server.error_log()  # at level info
    assert status(server, "counted", challenge(server, "counted")) == 200
