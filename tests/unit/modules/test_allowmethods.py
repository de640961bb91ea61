"""mod_allowmethods. The expectations are live Apache 2.4.71's."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver.config.errors import ConfigError
from tests.memory import get, log_of, world


@pytest.mark.parametrize(
    ("lines", "method", "status"),
    [
        ("AllowMethods GET", "GET", 200),
        ("AllowMethods GET", "HEAD", 200),
        ("AllowMethods HEAD", "GET", 200),
        ("AllowMethods GET", "POST", 405),
        ("AllowMethods GET", "OPTIONS", 405),
        ("AllowMethods GET", "TRACE", 200),
        ("AllowMethods GET", "FOO", 405),
        ("AllowMethods POST", "GET", 405),
        ("AllowMethods GET POST", "POST", 200),
        ("AllowMethods GET\nAllowMethods POST", "POST", 200),
        ("AllowMethods GET\nAllowMethods reset", "POST", 200),
        ('AllowMethods GET "" POST', "POST", 405),
    ],
)
def test_methods(tmp_path: Path, lines: str, method: str, status: int) -> None:
    made = world(tmp_path, f"<Location />\n{lines}\n</Location>\n")
    file = tmp_path / "htdocs" / "a.txt"
    file.write_text("a")
    answer = get(made, "/a.txt", method=method)
    assert answer.status == status
    refused = f"allowmethods:error AH01623: client method denied by server configuration: '{method}' to {file}"
    assert (refused in log_of(made)) is (status == 405)
    assert answer.headers.get("allow") == ("TRACE" if status == 405 else None)


def test_reset_further_in(tmp_path: Path) -> None:
    outer = "<Location />\nAllowMethods GET\n</Location>\n"
    made = world(tmp_path, f"{outer}<Location /in>\nAllowMethods reset\n</Location>\n")
    assert get(made, "/in", method="POST").status == 404
    assert get(made, "/out", method="POST").status == 405


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("AllowMethods", "AllowMethods: No method or 'reset' keyword given"),
        ('AllowMethods ""', "AllowMethods: No method or 'reset' keyword given"),
        ("AllowMethods get", "AllowMethods: Invalid Method 'get'"),
        ("AllowMethods reset GET", "AllowMethods: Invalid Method 'reset'"),
    ],
)
def test_refused(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        world(tmp_path, f"<Location />\n{line}\n</Location>\n")
    assert refused.value.message == message
