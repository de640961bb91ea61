"""`mpmserver convert`: the configurations that come with the server there and back, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver import cli
from mpmserver.config.convert import to_apache, to_yaml
from mpmserver.config.errors import ConfigError
from mpmserver.config.node import Node
from mpmserver.config.syntax import parse_text
from mpmserver.config.yamlfile import parse_yaml

PROJECT = Path(__file__).resolve().parents[3]
CONF = PROJECT / "conf"
CASES = PROJECT / "tests" / "differential" / "cases"
FILES = ("httpd.conf", "extra/httpd-mpm.conf", "extra/httpd-autoindex.conf", "extra/httpd-vhosts.conf")


def shape(nodes: tuple[Node, ...]) -> list[object]:
    """A tree without its lines in the file."""
    return [(node.name, node.arguments, None if node.children is None else shape(node.children)) for node in nodes]


@pytest.mark.parametrize("name", FILES)
def test_there_and_back(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    original = shape(parse_text((CONF / name).read_text(), name))
    assert cli.main(["convert", str(CONF / name)]) == 0
    yaml = tmp_path / "site.yaml"
    yaml.write_text(capfd.readouterr().out)
    assert shape(parse_yaml(yaml.read_text(), "site.yaml")) == original
    assert cli.main(["convert", str(yaml)]) == 0
    assert shape(parse_text(capfd.readouterr().out, "site.conf")) == original


def test_what_the_differential_cases_have_is_the_same_in_yaml() -> None:
    files = [*CASES.glob("*/httpd.conf"), *(file for file in CASES.rglob(".htaccess") if file.is_file())]
    compared = 0
    for file in files:
        try:
            nodes = parse_text(file.read_text("utf-8", "surrogateescape"), file.name)
        except ConfigError:
            continue  # some are wrong on purpose
        again = parse_yaml(to_yaml(nodes), "a.yaml")
        assert shape(again) == shape(nodes), file
        assert shape(parse_text(to_apache(again), "a.conf")) == shape(nodes), file
        compared += 1
    assert compared > 0.9 * len(files)


def test_what_is_not_utf_8_stays(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    file, yaml = tmp_path / "a.conf", tmp_path / "a.yml"
    file.write_bytes(b'ServerAdmin "M\xfcller"\n')
    assert cli.main(["convert", str(file)]) == 0
    yaml.write_bytes(capfdbinary.readouterr().out)
    assert cli.main(["convert", str(yaml)]) == 0
    assert capfdbinary.readouterr().out == file.read_bytes()


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.conf", "<Directory /x>\n", "Syntax error on line 1 of {file}: {file}:1: <Directory> was not closed."),
        ("a.yaml", "Listen: 80\nAlias: {a: b\n", "Syntax error on line 3 of {file}: not valid YAML"),
        ("missing.conf", None, "{file}: No such file or directory"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(
    name: str, text: str | None, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / name
    if text is not None:
        file.write_text(text)
    assert cli.main(["convert", str(file)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("mpmserver convert: " + reason.format(file=file))
    assert told.err.count("\n") == 1
