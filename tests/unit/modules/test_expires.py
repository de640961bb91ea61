"""mod_expires: codes, types, and what does not expire. The expectations are live Apache 2.4.71's."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mpmserver.config.errors import ConfigError
from mpmserver.http.dates import http_date, parse_http_date
from mpmserver.modules.expires import ExpiresDir, Rule
from tests.memory import get, world

DAY = 86400


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("A60", Rule(False, 60)),
        ("M60", Rule(True, 60)),
        ("A", Rule(False, 0)),
        ("A60x", Rule(False, 60)),
        ("A-60", Rule(False, -60)),
        ("A99999999999", Rule(False, 1215752191)),
        ("a60", Rule(False, 0)),
        ("access", Rule(False, 0)),
        ("Access plus 1 day", Rule(False, 0)),
        ("now plus 1 day", Rule(False, DAY)),
        ("access 1 hour 2 minutes 3 seconds", Rule(False, 3723)),
        ("modification plus 10 years 1 month", Rule(True, 3650 * DAY + 30 * DAY)),
        ("mod p 1 y 1 mo 1 w 1 d 1 h 1 mi 1 s", Rule(True, 403 * DAY + 3661)),
        ("access plus 100 years", Rule(False, 3153600000 - 2**32)),
        ("  now   plus  2x  days ", Rule(False, 2 * DAY)),
    ],
)
def test_codes(tmp_path: Path, code: str, rule: Rule) -> None:
    made = world(tmp_path, f'ExpiresActive On\nExpiresDefault "{code}"\n')
    assert made.site.main.defaults[ExpiresDir].default == rule


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ExpiresDefault X60", "'ExpiresDefault X60': bad expires code, unrecognised <base> 'X60'"),
        ('ExpiresDefault "now plus 1"', "'ExpiresDefault now plus 1': bad expires code, missing <type>"),
        ('ExpiresDefault "now 1 m"', "'ExpiresDefault now 1 m': bad expires code, unrecognised <type>'m'"),
        (
            'ExpiresByType a/b "now -1 day"',
            "'ExpiresByType a/b now -1 day': bad expires code, numeric value expected <num> '-1'",
        ),
        ("ExpiresByType text A60", "Invalid mimetype: should contain a slash"),
        ("ExpiresActive maybe", "ExpiresActive must be On or Off"),
    ],
)
def test_refused(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        world(tmp_path, line)
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("rules", "seconds"),
    [
        ("ExpiresDefault A3", 3),
        ("ExpiresByType text/plain A1\nExpiresByType text/* A2\nExpiresDefault A3", 1),
        ("ExpiresByType TEXT/* A2\nExpiresDefault A3", 2),
        ("ExpiresByType image/* A2\nExpiresDefault A3", 3),
        ("ExpiresByType image/* A2", None),
        ("ExpiresDefault A3\nExpiresActive Off", None),
        ("ExpiresDefault A-3", 0),
        ("ExpiresByType text/plain A1\n<Location />\nExpiresByType text/plain A9\n</Location>", 9),
    ],
)
def test_by_type(tmp_path: Path, rules: str, seconds: int | None) -> None:
    made = world(tmp_path, f"ExpiresActive On\n{rules}\n")
    (tmp_path / "htdocs" / "a.txt").write_text("a")
    answer = get(made, "/a.txt")
    if seconds is None:
        assert "expires" not in answer.headers
        return
    assert answer.headers["cache-control"] == f"max-age={seconds}"
    date = parse_http_date(answer.headers["date"])
    assert date is not None
    assert answer.headers["expires"] == http_date(date + seconds)


def test_after_the_last_change(tmp_path: Path) -> None:
    made = world(tmp_path, "ExpiresActive On\nExpiresDefault M1000\n")
    file = tmp_path / "htdocs" / "a.txt"
    file.write_text("a")
    changed = int(time.time()) - 400
    os.utime(file, (changed, changed))
    answer = get(made, "/a.txt")
    assert answer.headers["expires"] == http_date(changed + 1000)
    assert 590 <= int(answer.headers["cache-control"].removeprefix("max-age=")) <= 600


@pytest.mark.parametrize(
    ("target", "config", "expires"),
    [
        ("/none", "", False),
        ("/none", "ErrorDocument 404 /a.txt", False),
        ("/r", "Redirect /r http://x/", True),
        ("/a.txt", "Header set Expires x early", False),
        ("/a.txt", "Header always set Expires x early", False),
    ],
)
def test_what_does_not_expire(tmp_path: Path, target: str, config: str, expires: bool) -> None:
    made = world(tmp_path, f"ExpiresActive On\nExpiresDefault A60\n{config}\n")
    (tmp_path / "htdocs" / "a.txt").write_text("a")
    assert ("cache-control" in get(made, target).headers) is expires
