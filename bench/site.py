"""The files that every server serves, and what is asked of them.

Made anew for each run below one folder that any user may read: `htdocs/` with the small and large files, the many
(`many/`), a folder that is listed (`listing/`), the tree with `.htaccess` files at four levels (`deep/`), the
redirects (`ids/`), and `cgi-bin/`.
"""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

MANY = 10_000
LISTED = 50
IDS = 300
RULES_EACH = 10
_LEVELS = ("deep", "two", "three", "four")
_HTACCESS = (
    "Options -Indexes\nAddType text/x-rules .rules\n",
    "RewriteEngine On\nRewriteRule ^old-(.*)$ new-$1 [L]\n",
    'Header set X-Level "three"\nExpiresActive On\nExpiresByType text/html A3600\n',
    "AddCharset utf-8 .html\nRewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule (.*) index.html [L]\n",
)
_HELLO_C = """#include <stdio.h>
int main(void) { puts("Content-Type: text/plain\\n"); puts("hello"); return 0; }
"""
_SCRIPTS = {
    "hello.sh": "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nhello\\n'\n",
    "hello.pl": '#!/usr/bin/perl\nprint "Content-Type: text/plain\\n\\nhello\\n";\n',
    "slow.sh": "#!/bin/sh\nsleep 0.5\nprintf 'Content-Type: text/plain\\n\\nslow\\n'\n",
}


def make(root: Path) -> None:
    """Fill `root` with the site."""
    root.chmod(0o755)  # the user that servers become reads it
    htdocs = root / "htdocs"
    for folder in ("htdocs/many", "cgi-bin", "logs", "lists"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    chance = random.Random(1)
    for name, size in (("small.html", 612), ("page.html", 10_240), ("large.bin", 1 << 20)):
        (htdocs / name).write_bytes(_text(chance, size))
    with (htdocs / "huge.bin").open("wb") as huge:
        for _ in range(100):
            huge.write((htdocs / "large.bin").read_bytes())
    for number in range(MANY):
        (htdocs / "many" / f"{number}.html").write_bytes(_text(chance, 200 + chance.randrange(1800)))
    (htdocs / "listing").mkdir()
    for number in range(LISTED):
        (htdocs / "listing" / f"entry-{number}.html").write_bytes(_text(chance, 100))
    _deep(htdocs)
    _ids(htdocs)
    _scripts(root / "cgi-bin")
    _lists(root / "lists", chance)


def _text(chance: random.Random, size: int) -> bytes:
    return bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz     \n", k=size))


def _deep(htdocs: Path) -> None:
    folder = htdocs
    for name, rules in zip(_LEVELS, _HTACCESS, strict=True):
        folder = folder / name
        folder.mkdir()
        (folder / ".htaccess").write_text(rules, encoding="utf-8")
    (folder / "index.html").write_text("<title>deep</title>\n" * 30, encoding="utf-8")


def _ids(htdocs: Path) -> None:
    """Vocabularies as a service of permanent identifiers has them: redirects by what the client accepts."""
    for number in range(IDS):
        folder = htdocs / "ids" / f"v{number}"
        folder.mkdir(parents=True)
        lines = ["Options +FollowSymLinks", "RewriteEngine On"]
        for rule in range(RULES_EACH // 2):
            target = f"https://example.org/v{number}/{rule}"
            lines += [
                "RewriteCond %{HTTP_ACCEPT} text/turtle", f"RewriteRule ^term{rule}/(.*)$ {target}/$1.ttl [R=303,L]",
                f"RewriteRule ^term{rule}/(.*)$ {target}/$1.html [R=303,L]",
            ]  # fmt: skip
        (folder / ".htaccess").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _scripts(folder: Path) -> None:
    for name, text in _SCRIPTS.items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)
    compiler = shutil.which("cc")
    if compiler is not None:
        subprocess.run([compiler, "-O2", "-x", "c", "-", "-o", folder / "hello"], input=_HELLO_C.encode(), check=True)


def _lists(folder: Path, chance: random.Random) -> None:
    """Orders in which the many are asked for."""
    weights = [1 / (rank + 1) for rank in range(MANY)]
    for count in (1_000, MANY):
        uniform = [chance.randrange(count) for _ in range(50_000)]
        zipf = chance.choices(range(count), weights[:count], k=50_000)
        for name, numbers in (("uniform", uniform), ("zipf", zipf)):
            lines = "".join(f"/many/{number}.html\n" for number in numbers)
            (folder / f"{name}-{count}").write_text(lines, encoding="ascii")
    terms = [
        f"/ids/v{chance.randrange(IDS)}/term{chance.randrange(RULES_EACH // 2)}/{chance.randrange(10**6)}\n"
        for _ in range(50_000)
    ]
    (folder / "ids").write_text("".join(terms), encoding="ascii")


