"""How core settings of sections join: Options, FileETag, LogLevel, each as Apache 2.4.71 was seen to do it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver.core.settings import CoreDir, CoreServer, ETag, Level, LogLevels, Options, effective_options, log_levels
from mpmserver.modules.core.files import etag_bits
from tests.unit.modules.core_kit import TestSite

ALL = Options.ALL
INODE, MTIME, SIZE = ETag.INODE, ETag.MTIME, ETag.SIZE


def merged(levels: tuple[str, ...], root: Path) -> CoreDir:
    """Settings of nested directories, the first line being the server's."""
    text = levels[0] + "\n"
    for depth, line in enumerate(levels[1:], 1):
        text += f"<Directory {'/d' * depth}>\n{line}\n</Directory>\n"
    server = TestSite(text, root).world.site.main
    return server.merge((*server.defaults.sections, *server.directories))[CoreDir]


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (("",), Options.SYM_LINKS),
        (("", "Options None"), Options.NONE),
        (("", "Options All"), ALL),
        (("", "Options +Indexes"), Options.SYM_LINKS | Options.INDEXES),
        (("", "Options Indexes"), Options.INDEXES),
        (("Options None", "Options +Indexes"), Options.INDEXES),
        (("", "Options Indexes", "Options +ExecCGI", "Options -Indexes"), Options.EXEC_CGI),
        (("", "Options +Indexes", "Options -Indexes"), Options.SYM_LINKS),
        (("", "Options -Indexes", "Options +Indexes"), Options.SYM_LINKS | Options.INDEXES),
        (("", "Options +Indexes", "Options ExecCGI"), Options.EXEC_CGI),
        (("", "Options All -Indexes"), ALL & ~Options.INDEXES),
        (("", "Options Indexes\nOptions +MultiViews"), Options.INDEXES | Options.MULTI),
        (("", "Options"), Options.SYM_LINKS),
        (("", "Options +Includes", "Options +IncludesNOEXEC"), Options.SYM_LINKS | Options.INCLUDES),
        (("", "Options Includes", "Options +IncludesNOEXEC"), Options.INCLUDES),
        (("", "Options IncludesNOEXEC", "Options +Indexes"), Options.INCLUDES | Options.INDEXES),
    ],
)
def test_options(levels: tuple[str, ...], expected: Options, tmp_path: Path) -> None:
    assert effective_options(merged(levels, tmp_path)) == expected


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (("",), MTIME | SIZE),
        (("", "FileETag +INode"), INODE),
        (("", "FileETag -MTime"), MTIME | SIZE),
        (("", "FileETag INode +Size"), INODE | SIZE),
        (("", "FileETag None"), ETag(0)),
        (("", "FileETag None INode"), INODE),
        (("", "FileETag INode None"), ETag(0)),
        (("", "FileETag +INode -Size\nFileETag +MTime"), INODE | MTIME),
        (("", "FileETag All"), INODE | MTIME | SIZE),
        (("", "FileETag All", "FileETag -Size"), INODE | MTIME),
        (("", "FileETag +INode", "FileETag -INode"), MTIME | SIZE),
        (("", "FileETag None", "FileETag +Size"), SIZE),
        (("", "FileETag Size\nFileETag +MTime"), SIZE | MTIME),
        (("", "FileETag Digest"), ETag.DIGEST),
        (("", "FileETag All Digest"), INODE | MTIME | SIZE | ETag.DIGEST),
    ],
)
def test_file_etag(levels: tuple[str, ...], expected: ETag, tmp_path: Path) -> None:
    assert etag_bits(merged(levels, tmp_path)) == expected


@pytest.mark.parametrize(
    ("server", "host", "section", "module", "expected"),
    [
        ("", "", "", "core", Level.WARN),
        ("LogLevel info", "", "", "core", Level.INFO),
        ("LogLevel info", "LogLevel error", "", "core", Level.ERROR),
        ("LogLevel error core:info", "LogLevel error", "", "core", Level.ERROR),
        ("LogLevel info core:error", "LogLevel info", "", "core", Level.INFO),
        ("LogLevel error core:info", "LogLevel unixd:debug", "", "core", Level.INFO),
        ("LogLevel info", "LogLevel core:debug", "", "unixd", Level.INFO),
        ("LogLevel core:debug info", "", "", "core", Level.INFO),
        ("LogLevel info", "", "LogLevel core:trace8", "core", Level.TRACE8),
        ("LogLevel info", "", "LogLevel core:trace8", "unixd", Level.INFO),
        ("LogLevel info unixd:error", "", "LogLevel debug", "unixd", Level.DEBUG),
        ("LogLevel error core:info", "", "LogLevel unixd:debug", "core", Level.INFO),
        ("LogLevel error", "", "LogLevel core:info error", "core", Level.ERROR),
        ("LogLevel info unixd:error", "", "LogLevel debug", "core", Level.DEBUG),
    ],
)
def test_log_level(server: str, host: str, section: str, module: str, expected: Level, tmp_path: Path) -> None:
    inner = f"ServerName v\n{host}\n<Directory /d>\n{section}\n</Directory>"
    text = f"{server}\n<VirtualHost *:80>\n{inner}\n</VirtualHost>"
    virtual = TestSite(text, tmp_path).world.site.servers[1]
    inside = virtual.merge((*virtual.defaults.sections, *virtual.directories))[CoreDir]
    assert log_levels(virtual[CoreServer], inside).of(module) == expected


def test_levels_of_modules() -> None:
    levels = LogLevels(Level.ERROR, (("mime", Level.DEBUG),))
    assert levels.of("mime") == Level.DEBUG
    assert levels.of("core") == Level.ERROR
    assert LogLevels().of("core") == Level.WARN


def test_a_host_inherits_all_but_its_names(tmp_path: Path) -> None:
    text = "Timeout 7\nServerPath /p\n<VirtualHost *:80>\nServerName v\n</VirtualHost>"
    virtual = TestSite(text, tmp_path).world.site.servers[1][CoreServer]
    assert (virtual.timeout, virtual.server_path, virtual.server_aliases) == (7.0, None, ())
