"""mod_vhost_alias: names become paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver.config.errors import ConfigError
from mpmserver.modules.vhost_alias import Part, Template, compile_template
from tests.unit.modules.kit import USUAL, SiteKit

MODULES = (*USUAL, "vhost_alias")


def filled(text: str, name: str) -> str:
    template = compile_template(text, False)
    assert template is not None
    return "".join(
        piece.of(name) if isinstance(piece, Part) else "80" if piece is None else piece for piece in template.pieces
    )


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/%0", "/www.domain.example.com"),
        ("/%1/%2", "/www/domain"),
        ("/%-1/%-2", "/com/example"),
        ("/%2+", "/domain.example.com"),
        ("/%-2+", "/www.domain.example"),
        ("/%1+/%-1+", "/www.domain.example.com/www.domain.example.com"),
        ("/%5/%-5/%9+", "/_/_/_"),
        ("/%2.1/%2.2/%2.3/%2.4+", "/d/o/m/ain"),
        ("/%2.-1/%2.-2/%2.-2+", "/n/i/domai"),
        ("/%2.9/%1.4", "/_/_"),
        ("/%5.1/%5.2", "/_/_"),
        ("/%2.0.%3.0", "/domain.example"),
        ("/%-2.0.%-1.0", "/example.com"),
        ("/%%0/%p/%%", "/%0/80/%"),
        ("/%1%2", "/wwwdomain"),
    ],
)
def test_interpolation(text: str, path: str) -> None:
    assert filled(text, "www.domain.example.com") == path


def test_dots_beyond_the_nineteenth_part_nothing() -> None:
    name = ".".join(map(str, range(1, 30)))
    assert filled("/%-1", name) == "/" + ".".join(map(str, range(19, 30)))


@pytest.mark.parametrize("text", ["/%", "/%x", "/%-", "/%+1", "/%1.", "/%1.x", "/%1+.", "/%1.-", "/%1%x"])
def test_syntax_errors(text: str) -> None:
    assert compile_template(text, False) is None


def test_none_is_a_template_without_pieces(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, "VirtualDocumentRoot None\nVirtualScriptAlias none\n", MODULES)
    kit.file("a.txt", "a")
    assert kit.get("/a.txt").body == b"a"
    assert Template((), False).pieces == ()


def test_roots_and_scripts(tmp_path: Path) -> None:
    text = f"UseCanonicalName Off\nVirtualDocumentRoot {tmp_path}/%0/\nVirtualScriptAliasIP {tmp_path}/%1\n"
    kit = SiteKit(tmp_path, text, MODULES)
    page = kit.get("/a/b").x
    assert (page.filename or "") + page.path_info == f"{tmp_path}/localhost/a/b"
    assert page.notes["document-root"] == f"{tmp_path}/localhost"
    script = kit.get("/cgi-bin/x").x
    assert (script.filename or "") + script.path_info == f"{tmp_path}/127/x"
    assert script.notes["alias-forced-type"] == "cgi-script"
    assert script.notes["context-prefix"] == "/cgi-bin"


def test_a_relative_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        SiteKit(tmp_path, "VirtualDocumentRoot sites/%0\n", MODULES)
    assert error.value.message == "format string must be an absolute path, or 'none'"
