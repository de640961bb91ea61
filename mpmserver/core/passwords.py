"""Checking a password against what htpasswd writes.

`{SHA}` is checked here; bcrypt, apr1, and the crypt() family (SHA-256, SHA-512, MD5, DES) by libpass, which is the
extra `auth`: without it such an entry can't be checked, and that is said, not guessed. Anything else is, as in Apache
on Unix, a crypt() hash that nothing matches. All of these are slow on purpose: call from `offload`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib
import importlib.util
import re

_FORMATS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\$apr1\$"), "apr_md5_crypt"),
    (re.compile(r"\$2[aby]\$"), "bcrypt"),
    (re.compile(r"\$5\$"), "sha256_crypt"),
    (re.compile(r"\$6\$"), "sha512_crypt"),
    (re.compile(r"\$1\$"), "md5_crypt"),
    (re.compile(r"[./0-9A-Za-z]{13}$"), "des_crypt"),
)


class MissingLibrary(Exception):
    """The extra that checks this kind of hash is not installed."""


def check_password(password: str, stored: str) -> bool:
    """Return whether `password` is the one that was stored; raises MissingLibrary."""
    secret = password.encode("utf-8", "surrogateescape")
    if stored.startswith("{SHA}"):
        digest = base64.b64encode(hashlib.sha1(secret, usedforsecurity=False).digest()).decode()
        return hmac.compare_digest(digest, stored[5:])
    for pattern, name in _FORMATS:
        if pattern.match(stored):
            return _verify(name, secret, stored)
    return False


def prepare() -> None:
    """Import the library, where it is installed, so that no process does so at its first password."""
    if importlib.util.find_spec("passlib") is not None:
        for _pattern, name in _FORMATS:
            if name != "bcrypt":
                _handler(name)
    if importlib.util.find_spec("bcrypt") is not None:
        importlib.import_module("bcrypt")


def _handler(name: str) -> object:
    return getattr(importlib.import_module("passlib.hash"), name)


def _verify(name: str, secret: bytes, stored: str) -> bool:
    if importlib.util.find_spec("passlib") is None or (name == "bcrypt" and importlib.util.find_spec("bcrypt") is None):
        raise MissingLibrary("install mpmserver[auth]")
    try:
        if name == "bcrypt":
            bcrypt = importlib.import_module("bcrypt")
            return bool(bcrypt.checkpw(secret[:72], stored.replace("$2y$", "$2b$", 1).encode()))
        return bool(_handler(name).verify(secret, stored))  # type: ignore[attr-defined]
    except ValueError:
        return False
