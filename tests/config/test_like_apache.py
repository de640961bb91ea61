"""Each case is read by the real Apache (``apache2 -t``) and by us: same messages, same warnings, same exit code.

Apache has no directive that takes anything, so ``Known`` is ``SetEnv`` there: the cases are about reading, and what
the walk says about arguments is tested elsewhere.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from mpmserver.config.errors import ConfigError, escaped, render
from mpmserver.config.expand import ReadContext, read_configuration
from mpmserver.config.node import Node, Origin
from mpmserver.config.read_directives import READ_DIRECTIVES
from tests.config import reading_cases as cases

APACHE = shutil.which("apache2") or "/usr/sbin/apache2"
MODULES = Path("/usr/lib/apache2/modules")
LOADED = {"mpm_event_module": "mod_mpm_event", "macro_module": "mod_macro", "authz_core_module": "mod_authz_core"}

TREE = {
    "brack/a1.conf": "Include a1\n",
    "brack/b1.conf": "Include b1",
    "brack/c*d.conf": "Include star",
    "clo.conf": "</Directory>\n",
    "bad.conf": "Foo\n",
    "d/x1/a.conf": "Define L x1\n",
    "d/x2/b.conf": "Define L x2\n",
    "d/x2/z/c.txt": "Include ${L}\n",
    "deep/" + "d/" * 25 + "x.conf": "Foo\n",
    "dot/.x.conf": "Include dotseen",
    "dot/y.conf": "#",
    "inc/a.conf": "Foo\n",
    "inc/nest2.conf": "\n\n</Foo>\n",
    "inc/nest3.conf": "Include inc/nest2.conf",
    "inc/ok.conf": "Known a\n",
    "loop.conf": "Include loop.conf\n",
    "mac.conf": "<Macro inc $a>\n Foo $a\n</Macro>\n",
    "nest.conf": "\nInclude inc/nest2.conf\n",
    "self/loop2.conf": "Include self\n",
    "unc.conf": "<Directory /x>\n",
}

KNOWN = {"known", "servername", "listen", "errorlog", "<directory", "<virtualhost", "<files", "<limit", "<if"}


class _Modules:
    """As many modules as the cases need."""

    def __init__(self) -> None:
        self._loaded = {"core_module", "core.c", "so_module", "mod_so.c", "version_module", "mod_version.c"}
        self._names = KNOWN | {each.key for group in READ_DIRECTIVES.values() for each in group}

    def load(self, name: str, path: str, origin: Origin) -> None:
        self._loaded |= {name, Path(path).with_suffix(".c").name}

    def is_loaded(self, name: str) -> bool:
        return name in self._loaded

    def has_directive(self, name: str) -> bool:
        return name.lower() in self._names

    def has_section(self, name: str) -> bool:
        return f"<{name.lower()}" in self._names


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("root")
    (directory / "emptyd").mkdir()
    for name, text in TREE.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(_for_apache(text))
    return directory


def _for_apache(text: str) -> str:
    return text.replace("Known", "SetEnv")


def _command_line(root: Path) -> list[str]:
    before = ["ServerName x"]
    before += [f"LoadModule {name} {MODULES}/{file}.so" for name, file in LOADED.items()]
    before += [f"LoadModule env_module {MODULES}/mod_env.so", f"DefaultRuntimeDir {root}", "Listen 127.0.0.1:18999"]
    options = [word for line in before for word in ("-C", line)]
    return [*options, "-c", f"ErrorLog {root}/error.log"]


def _apache(root: Path, file: str, options: Iterable[str]) -> tuple[int, str]:
    command = [APACHE, "-t", "-d", str(root), "-f", file, *_command_line(root), *options]
    done = subprocess.run(command, capture_output=True, check=False, env={"PATH": os.environ["PATH"]}, timeout=30)
    said = (done.stdout + done.stderr).decode("utf-8", "surrogateescape")
    said = re.sub(r"^\[[^]]*\] \[\w+:\w+\] \[[^]]*\] ", "", said, flags=re.MULTILINE)
    return done.returncode, said.replace("apache2: ", "mpmserver: ")


def _ours(root: Path, file: str, options: Iterable[str]) -> tuple[int, str]:
    words = [*_command_line(root), *options]
    given: dict[str, list[str]] = {"-C": [], "-c": [], "-D": []}
    for option, value in zip(words[::2], words[1::2], strict=True):
        given[option].append(value)
    said: list[str] = []
    context = ReadContext(
        str(root),
        _Modules(),
        defines=dict.fromkeys(given["-D"], ""),
        environ={"PATH": os.environ["PATH"]},
        warn=lambda message, origin: said.append(f"{escaped(message)}\n"),
        pre_lines=given["-C"],
        post_lines=given["-c"],
    )
    try:
        _walk(read_configuration(file, context))
    except ConfigError as error:
        return 1, "".join(said) + render(error, "mpmserver")
    if "DUMP_INCLUDES" in given["-D"]:
        return 0, "Included configuration files:\n" + "".join(f"{each}\n" for each in context.included)
    return 0, "".join(said) + "Syntax OK\n"


def _walk(nodes: Iterable[Node]) -> None:
    for node in nodes:
        if node.key not in KNOWN | {"setenv"}:
            raise ConfigError(
                f"Invalid command '{node.name}', perhaps misspelled or defined by a module "
                "not included in the server configuration",
                node.origin,
            )
        _walk(node.children or ())


def _check(root: Path, text: str, options: Iterable[str] = ()) -> None:
    (root / "t.conf").write_bytes(_for_apache(text).replace("@ROOT@", str(root)).encode())
    ours, apache = _ours(root, "t.conf", options), _apache(root, "t.conf", options)
    # Where both cut a long message depends on the length of the program's name.
    assert (ours[0], ours[1][:8100]) == (apache[0], apache[1][:8100])


@pytest.mark.parametrize("text", cases.SYNTAX)
def test_syntax(root: Path, text: str) -> None:
    _check(root, text)


@pytest.mark.parametrize("text", cases.INCLUDES)
def test_includes(root: Path, text: str) -> None:
    _check(root, text)


@pytest.mark.parametrize("text", cases.VARIABLES)
def test_variables(root: Path, text: str) -> None:
    _check(root, text)


@pytest.mark.parametrize("text", cases.CONDITIONS)
def test_conditions(root: Path, text: str) -> None:
    _check(root, text)


@pytest.mark.parametrize("text", cases.VERSIONS)
def test_versions(root: Path, text: str) -> None:
    _check(root, text)


@pytest.mark.parametrize("text", cases.MACROS)
def test_macros(root: Path, text: str) -> None:
    _check(root, text)


@pytest.mark.parametrize(("text", "options"), cases.COMMAND_LINE)
def test_command_line(root: Path, text: str, options: tuple[str, ...]) -> None:
    _check(root, text, [option.replace("Known", "SetEnv") for option in options])


@pytest.mark.parametrize("file", ["nope.conf", "/nope.conf", "d/*.conf", "inc/ok.conf/x", "inc/nest2.conf"])
def test_the_main_file(root: Path, file: str) -> None:
    assert _ours(root, file, ()) == _apache(root, file, ())


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("Include inc/ok.conf\nInclude d/x1\nIncludeOptional d/*/*.conf\nInclude inc/../inc/ok.conf\n", ()),
        ("Include inc/ok.conf\n", ("-C", "Include inc/ok.conf", "-c", "Include inc/ok.conf")),
        ("<Macro a>\nInclude inc/ok.conf\n</Macro>\nUse a\n<IfDefine !X>\nInclude inc/ok.conf\n</IfDefine>\n", ()),
    ],
)
def test_the_list_of_included_files(root: Path, text: str, options: tuple[str, ...]) -> None:
    _check(root, text, ["-D", "DUMP_INCLUDES", *options])
