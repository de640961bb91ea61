"""config/expand.py where no Apache is needed to say what is right: trees, origins, YAML, .htaccess.

Messages and conditions are compared with Apache's in tests/config/test_like_apache.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver.config.convert import to_apache
from mpmserver.config.errors import ConfigError, ErrorKind
from mpmserver.config.expand import (
    ReadContext,
    expand,
    expand_htaccess,
    read_configuration,
    read_htaccess,
    substitute,
)
from mpmserver.config.node import Origin
from mpmserver.config.syntax import parse_text


class Modules:
    """Every directive exists; LoadModule is remembered."""

    def __init__(self) -> None:
        self.loaded: list[tuple[str, str, Origin]] = []

    def load(self, name: str, path: str, origin: Origin) -> None:
        if path == "missing.so":
            raise ConfigError(f"no module {name}")
        self.loaded.append((name, path, origin))

    def is_loaded(self, name: str) -> bool:
        return name in {"mod_macro.c", "mod_so.c", "mod_version.c", *(loaded[0] for loaded in self.loaded)}

    def has_directive(self, name: str) -> bool:
        return True

    def has_section(self, name: str) -> bool:
        return name != "Unknown"


def context(root: Path | str = "/", **values: object) -> ReadContext:
    return ReadContext(str(root), Modules(), **values)  # type: ignore[arg-type]


def expanded(text: str, reading: ReadContext | None = None) -> str:
    return to_apache(expand(parse_text(text, "f"), reading or context()))


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        (root / name.replace("__", ".")).write_text(text)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("A\n<IfDefine X>\nB\n</IfDefine>\nC", "A\nC\n"),
        ("A\n<IfDefine !X>\nB\n<D>\nE\n</D>\n</IfDefine>\nC", "A\nB\n<D>\n    E\n</D>\nC\n"),
        ("<D>\n<IfDefine !X>\n<IfDefine !Y>\nA\n</IfDefine>\nB\n</IfDefine>\n</D>", "<D>\n    A\n    B\n</D>\n"),
        ("Define X 1\nA ${X}${X}\nUnDefine X\nB", "A 11\nB\n"),
        ("Define X D\n<${X} ${X}>\n</${X}>", "<D D>\n</D>\n"),
        ("Define Foo 1\nDefine foo 2\nDefine foo\nA ${FOO} ${Foo} ${foo}", "A 2 2 2\n"),
        (
            "Define Foo 1\n<IfDefine foo>\nB\n</IfDefine>\nUnDefine foo\n<IfDefine Foo>\nA ${Foo}\n</IfDefine>",
            "A ${Foo}\n",
        ),
        ("<Macro m $a @b>\nA $a\n<D @b>\n</D>\n</Macro>\nUse m x 'y \"z'\nUse M 1 2",
         'A x\n<D "y \\"z">\n</D>\nA 1\n<D "2">\n</D>\n'),
        ("LoadModule x_module y.so\n<IfModule x_module>\nA\n</IfModule>", "A\n"),
    ],
)  # fmt: skip
def test_expanded(text: str, result: str) -> None:
    assert expanded(text) == result


def test_what_is_read_changes_the_context(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    reading = context()
    expand(parse_text(f"ServerRoot {tmp_path}\nDefaultRuntimeDir run\nDefine X\nLoadModule a b", "f"), reading)
    assert (reading.server_root, reading.runtime_dir) == (str(tmp_path), str(tmp_path / "run"))
    assert reading.defines == {"X": ""}
    assert isinstance(reading.modules, Modules)
    assert reading.modules.loaded == [("a", "b", Origin("f", 4))]


def test_included_files_keep_their_origins_and_order(tmp_path: Path) -> None:
    write(tmp_path, main__conf="A\n<D>\nInclude sub*.conf\n</D>\nB", sub1__conf="C", sub2__conf="\n\nD")
    nodes = read_configuration("main.conf", context(tmp_path, pre_lines=["P"], post_lines=["Q"]))
    assert [(node.name, node.origin.line) for node in nodes] == [("P", 1), ("A", 1), ("<D", 2), ("B", 5), ("Q", 1)]
    assert nodes[2].children is not None
    assert [str(node.origin) for node in nodes[2].children] == [f"{tmp_path}/sub1.conf:1", f"{tmp_path}/sub2.conf:3"]


def test_the_syntaxes_include_each_other(tmp_path: Path) -> None:
    write(
        tmp_path,
        main__yaml="Define: [X, x y]\nInclude: sub.conf\nD /x:\n  - IfDefine X: {A: '${X}'}\n  - IfDefine Y: {B: 1}",
        sub__conf="C 1\nInclude leaf.yml",
        leaf__yml="E: [1, 2]",
    )
    nodes = read_configuration("main.yaml", context(tmp_path))
    assert to_apache(nodes) == "C 1\nE 1 2\n<D /x>\n    A x y\n</D>\n"
    assert [str(node.origin) for node in nodes] == [
        f"{tmp_path}/sub.conf:1", f"{tmp_path}/leaf.yml:1", f"{tmp_path}/main.yaml:3"]  # fmt: skip


def test_the_lines_of_a_macro_need_not_nest(tmp_path: Path) -> None:
    skipped = "<IfDefine X>\n<D\n</D>\n</IfDefine>"
    write(tmp_path, main__conf=f"<Macro open>\n<D>\n</Macro>\nUse open\nA\n</D>\n{skipped}")
    assert to_apache(read_configuration("main.conf", context(tmp_path))) == "<D>\n    A\n</D>\n"


def test_macros_in_yaml(tmp_path: Path) -> None:
    write(tmp_path, main__yaml="- Macro m $x:\n    - A: $x\n    - D $x: {B: 1}\n- Use: [m, y]\n- Use: [m, z]")
    assert to_apache(read_configuration("main.yaml", context(tmp_path))) == (
        "A y\n<D y>\n    B 1\n</D>\nA z\n<D z>\n    B 1\n</D>\n"
    )


def test_an_error_in_included_yaml_names_both_lines(tmp_path: Path) -> None:
    write(tmp_path, main__conf="\nInclude bad.yaml", bad__yaml="A: 1\nA: 2")
    with pytest.raises(ConfigError) as caught:
        read_configuration("main.conf", context(tmp_path))
    assert caught.value.origin == Origin(f"{tmp_path}/main.conf", 2)
    assert caught.value.message.startswith(f"Syntax error on line 2 of {tmp_path}/bad.yaml: A occurs twice")


def test_an_error_of_the_modules_belongs_to_the_line() -> None:
    with pytest.raises(ConfigError) as caught:
        expanded("\nLoadModule a missing.so")
    assert (caught.value.origin, caught.value.kind) == (Origin("f", 2), ErrorKind.READ)


def test_a_section_without_its_bracket_is_reported_after_errors_of_reading(tmp_path: Path) -> None:
    for tail, message in (("Include", "Include takes one argument"), ("", "<D> directive missing closing '>'")):
        write(tmp_path, main__conf=f"<D x\n</D>\n{tail}")
        with pytest.raises(ConfigError, match=message):
            read_configuration("main.conf", context(tmp_path))
    write(tmp_path, main__conf="<Unknown x\n</Unknown>")
    assert read_configuration("main.conf", context(tmp_path))[0].name == "<Unknown"


def test_what_is_not_utf_8_survives(tmp_path: Path) -> None:
    (tmp_path / "main.conf").write_bytes(b"A \xff\xc3\xa9")
    [node] = read_configuration("main.conf", context(tmp_path))
    assert node.arguments.encode("utf-8", "surrogateescape") == b"\xff\xc3\xa9"


@pytest.mark.parametrize(
    ("text", "result"),
    [("$x ${A} ${B}", "$x a b"), ("${A", "${A"), ("${C}", "${C}"), ("${m:x}", "${m:x}"), ("${N}", "n")],
)
def test_substitute(text: str, result: str) -> None:
    said: list[str] = []
    reading = context(defines={"A": "a", "N": ""}, environ={"A": "?", "B": "b", "N": "n"},
                      warn=lambda message, origin: said.append(message))  # fmt: skip
    assert substitute(text, Origin("f", 1), reading) == result
    assert said == (["AH00111: Config variable ${C} is not defined"] if text == "${C}" else [])


@pytest.mark.parametrize("name", ["Include a", "IncludeOptional a", "Define a", "UnDefine a", "LoadModule a b",
                                  "LoadFile a", "ServerRoot /", "DefaultRuntimeDir /", "Define"])  # fmt: skip
def test_not_in_htaccess(name: str) -> None:
    with pytest.raises(ConfigError, match=f"^f:1: {name.split(maxsplit=1)[0]} not allowed here$"):
        expand_htaccess(parse_text(name, "f"), context())


def test_htaccess_sees_the_main_configuration_and_changes_nothing() -> None:
    reading = context(environ={"E": "e"})
    expand(parse_text("Define X x\n<Macro m $a>\nA $a\n</Macro>", "f"), reading)
    text = "<IfDefine X>\nB ${X} ${E}\n</IfDefine>\n<Macro n>\nC\n</Macro>\nUse m 1\nUse n"
    assert to_apache(expand_htaccess(parse_text(text, "h"), reading)) == "B x e\nA 1\nC\n"
    assert set(reading.macros) == {"m"}


def test_conditions_may_nest_deeply(tmp_path: Path) -> None:
    for condition, result in (("!X", "A\n"), ("X", "")):
        text = f"<IfDefine {condition}>\n" * 3000 + "A\n" + "</IfDefine>\n" * 3000
        write(tmp_path, main__conf=text)
        assert to_apache(read_configuration("main.conf", context(tmp_path))) == result
        assert to_apache(read_htaccess(text, "h", context())) == result


def test_htaccess_is_read_as_it_comes() -> None:
    """What a condition leaves out need not make sense, and what is read acts before a later line is wrong."""
    assert read_htaccess("<IfDefine X>\n<D\n</D>\n</IfDefine>\n", "h", context()) == ()
    with pytest.raises(ConfigError, match=r"^h:1: Define not allowed here$"):
        read_htaccess("Define a\n</D>", "h", context())
