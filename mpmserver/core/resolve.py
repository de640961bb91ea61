"""From a request to its merged settings: Apache's location walk, directory walk and file walk.

The sections that match are joined in merge order by `Server.merge`, which gives the one `Merged` object of that tuple.
Of each folder that was walked to, a `Way` is kept (`ways.py`): the .htaccess files that were looked for, as they were
found, and the settings that came of it. Where one has changed, or where links on it must be checked (Options without
FollowSymLinks), the walk goes from directory to directory. No answer is kept: whatever existence and link Apache would
check is checked at each request, but no directory's .htaccess twice for one (its redirects and subrequests), as in
Apache.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mpmserver.config.regex import Regex
from mpmserver.config.sections import Section, SectionKind
from mpmserver.core.errorlog import os_error
from mpmserver.core.htaccess import HtaccessFile, HtaccessFiles
from mpmserver.core.settings import Level
from mpmserver.core.ways import Way, Ways, keep
from mpmserver.http.errors import HTTPError

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.site import Merged, Server

_LONG_NAME = 64
_NEAR = 8
_SLASHES = re.compile("//+")
_DOTS = re.compile(r"/\.\.?(?:/|\Z)")
_ON_THE_WAY = frozenset({SectionKind.SERVER, SectionKind.DIRECTORY, SectionKind.HTACCESS})
Sections = tuple[Section, ...]


class Resolver:
    """The walks of one process over one site."""

    def __init__(self, htaccess: HtaccessFiles) -> None:
        self._htaccess = htaccess
        self.ways = Ways()
        self._at: dict[tuple[int, str], Sections] = {}
        """The <Directory> sections of each directory that was walked through."""
        self._named: dict[tuple[Merged, str], Merged] = {}
        """What <Files> make of settings, by file name."""

    def expect(self, server: Server) -> None:
        """Merge what holds in a server's document root, and plan for it: most requests will ask for that.

        Called before processes are forked: they share it then, where each would make it for itself.
        """
        merged = server.defaults
        for directory in _downwards(server.document_root):
            merged = server.merge(merged.sections + self._sections_at(server, directory))
        _ = server.defaults.plan, merged.plan, merged.files_are_plain

    def before_translation(self, x: Exchange) -> None:
        """Give the request the settings that hold before it has a file name: the server's and <Location>s'."""
        self.settle(x, x.server.defaults)

    def map_to_storage(self, x: Exchange) -> None:
        """Walk directories and files for `x.filename`, then locations again, and give the request its settings.

        Sets `filename`, `path_info` and `finfo`. Raises HTTPError as the walks find something forbidden.
        """
        path = x.filename
        if path is None:  # a hook has translated it into nothing: a handler may need no file
            self.settle(x, x.server.defaults)
            return
        if path[:1] != "/":
            raise HTTPError(403)
        if "//" in path or "/." in path:
            path = x.filename = _canonical(path)
        end = path.rfind("/")
        way = self.ways.known.get((x.server.index, path[:end]))
        merged = self._beyond(x, path, end) if way is None else None
        if merged is None:
            try:
                x.finfo = status = x.files.stat(path)
            except OSError:
                merged = None if way is None else self._behind(x, path, end, way)
                if merged is None:
                    merged = self._walk_missing(x, path)
            else:
                if stat.S_ISDIR(status.st_mode):
                    merged = self._folder(x, path.rstrip("/") or "/")
                else:
                    merged = self._folder(x, path[:end] or "/")
                    if not merged.links_free:
                        _check_link(x, merged, path)
        self.adopt(x, merged if merged.is_final else self._joined(x, merged))

    def _joined(self, x: Exchange, merged: Merged) -> Merged:
        """Join to what the walk over directories has found the sections that match by other means."""
        if x.server.directory_matches:
            merged = _directory_matches(x, merged)
        if merged.files:
            merged = self._file_walk(x, merged)
        return _location_walk(x, merged) if x.server.locations else merged

    def file_within(self, x: Exchange, parent: Exchange) -> None:
        """As `map_to_storage`, for a regular file (`x.finfo`, no link) in the directory that `parent` was resolved to.

        What the walk to that directory found holds for its files; it is not done again for each of them.
        """
        sections = tuple(section for section in parent.settings.sections if section.kind in _ON_THE_WAY)
        self.settle(x, self._file_walk(x, x.server.merge(sections)))

    def settle(self, x: Exchange, merged: Merged) -> None:
        """Add the <Location>s to what the walks over the disk found, and adopt the result."""
        if x.server.locations:
            merged = _location_walk(x, merged)
        self.adopt(x, merged)

    def adopt(self, x: Exchange, merged: Merged) -> None:
        """Make `merged` the request's settings."""
        x.settings = merged
        plan = x.plan = merged.plan
        if x.memo is not None and plan.impure is not None:
            x.memo.refuse(plan.impure)

    def _beyond(self, x: Exchange, path: str, end: int) -> Merged | None:
        """As `_behind`, for the nearest folder above the last name, which begins at `end`, to which a way is known."""
        index, known = x.server.index, self.ways.known
        for _ in range(_NEAR):
            end = path.rfind("/", 0, end)
            if end <= 0:
                break
            way = known.get((index, path[:end]))
            if way is not None:
                return self._behind(x, path, end, way)
        return None

    def _behind(self, x: Exchange, path: str, end: int, way: Way) -> Merged | None:
        """The settings for a path that goes on behind a known folder with a file's name, or one that isn't there.

        That is the file name then, and the rest is path info. None where it can't be seen at once: the path is looked
        at as a whole then. `end` is where the folder ends.
        """
        end = path.find("/", end + 1)
        name = path if end < 0 else path[:end]
        ways = self.ways
        try:
            status = ways.look(x, name)
        except OSError:
            return None
        if status is not None and not stat.S_ISREG(status.st_mode):
            return None
        found = ways.find(x, way.key)
        if found is None or not (status or ways.is_sure_of_folder(found, x) or _is_directory(x, way.key[1])):
            return None
        x.filename, x.path_info, x.finfo = name, path[len(name) :], status
        return found.merged

    def _walk_missing(self, x: Exchange, asked: str) -> Merged:
        """The walk for a path that isn't there as a whole: it ends at what is no directory, the rest is path info."""
        blocked = _find(x, asked, self._near(x.server, asked))
        path: str = x.filename or ""
        if x.finfo is not None and stat.S_ISDIR(x.finfo.st_mode):  # made in this moment
            return self._folder(x, path.rstrip("/") or "/")
        merged = self._folder(x, path[: path.rfind("/")] or "/")
        if x.finfo is None or not merged.links_free or not stat.S_ISREG(x.finfo.st_mode):
            _check_link(x, merged, path)
        if blocked is not None:
            raise _inaccessible(x, path, blocked)
        return merged

    def _near(self, server: Server, path: str) -> int:
        """Where a folder not far above `path` ends to which a way is known: it is likely to be there; 0 for none."""
        end = len(path)
        for _ in range(_NEAR):
            end = path.rfind("/", 0, end)
            if end <= 0:
                break
            if (server.index, path[:end]) in self.ways.known:
                return end
        return 0

    def _folder(self, x: Exchange, folder: str) -> Merged:
        """The settings that hold in a folder, from <Directory> sections and .htaccess files."""
        key = (x.server.index, folder)
        way = self.ways.find(x, key)
        return self._walk(x, folder, key) if way is None else way.merged

    def _walk(self, x: Exchange, folder: str, key: tuple[int, str]) -> Merged:
        """Go down from the root to a folder, checking links and .htaccess on the way."""
        server = x.server
        merged = server.defaults
        asked: list[HtaccessFile] = []
        free = True
        for directory in _downwards(folder):
            if directory != "/" and not merged.links_free:
                free = False
                _check_link(x, merged, directory)
            sections = self._sections_at(server, directory)
            if sections:
                merged = server.merge(merged.sections + sections)
            if merged.may_override:
                section = self._htaccess.section(x, merged, directory, asked)
                if section is not None:
                    merged = server.merge((*merged.sections, section))
        if free and all(file.settled and not file.warnings for file in asked):
            way = x.way = Way(key, tuple(asked), merged)
            self.ways.keep(way)
        return merged

    def _sections_at(self, server: Server, directory: str) -> Sections:
        """The <Directory> sections for exactly this directory."""
        key = (server.index, directory)
        found = self._at.get(key)
        if found is None:
            found = _directories_at(server, directory)
            keep(self._at, key, found)
        return found

    def _file_walk(self, x: Exchange, merged: Merged) -> Merged:
        """Add the <Files> and <FilesMatch>, of the server and inside of `merged`'s sections, that match the base name.

        Kept by name where finding them has no other effect.
        """
        filename = x.filename or ""
        name = filename[filename.rfind("/") + 1 :]
        key = (merged, name)
        known = self._named.get(key)
        if known is not None:
            return known
        found = tuple([section for section in merged.files if _file_matches(section, name, x)])
        with_files = x.server.merge(merged.sections + found) if found else merged
        if merged.files_are_plain and len(name) <= _LONG_NAME:
            keep(self._named, key, with_files)
        return with_files


