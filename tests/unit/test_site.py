"""`mpmserver init` and the directives of `mpmserver serve`."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from mpmserver import cli, preflight, site
from mpmserver.config.syntax import parse_text, words
from mpmserver.config.yamlfile import parse_yaml


def serve_options(*arguments: str) -> Any:
    return site._serve_parser().parse_args(arguments)


def directives(folder: Path, *arguments: str) -> list[str]:
    return site.serve_directives(folder, serve_options(*arguments), Path("/run/mine"))


def test_init_lays_out_a_server_root(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "new" / "site"
    assert site.init([str(root)]) == 0
    assert sorted(path.name for path in root.iterdir()) == sorted(site.FOLDERS)
    assert (root / "htdocs" / "index.html").is_file()
    assert (root / "htdocs" / "htaccess" / ".htaccess").is_file()
    assert f"mpmserver -d {root} -f conf/httpd.conf -k start" in capsys.readouterr().out


def test_init_makes_scripts_executable_and_nothing_else(tmp_path: Path) -> None:
    site.lay_out(tmp_path / "site")
    files = [path for path in (tmp_path / "site").rglob("*") if path.is_file()]
    executable = {path.name for path in files if path.stat().st_mode & stat.S_IXUSR}
    assert executable == {"hello.sh", "environment.py", "form.pl"}
    assert not any(path.is_symlink() for path in files)


@pytest.mark.parametrize(
    "name", ["plain", "with space", 'with "quotes"', "with\\backslash", "with'apostrophe", "a: b #c"]
)
def test_init_writes_the_server_root_into_the_configurations(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    site.lay_out(root)
    apache = parse_text((root / "conf" / "httpd.conf").read_text(), "httpd.conf")
    yaml = parse_yaml((root / "conf" / "mpmserver.yaml").read_text(), "mpmserver.yaml")
    for nodes in (apache, yaml):
        found = [node for node in nodes if node.name == "<IfDefine" and node.arguments == "!SRVROOT"]
        assert len(found) == 1
        assert found[0].children is not None
        assert words(found[0].children[0].arguments) == ["SRVROOT", str(root)]


@pytest.mark.parametrize("taken", site.FOLDERS)
def test_init_overwrites_nothing(tmp_path: Path, taken: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / taken).mkdir()
    assert site.init([str(tmp_path)]) == 1
    assert [path.name for path in tmp_path.iterdir()] == [taken]
    assert capsys.readouterr().err == (
        f"mpmserver init: {tmp_path / taken} exists already; nothing was written\n"
    )  # fmt: skip


def test_init_tells_why_it_cannot_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert site.init([str(tmp_path / "file" / "site")]) == 1
    assert "Not a directory" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["${HOME}", "two\nlines"])
def test_what_no_configuration_can_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(site.Refusal):
        directives(tmp_path / name)


def test_serve_is_a_configuration_that_nests(tmp_path: Path) -> None:
    text = "\n".join(directives(tmp_path, "--cgi", "--htaccess", "--port", "8123", "--mpm", "reactor"))
    nodes = parse_text(text, "-c")
    one = {node.name: words(node.arguments) for node in nodes}
    assert one["Listen"] == ["127.0.0.1:8123"]
    assert one["MPM"] == ["reactor"]
    assert one["DocumentRoot"] == [str(tmp_path)]
    assert one["PidFile"] == ["/run/mine/serve-8123.pid"]
    assert one["LogFormat"] == ['%h %l %u %t "%r" %>s %b', "common"]
    assert [words(node.arguments) for node in nodes if node.name == "ScriptAlias"] == [
        ["/cgi-bin/", f"{tmp_path}/cgi-bin/"],
        ["/htbin/", f"{tmp_path}/htbin/"],
    ]
    sections = {(node.name, *words(node.arguments)) for node in nodes if node.children is not None}
    assert ("<Directory", str(tmp_path)) in sections


def test_serve_runs_and_obeys_nothing_unasked(tmp_path: Path) -> None:
    text = "\n".join(directives(tmp_path))
    assert "ScriptAlias" not in text
    assert "AllowOverride" not in text


@pytest.mark.parametrize(
    ("arguments", "listen"),
    [
        (["--bind", "0.0.0.0"], "Listen 0.0.0.0:8000"),
        (["--bind", "::1"], "Listen [::1]:8000"),
        (["--bind", "[::1]", "--port", "80"], "Listen [::1]:80"),
    ],
)
def test_serve_listens_where_it_is_told(tmp_path: Path, arguments: list[str], listen: str) -> None:
    assert listen in directives(tmp_path, *arguments)


@pytest.mark.parametrize(
    "arguments", [["--port", "0"], ["--port", "65536"], ["--port", "x"], ["--bind", "nowhere"], ["--mpm", "none"]]
)
def test_serve_refuses_nonsense(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        serve_options(*arguments)
    assert stopped.value.code == 2


def test_htaccess_needs_a_path_that_is_no_pattern(tmp_path: Path) -> None:
    assert directives(tmp_path / "a[b]")
    with pytest.raises(site.Refusal, match="--htaccess"):
        directives(tmp_path / "a[b]", "--htaccess")


def test_serve_says_what_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert site.serve([str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err == f"mpmserver serve: {tmp_path / 'none'} is not a folder\n"


def test_serve_says_that_the_port_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert site.serve(["/usr", "--port", str(port)]) == 1
    assert f"port {port} is taken by another program; choose another: --port " in capsys.readouterr().err


def test_serve_hands_a_file_to_the_ordinary_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    called: list[tuple[list[str], str]] = []

    def main(arguments: list[str]) -> int:
        called.append((arguments, Path(arguments[3]).read_text()))
        return 7

    monkeypatch.setattr(cli, "main", main)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    assert site.serve(["/usr", "--port", str(port)]) == 7
    file = tmp_path / f"mpmserver-{os.geteuid()}" / f"serve-{port}.conf"
    assert [arguments for arguments, _ in called] == [["-d", "/usr", "-f", str(file), "-D", "FOREGROUND"]]
    assert f"Listen 127.0.0.1:{port}\n" in called[0][1]
    assert not file.exists()
    assert f"Serving /usr on http://127.0.0.1:{port}/ (event)." in capsys.readouterr().err


def test_the_private_folder_is_this_user_s_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    folder = site._private_folder()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert site._private_folder() == folder
    folder.chmod(0o777)
    with pytest.raises(site.Refusal, match="belongs to somebody else"):
        site._private_folder()
    folder.rmdir()
    folder.symlink_to("/usr")
    with pytest.raises(site.Refusal):
        site._private_folder()


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")


@needs_root
class TestAsRoot:
    account = preflight.Account("nobody", 65534, 65534)

    def opened(self, tmp_path: Path) -> Path:
        """A folder that everyone may read, with everything around it."""
        folder = tmp_path / "outer" / "inner"
        folder.mkdir(parents=True)
        for path in (folder, *folder.parents):
            if path.is_relative_to("/tmp") and path != Path("/tmp"):
                path.chmod(0o755)
        return folder

    def test_a_readable_folder_is_no_trouble(self, tmp_path: Path) -> None:
        assert preflight.folder_trouble(self.opened(tmp_path), self.account) is None

    def test_the_outermost_closed_folder_is_named(self, tmp_path: Path) -> None:
        folder = self.opened(tmp_path)
        folder.parent.chmod(0o700)
        told = preflight.folder_trouble(folder, self.account)
        assert told is not None
        assert f"may not enter {folder.parent};" in told
        assert f"chmod o+x {folder.parent}" in told

    def test_a_file_must_be_readable(self, tmp_path: Path) -> None:
        file = self.opened(tmp_path) / "page"
        file.write_text("")
        file.chmod(0o600)
        told = preflight.folder_trouble(file, self.account)
        assert told is not None
        assert f"may not read {file};" in told

    def test_serve_refuses_the_folder_with_a_remedy(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        folder = self.opened(tmp_path)
        folder.chmod(0o700)
        assert site.serve([str(folder)]) == 1
        assert "chmod o+" in capsys.readouterr().err

    def test_serve_names_the_account(self, tmp_path: Path) -> None:
        account = preflight.Account.default()
        assert {f"User {account.name}", f"Group #{account.gid}"} <= set(directives(tmp_path))


def test_an_unknown_account_is_an_error() -> None:
    with pytest.raises(KeyError):
        preflight.Account.of("no-such-account")
