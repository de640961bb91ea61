"""What would keep a server that somebody starts by hand from serving, found before it starts, with its remedy.

A port that is taken; a folder below /root, where a server that root started is no longer root. Called by
`mpmserver serve` and `make start`. Owns the advice only: binding and changing the user are the parent's.
"""

from __future__ import annotations

import errno
import os
import pwd
import shlex
import socket
import subprocess
from pathlib import Path

from mpmserver.records import dataclass

PREFERRED = ("www-data", "www", "apache", "http", "nobody")
"""Accounts that systems keep for web servers; nobody is on all of them."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this system and its primary group, as numbers."""

    name: str
    uid: int
    gid: int

    @classmethod
    def of(cls, name: str) -> Account:
        """The account of that name; KeyError where there is none."""
        entry = pwd.getpwnam(name)
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)

    @classmethod
    def default(cls) -> Account:
        """The first of PREFERRED that this system has; LookupError where it has none."""
        for name in PREFERRED:
            try:
                return cls.of(name)
            except KeyError:
                continue
        raise LookupError("this system has none of the accounts " + ", ".join(PREFERRED))


def port_trouble(address: str, port: int, option: str) -> str | None:
    """Why nobody can listen on this IP address and port, or None; `option` is how to choose another port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            remedies = {
                errno.EADDRINUSE: f"port {port} is taken by another program; choose another: {option}{_next(port)}",
                errno.EACCES: f"only root may use port {port}; choose one from 1024 on: {option}8080",
                errno.EADDRNOTAVAIL: f"this machine does not have the address {address}",
            }
            return remedies.get(error.errno or 0, f"cannot use {address}, port {port}: {error.strerror}")
    return None


def _next(port: int) -> int:
    return port + 1 if port < 65535 else 8080


def folder_trouble(path: Path, account: Account) -> str | None:
    """Why `account` cannot read `path`, with the ways around it, or None. Only root can ask."""
    blocked = _obstacle(path, account)
    if blocked is None:
        return None
    what, mode = ("enter", "o+x") if blocked != path else ("read", "o+rX")
    owner = _owner(blocked)
    alternative = (
        "or put the folder where others may read, such as /srv"
        if owner in {None, "root"}
        else f"or start the server as the owner: sudo -u {owner} ..."
    )
    return (
        f"started as root, the server becomes the user {account.name}, who may not {what} {blocked}; "
        f"allow it: chmod {mode} {shlex.quote(str(blocked))}, {alternative}"
    )


def _obstacle(path: Path, account: Account) -> Path | None:
    """The outermost part of an absolute `path` that `account` may not enter, or `path` if it may not read that."""
    folders = [*reversed(path.parents), *([path] if path.is_dir() else [])]
    readable = 'test -r "$1" || printf %s "$1"'
    enterable = 'for part; do test -x "$part" || { printf %s "$part"; exit; }; done'
    blocked = _asked_as(account, enterable, folders) or _asked_as(account, readable, [path])
    return Path(blocked) if blocked else None


def _asked_as(account: Account, script: str, paths: list[Path]) -> str:
    """What `script` says as that account: a process of its own, so access lists and groups count as they will."""
    groups = os.getgrouplist(account.name, account.gid)
    answer = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *map(str, paths)],
        cwd="/", user=account.uid, group=account.gid, extra_groups=groups, capture_output=True, check=False,
    )  # fmt: skip
    return os.fsdecode(answer.stdout)


def _owner(path: Path) -> str | None:
    try:
        return path.owner()
    except (KeyError, OSError):
        return None
