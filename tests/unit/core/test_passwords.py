"""Every kind of password that htpasswd writes."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess

import pytest

from mpmserver.core.passwords import MissingLibrary, check_password
from tests.require import missing

HASHES = {
    "sha1": "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
    "apr1": "$apr1$abcdefgh$Zq33DzbKgD28Y/pxmE/lw0",
    "md5": "$1$abcdefgh$irWbblnpmw.5z7wgBnprh0",
    "sha256": "$5$abcdefgh$ZLdkj8mkc2XVSrPVjskDAgZPGjtj1VGVaa1aUkrMTU/",
    "des": "ab.XvGFFfGwLQ",
}


def test_sha_needs_no_library() -> None:
    assert check_password("password", HASHES["sha1"])
    assert not check_password("passwor", HASHES["sha1"])
    assert not check_password("password", "{SHA}")


@pytest.mark.parametrize("stored", ["", "password", "$9$x$y", "*", "$2y$bad", "$apr1$"])
def test_what_is_no_hash_matches_nothing(stored: str) -> None:
    assert not check_password("password", stored)


@pytest.mark.parametrize("option", ["-m", "-B", "-d", "-s", "-2", "-5"])
def test_htpasswd(option: str) -> None:
    if shutil.which("htpasswd") is None:
        missing("htpasswd is not installed (apt-get install apache2-utils)")
    if importlib.util.find_spec("passlib") is None:
        missing("libpass is not installed")
    for secret in ("secret", "pässwort", "a" * 8):
        line = subprocess.run(
            ["htpasswd", "-nb", option, "user", secret], capture_output=True, check=True, encoding="utf-8"
        ).stdout
        stored = line.strip().partition(":")[2]
        assert check_password(secret, stored), stored
        assert not check_password("x" + secret, stored)


def test_the_lack_of_a_library_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingLibrary):
        check_password("x", HASHES["apr1"])
    assert check_password("password", HASHES["sha1"])
