"""config/yamlfile.py: YAML to nodes, and where it is refused."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mpmserver.config import yamlfile
from mpmserver.config.errors import ConfigError
from mpmserver.config.syntax import parse_text
from mpmserver.config.yamlfile import is_yaml, parse_yaml

TABLE = [
    ("", ""),
    ("# nothing", ""),
    ("{}", ""),
    ("Listen: 80", "Listen 80"),
    ("Listen: 080", "Listen 080"),
    ("KeepAlive: true", "KeepAlive On"),
    ("KeepAlive: FALSE", "KeepAlive Off"),
    ("KeepAlive: off", "KeepAlive off"),
    ("A: 'true'", "A true"),
    ("A: yes", "A yes"),
    ("A:", "A"),
    ("A: ~", "A"),
    ("A: []", "A"),
    ("A: '~'", "A ~"),
    ("A: 'x \"y z\" \\'", "A x \"y z\" \\ "),
    ("A: [x, y z, 'true', 1, '']", "A x \"y z\" true 1 \"\""),
    ("A: [[x, y], [z]]", "A x y\nA z"),
    ("A: >-\n  x\n  y", "A x y"),
    ("A: |\n  x\n  y\n", "A x y"),
    ("D /x: {}", "<D /x>\n</D>"),
    ("D: {A: b}", "<D>\nA b\n</D>"),
    ("D \"/a b\":\n  A: b", "<D \"/a b\">\nA b\n</D>"),
    ("D ~ \"^/x\":\n  - A: 1\n  - B: 2\n  - A: 3", "<D ~ \"^/x\">\nA 1\nB 2\nA 3\n</D>"),
    ("D:\n  - E: {A: 1}\n  - E: {A: 2}", "<D>\n<E>\nA 1\n</E>\n<E>\nA 2\n</E>\n</D>"),
    ("- A: 1\n- B: 2\n  C: 3\n- A: 4", "A 1\nB 2\nC 3\nA 4"),
    ("'\"a b\"': c", "\"a b\" c"),
    ("A: ${X}\nB: \"%{y}\"", "A ${X}\nB %{y}"),
    ("x: &same {A: 1}\ny: *same", "<x>\nA 1\n</x>\n<y>\nA 1\n</y>"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "same"), TABLE)
def test_means_the_same(text: str, same: str) -> None:
    assert parse_yaml(text, "y") == parse_text(same, "a")


def test_nodes_know_their_lines() -> None:
    nodes = parse_yaml("# c\nA: 1\nD /x:\n  - B: 2\n  - C: [[1], [2]]\n", "f.yaml")
    assert [str(node.origin) for node in nodes] == ["f.yaml:2", "f.yaml:3"]
    assert [node.origin.line for node in nodes[1].children or ()] == [4, 5, 5]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("A: [", 1, "not valid YAML"),
        ("A: 1\n\tB: 2", 2, "not valid YAML"),
        ("A: 1\nB: \x01", 2, "not valid YAML: special characters are not allowed"),
        ("--- {}\n--- {}", 2, "not valid YAML"),
        ("A: 1\nA: 2", 2, "A occurs twice in this mapping"),
        ("just text", 1, "expected a mapping of directives"),
        ("- A: 1\n- text", 1, "expected a mapping of directives"),
        ("D:\n  - A: 1\n  - text", 2, "expected words only"),
        ("D /x:\n  - A: 1\n  - text", 1, "cannot be part of the key"),
        ("A b: c", 1, "cannot be part of the key"),
        ("A:\n  - b\n  - [c]", 2, "expected words only"),
        ("A: 1\n<D: {}", 2, "expected the name of a directive"),
        ("'': x", 1, "expected the name of a directive"),
        ("? [a]\n: b", 1, "expected text"),
        ("A: !x y", 1, "tags and merge keys"),
        ("A: {}\n<<: {B: 1}", 2, "tags and merge keys"),
        ('A: ["x\\ny"]', 1, "line break"),
        ('A: "x\\0y"', 1, "NUL"),
        ("A: &a\n  B: *a", 1, "an alias may not stand inside"),
    ],
)
def test_refused(text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        parse_yaml(text, "f.yaml")
    assert str(caught.value.origin) == f"f.yaml:{line}"


@pytest.mark.parametrize(
    ("path", "yaml"), [("a.yaml", True), ("A.YML", True), ("a.conf", False), ("yaml", False), (".htaccess", False)]
)
def test_chosen_by_ending(path: str, yaml: bool) -> None:
    assert is_yaml(path) is yaml


def test_nothing_imports_yaml_before_it_is_read() -> None:
    check = "import sys, mpmserver.config.expand, mpmserver.config.convert; sys.exit('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_without_the_library_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigError, match="needs the Python package PyYAML"):
        yamlfile.parse_yaml("A: 1", "f.yaml")
