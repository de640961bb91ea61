"""The placeholder ``{digest USER:PASSWORD ...}``: what a client answers to the last Digest challenge (RFC 7616, MD5).

Behind user and password stand changes, separated by spaces: ``name=value`` sets a parameter before the response is
computed, ``-name`` leaves it out of what is sent, ``next`` takes the nonce of the last Authentication-Info. ``uri`` and
``method`` are the request's own unless they are set; ``ha1=...`` replaces the hash of user, realm and password.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

PLACEHOLDER = re.compile(rb"\{digest ([^}]*)\}")
QUOTED = ("username", "realm", "nonce", "uri", "response", "cnonce", "opaque")
SENT = ("username", "realm", "nonce", "uri", "algorithm", "response", "qop", "nc", "cnonce", "opaque")
PARAMETER = re.compile(r'(\w+)=(?:"((?:\\.|[^"\\])*)"|([^\s,]*))')


def parameters(header: str) -> dict[str, str]:
    """The parameters of a challenge or of Authentication-Info."""
    return {name: re.sub(r"\\(.)", r"\1", quoted) or token for name, quoted, token in PARAMETER.findall(header)}


def answer(words: str, method: str, uri: str, challenge: Mapping[str, str], next_nonce: str = "") -> str:
    """The value of Authorization for the words of a placeholder."""
    who, *changes = words.split(" ")
    user, _, password = who.partition(":")
    values = {"username": user, "realm": "", "nonce": "", "uri": uri, "algorithm": "MD5", "qop": "auth"}
    values |= {"nc": "00000001", "cnonce": "0a4f113b", "method": method, **challenge}
    left_out = {"opaque"} - challenge.keys()
    for change in changes:
        name, assigned, value = change.partition("=")
        if change == "next":
            values["nonce"] = next_nonce
        elif assigned:
            values[name] = value
            left_out.discard(name)
        else:
            left_out.add(name.removeprefix("-"))
    values.setdefault("response", _response(values, password))
    return "Digest " + ", ".join(f"{name}={_form(name, values[name])}" for name in SENT if name not in left_out)


def _response(values: Mapping[str, str], password: str) -> str:
    ha1 = values.get("ha1") or _md5(f"{values['username']}:{values['realm']}:{password}")
    ha2 = _md5(f"{values['method']}:{values['uri']}")
    return _md5(":".join([ha1, values["nonce"], values["nc"], values["cnonce"], values["qop"], ha2]))


def _form(name: str, value: str) -> str:
    if name not in QUOTED:
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()


def fill(part: bytes, values: Mapping[bytes, bytes]) -> bytes:
    """Put the answer into a request; ``values`` has the last ``challenge`` and ``authentication-info``."""
    method, uri = part.decode("latin-1").split(" ", 2)[:2]
    challenge = parameters(values.get(b"challenge", b"").decode("utf-8", "surrogateescape"))
    info = parameters(values.get(b"authentication-info", b"").decode("utf-8", "surrogateescape"))
    known = {name: value for name, value in challenge.items() if name in ("realm", "nonce", "opaque")}
    following = info.get("nextnonce", "")

    def computed(match: re.Match[bytes]) -> bytes:
        return answer(match[1].decode("utf-8"), method, uri, known, following).encode("utf-8", "surrogateescape")

    return PLACEHOLDER.sub(computed, part)
