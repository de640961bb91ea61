"""The tree that a case serves, laid out so that both servers, and every run, see the same: names, bytes, modes, times.

Times come from the sorted order of the paths, well in the past (Apache gives a file changed just now a weak ETag).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

#: 2023-11-14 22:13:20 UTC; each path, in sorted order, is an hour younger than the one before.
FIRST_TIME = 1_700_000_000
STEP = 3600


def lay_out(folder: Path, root: Path) -> None:
    """Copy ``folder/files`` to ``root`` and apply ``folder/modes``; ``ValueError`` for a line that means nothing."""
    if folder.joinpath("files").is_dir():
        shutil.copytree(folder / "files", root, symlinks=True)
    else:
        root.mkdir()
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or _is_script(path) else 0o644)
    modes = folder / "modes"
    late = _apply(modes.read_text(encoding="utf-8"), root) if modes.exists() else []
    _set_times(root)
    for path, mode in late:
        path.chmod(mode)


def _is_script(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"#!"


def _apply(text: str, root: Path) -> list[tuple[Path, int]]:
    """Make folders, links and large files at once; return the permissions, which may lock even us out, for later."""
    late = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, path, *rest = line.split()
        target = root / path
        if word == "dir":
            target.mkdir(parents=True)
            target.chmod(0o755)
        elif word == "link":
            target.symlink_to(rest[0].replace("${ROOT}", str(root)))
        elif word == "size":
            pattern = "".join(f"{number:07d}\n" for number in range(int(rest[0]) // 8 + 1))
            target.write_text(pattern[: int(rest[0])], encoding="ascii")
            target.chmod(0o644)
        elif word == "name":
            target.joinpath(rest[0].encode().decode("unicode_escape")).write_text(f"{path}\n", encoding="utf-8")
        elif word.isdigit():
            late.append((target, int(word, 8)))
        else:
            raise ValueError(f"modes: {line!r}")
    return late


def _set_times(root: Path) -> None:
    for index, path in enumerate([root, *sorted(root.rglob("*"))]):
        moment = (FIRST_TIME + index * STEP) * 1_000_000_000
        os.utime(path, ns=(moment, moment), follow_symlinks=False)
