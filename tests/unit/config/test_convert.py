"""config/convert.py: what is written reads as equal nodes, in both syntaxes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpmserver.config.convert import to_apache, to_yaml
from mpmserver.config.errors import ConfigError
from mpmserver.config.node import Node, Origin
from mpmserver.config.syntax import WHITE_SPACE, parse_text
from mpmserver.config.yamlfile import parse_yaml

HERE = Origin("f", 1)

SAMPLE = """\
ServerRoot "/srv"
Listen 80
Listen 8080
KeepAlive On
ClearModuleList
LogFormat "%h \\"%r\\" %>s" common
<Directory "/srv/www data">
    Options +Indexes
    <RequireAny>
        Require all granted
    </RequireAny>
    <RequireAny>
        Require all denied
    </RequireAny>
</Directory>
<IfModule !x>
</IfModule>
"""

SAMPLE_YAML = """\
- ServerRoot: '"/srv"'
- Listen: 80
- Listen: 8080
- KeepAlive: On
- ClearModuleList:
- LogFormat: '"%h \\"%r\\" %>s" common'
- Directory "/srv/www data":
  - Options: +Indexes
  - RequireAny:
      Require: all granted
  - RequireAny:
      Require: all denied
- IfModule !x: {}
"""


def test_a_sample_both_ways() -> None:
    assert to_yaml(parse_text(SAMPLE, "f")) == SAMPLE_YAML
    assert to_apache(parse_yaml(SAMPLE_YAML, "f")) == SAMPLE


TEXT = st.text(st.characters(exclude_characters="\n\0", max_codepoint=0x2FF), max_size=8)
AWKWARD = st.sampled_from(["true", "On", "~", "null", "80", "0x1", "a: b", "# c", "- x", "'", '"', "\\", "a\\", "x>",
                           "<", ">", "a #b", "!x", "&a", "*a", "%x", "@x", "|", "{}", "[]", "1.5", "=", "<<", "yes",
                           "2001-01-01", "\udcff", "é", "\u2028", "a  b", "$", "?", ",", "`", "12:30:45"])  # fmt: skip
ARGUMENTS = st.one_of(TEXT, AWKWARD, st.lists(AWKWARD, max_size=3).map(" ".join)).map(
    lambda text: text.strip(WHITE_SPACE)
)
NAMES = st.one_of(st.sampled_from(["Listen", "ServerName", "A"]), TEXT, AWKWARD).filter(
    lambda name: name != "" and not name.startswith("<")
)


def directives() -> st.SearchStrategy[Node]:
    return st.builds(lambda name, arguments: Node(name, arguments, None, HERE), NAMES, ARGUMENTS)


def sections(children: st.SearchStrategy[tuple[Node, ...]]) -> st.SearchStrategy[tuple[Node, ...]]:
    names = NAMES.filter(lambda name: not name.startswith("/"))
    one = st.builds(lambda name, text, inside: Node(f"<{name}", text, inside, HERE), names, ARGUMENTS, children)
    return st.lists(st.one_of(one, directives()), max_size=4).map(tuple)


TREES = st.recursive(st.lists(directives(), max_size=4).map(tuple), sections, max_leaves=12)


@given(TREES)
def test_apaches_syntax_reads_as_it_was(nodes: tuple[Node, ...]) -> None:
    assert parse_text(to_apache(nodes), "f") == nodes


@given(TREES)
def test_yaml_reads_as_it_was(nodes: tuple[Node, ...]) -> None:
    assert parse_yaml(to_yaml(nodes), "f") == nodes


@given(TREES)
def test_there_and_back(nodes: tuple[Node, ...]) -> None:
    assert parse_text(to_apache(parse_yaml(to_yaml(parse_text(to_apache(nodes), "f")), "f")), "f") == nodes


def test_what_apaches_syntax_cannot_spell_is_an_error() -> None:
    with pytest.raises(ConfigError, match="line break"):
        to_apache([Node("A", "b\nc", None, HERE)])
