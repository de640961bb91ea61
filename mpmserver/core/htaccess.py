"""Per-directory configuration files: read when first needed, parsed once for each version of the file.

`HtaccessFiles.section(...)` is asked once for each directory of each walk in which AllowOverride lets such a file
say anything. Where the file has not changed (device, inode, size, mtime and ctime are what they were) the
section of last time is returned, the same object, so everything merged from it is found again; where it has,
it is parsed anew. A file whose status changed within the last two seconds is compared by content, because two
writes within one tick of the file system's clock leave the same times.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from mpmserver.config.build import Build
from mpmserver.config.errors import ConfigError
from mpmserver.config.expand import ReadContext, read_htaccess
from mpmserver.config.node import Origin
from mpmserver.config.sections import Section, SectionKind
from mpmserver.core.errorlog import os_error
from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError
from mpmserver.records import replace

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.site import Merged, Server

CACHE_SIZE = 32768
SETTLED_NS = 2_000_000_000
Rights = tuple[int, int, frozenset[str] | None]
Key = tuple[str, int, Rights]


class HtaccessFile:
    """One version of a file, or that it is missing: what stat() said, its section, and why it may not be trusted."""

    __slots__ = ("changed_ns", "error", "path", "section", "settled", "status", "text", "warnings")

    def __init__(self, path: str, status: os.stat_result | None = None, settled: bool = True) -> None:
        self.path = path
        self.status = status
        """None where there is no such file."""
        self.changed_ns = 0 if status is None else status.st_ctime_ns
        self.settled = settled
        """Whether it could not be changed any more without being seen by its status."""
        self.text = b""
        """What it said, as long as that must be compared."""
        self.section: Section | None = None
        self.error: ConfigError | None = None
        self.warnings: list[tuple[str, str]] = []


class HtaccessFiles:
    """The .htaccess files that one process knows, whichever thread asks; bounded, the oldest version first out."""

    def __init__(self, read_context: ReadContext) -> None:
        self._context = read_context
        self._known: OrderedDict[Key, HtaccessFile] = OrderedDict()
        self.parses = 0
        """How many files were parsed: unchanged ones must not add to it."""

    def section(self, x: Exchange, merged: Merged, directory: str, asked: list[HtaccessFile]) -> Section | None:
        """Return the section of `directory` ('/x/y'), None where it has no such file.

        `merged` is what holds above it, which says what the file may override; `asked` gets what was looked for.
        Raises HTTPError: 500 for an error in the file, 403 where it can't be read.
        """
        core = merged.core
        rights: Rights = (core.override, core.override_options, core.override_list)
        base = directory if directory.endswith("/") else directory + "/"
        for name in merged.server.core.access_file_names:
            known = self._file(x, merged.server, base + name, base, rights)
            asked.append(known)
            if known.status is None:
                continue
            if known.warnings:
                _warn(x, known)
            if known.error is not None:
                raise self._wrong(x, base + name, base, known.error)
            return known.section
        return None

    def _file(self, x: Exchange, server: Server, path: str, directory: str, rights: Rights) -> HtaccessFile:
        key = (path, server.index, rights)
        known = self._known.get(key)
        try:
            status = x.files.stat(path)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                raise self._unreadable(x, path, directory, error) from None
            return known if known is not None and known.status is None else self._keep(key, HtaccessFile(path))
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its writer
            message = f"AH00554: Access to file {path} denied by server: not a regular file"
            server.site.main.log(Level.ERROR, "core", message, cause=x)
            raise self._unreadable(x, path, directory, OSError(errno.EBADF, ""))
        if known is not None and _same_version(known.status, status):
            known.status = status
            if known.settled:
                return known
        else:
            known = None
        return self._read(x, server, directory, key, status, known)

    def _read(
        self, x: Exchange, server: Server, directory: str, key: Key, status: os.stat_result, known: HtaccessFile | None
    ) -> HtaccessFile:
        """Read the file; `known` is what is known of it, where only its text could tell that it has changed."""
        path, _index, rights = key
        # any write sets the time of status change, which nobody can set back
        settled = time.time_ns() - status.st_ctime_ns > SETTLED_NS
        try:
            with open(path, "rb") as file:
                text = file.read()
        except OSError as error:
            raise self._unreadable(x, path, directory, error) from None
        if known is not None and known.text == text:
            known.settled = settled
            if settled:
                known.text = b""
            return known
        fresh = HtaccessFile(path, status, settled)
        fresh.text = text
        try:
            fresh.section = self._parse(server, path, directory, rights, fresh)
        except ConfigError as error:
            fresh.error = error
        if settled:
            fresh.text = b""
        return self._keep(key, fresh)

    def _keep(self, key: Key, file: HtaccessFile) -> HtaccessFile:
        self._known.pop(key, None)
        self._known[key] = file
        if len(self._known) > CACHE_SIZE:
            self._known.popitem(last=False)
        return file

    def _parse(self, server: Server, path: str, directory: str, rights: Rights, fresh: HtaccessFile) -> Section:
        self.parses += 1
        override, override_options, override_list = rights
        section = Section(SectionKind.HTACCESS, directory, Origin(path, 0), path=directory)
        build = Build(
            configuration=server.site.configuration,
            host=server.config,
            section=section,
            override=override,
            override_options=override_options,
            override_list=override_list,
            path=directory,
            within=(".htaccess",),
            in_htaccess=True,
            warnings=fresh.warnings,
        )
        context = replace(self._context, warn=lambda message, origin: fresh.warnings.append((_who(message), message)))
        build.walk(read_htaccess(fresh.text.decode("utf-8", "surrogateescape"), path, context))
        return section

    def _wrong(self, x: Exchange, path: str, directory: str, error: ConfigError) -> HTTPError:
        """Say what is wrong, and in which line; the request's file name ends at the directory, as Apache's does."""
        x.filename, x.path_info = directory, ""
        line = f" (line {error.origin.line})" if error.origin is not None and error.origin.line else ""
        x.server.log(Level.ALERT, "core", f"{path}: {error.message}{line}", x)
        return HTTPError(500)

    def _unreadable(self, x: Exchange, path: str, directory: str, error: OSError) -> HTTPError:
        x.filename, x.path_info = directory, ""
        x.notes["error-notes"] = "Server unable to read htaccess file, denying access to be safe"
        x.server.log(
            Level.CRIT,
            "core",
            f"{os_error(error)}: AH00529: {path} pcfg_openfile: unable to check htaccess "
            f"file, ensure it is readable and that '{directory}' is executable",
            x,
        )
        return HTTPError(403)


def _same_version(before: os.stat_result | None, now: os.stat_result) -> bool:
    """Whether all is the same by which a change would be seen (it may have been read in the meantime)."""
    return before is not None and (
        (before.st_ino, before.st_dev, before.st_size, before.st_mtime_ns, before.st_ctime_ns)
        == (now.st_ino, now.st_dev, now.st_size, now.st_mtime_ns, now.st_ctime_ns)
    )


def _who(message: str) -> str:
    """Which module's name a warning of the reader goes under: variables are the core's, macros mod_macro's."""
    return "core" if message.startswith("AH00111") else "macro"


def _warn(x: Exchange, known: HtaccessFile) -> None:
    """Log what a file was warned for: once for each request, however often its subrequests come by, as in Apache."""
    told = x.first.notes.setdefault("htaccess-warned", [])
    if known not in told:
        told.append(known)
        for module, message in known.warnings:
            x.server.log(Level.WARN, module, message, cause=x)