def _downwards(folder: str) -> Iterator[str]:
    """A folder's parents, from the root, and itself: "/", "/a", "/a/b"."""
    yield "/"
    end = 0
    while 0 <= end < len(folder) - 1:
        end = folder.find("/", end + 1)
        yield folder if end < 0 else folder[:end]


def _find(x: Exchange, filename: str, near: int) -> OSError | None:
    """Split a path that leads into nothing, or goes on behind a file, into filename and path_info, and set finfo.

    `near`: where a folder ends that is likely to be there; what is above it need not be looked at then.
    Returns the error that keeps us from knowing, where there is one: the directories above come first.
    """
    x.finfo = None
    end = near if near and _is_directory(x, filename[:near]) else 0
    while end < len(filename):
        end = filename.find("/", end + 1)
        end = len(filename) if end < 0 else end
        try:
            x.finfo = status = x.files.stat(filename[:end])
        except OSError as error:
            x.finfo = None
            x.filename, x.path_info = filename[:end], filename[end:]
            return None if error.errno in (errno.ENOENT, errno.ENOTDIR) else error
        if not stat.S_ISDIR(status.st_mode):
            break
    x.filename, x.path_info = filename[:end], filename[end:]
    return None


def _is_directory(x: Exchange, path: str) -> bool:
    try:
        return stat.S_ISDIR(x.files.stat(path).st_mode)
    except OSError:
        return False


def _directory_matches(x: Exchange, merged: Merged) -> Merged:
    """Add the <DirectoryMatch>es; their groups' names become variables."""
    path = x.filename or ""
    matched = tuple([section for section in x.server.directory_matches if _captured(section.regex, path, x)])
    return x.server.merge(merged.sections + matched) if matched else merged


def _location_walk(x: Exchange, merged: Merged) -> Merged:
    """Add the <Location>s that match the URI, and set what their groups captured.

    To <Location> slashes in a row are one, also where MergeSlashes is off; <LocationMatch> sees them.
    """
    uri = _merged_slashes(x.uri)
    matched = tuple([section for section in x.server.locations if _location_matches(section, uri, x)])
    return x.server.merge(merged.sections + matched) if matched else merged


def _inaccessible(x: Exchange, path: str, error: OSError) -> HTTPError:
    """Log why a path can't be looked at; returns the 403."""
    reason = os_error(error)
    if error.errno == errno.EACCES:
        message = (
            f"{reason}: AH00035: access to {x.uri} denied (filesystem path '{path}') because search permissions are "
            "missing on a component of the path"
        )
    else:
        message = f"{reason}: AH00036: access to {x.uri} failed (filesystem path '{path}')"
    x.server.log(Level.ERROR, "core", message, x)
    return HTTPError(403)


def _merged_slashes(path: str) -> str:
    return _SLASHES.sub("/", path) if "//" in path else path


def _canonical(path: str) -> str:
    """The path without slashes in a row and dot segments, by its text alone. (apr_filepath_merge)"""
    path = _merged_slashes(path)
    if "/." not in path or not _DOTS.search(path):
        return path
    clean = os.path.normpath(path)
    return f"{clean}/" if clean != "/" and path.endswith(("/", "/.", "/..")) else clean


def _directories_at(server: Server, directory: str) -> Sections:
    """The <Directory> sections for exactly this directory, shortest pattern first as they were sorted."""
    return tuple(
        section
        for section in server.directories
        if (section.regex.search(directory) if section.regex is not None else _same(section.pattern, directory))
    )


def _same(pattern: str, directory: str) -> bool:
    return (pattern.rstrip("/") or "/") == directory


def _check_link(x: Exchange, merged: Merged, path: str) -> None:
    """Refuse a link that Options does not let us follow or that leads nowhere, and what is no file; HTTPError 403."""
    try:
        status = x.files.lstat(path)
    except OSError:
        return
    if stat.S_ISLNK(status.st_mode):
        target = _link_target(x, merged, path, status)
        if target is None:
            raise _refused(x, path, f"AH00037: Symbolic link not allowed or link target not accessible: {path}")
        status = target
    if not stat.S_ISDIR(status.st_mode) and not stat.S_ISREG(status.st_mode):
        raise _refused(x, path, f"AH00038: Forbidden: {path} doesn't point to a file or directory")


def _link_target(x: Exchange, merged: Merged, path: str, link: os.stat_result) -> os.stat_result | None:
    """What a link leads to, None where it may not be followed or leads nowhere."""
    if not merged.links_free and not merged.links_by_owner:
        return None
    try:
        target = x.files.stat(path)
    except OSError:
        return None
    return target if merged.links_free or target.st_uid == link.st_uid else None


def _refused(x: Exchange, path: str, message: str) -> HTTPError:
    """Log why the walk ends at `path`, which is then all that there is of the file name; returns the 403."""
    x.filename, x.path_info = path, ""
    x.server.log(Level.ERROR, "core", message, x)
    return HTTPError(403)


def _file_matches(section: Section, name: str, x: Exchange) -> bool:
    if section.kind is SectionKind.FILES_MATCH:
        return _captured(section.regex, name, x)
    if section.regex is not None:
        return section.regex.search(name) is not None
    return section.pattern == name


def _location_matches(section: Section, uri: str, x: Exchange) -> bool:
    if section.kind is SectionKind.LOCATION_MATCH:
        return _captured(section.regex, x.uri, x)
    if section.regex is not None:
        return section.regex.search(uri) is not None
    pattern = section.pattern
    if not uri.startswith(pattern):
        return False
    return pattern.endswith("/") or len(uri) == len(pattern) or uri[len(pattern)] == "/" or not pattern


def _captured(regex: Regex | None, text: str, x: Exchange) -> bool:
    """True where the expression is found; its named groups become MATCH_NAME in the environment."""
    match = regex.search(text) if regex is not None else None
    if match is None:
        return False
    for name, value in match.groupdict().items():
        if value is not None:
            x.env[f"MATCH_{name.upper()}"] = value
    return True
