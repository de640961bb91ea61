"""From a request to its merged settings: Apache's location walk, directory walk and file walk.

The sections that match are collected as a tuple, in merge order, and `Server.merge` gives the one `Merged`
object of that tuple. The directory walk remembers its way in a tree of `_Place`s, one for each directory that
was walked and each .htaccess found there, so that an unchanged path costs a dictionary look-up for each
directory, plus one stat where .htaccess files are allowed and one lstat where links must be checked. No answer
is remembered here: every existence and every link that Apache would check is checked at each request.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import TYPE_CHECKING

from mpmserver.config.regex import Regex
from mpmserver.config.sections import Section, SectionKind
from mpmserver.core.errorlog import os_error
from mpmserver.core.htaccess import HtaccessFiles
from mpmserver.core.settings import CoreDir, Level, Options, effective
from mpmserver.http.errors import HTTPError

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.site import Merged, Server

PLACES = 32768
_SLASHES = re.compile("//+")
_DOTS = re.compile(r"/\.\.?(?:/|\Z)")
_ON_THE_WAY = frozenset({SectionKind.SERVER, SectionKind.DIRECTORY, SectionKind.HTACCESS})
Sections = tuple[Section, ...]


class _Place:
    """A directory as reached on one way: what holds there, and the places that follow it."""

    __slots__ = ("children", "links_by_owner", "links_free", "merged", "override", "sections", "under")

    def __init__(self, server: Server, sections: Sections) -> None:
        self.sections = sections
        self.merged = server.merge(sections)
        core = self.merged[CoreDir]
        options = effective(core.options, core.options_add, core.options_remove, int(Options.SYM_LINKS))
        self.links_free = bool(options & Options.SYM_LINKS)
        self.links_by_owner = bool(options & Options.SYM_OWNER)
        self.override = bool(core.override) or bool(core.override_list)
        # Without any AllowOverride, as OR_UNSET, Apache reads the files and refuses whatever stands in them
        self.children: dict[str, _Place] = {}
        self.under: tuple[Section, _Place] | None = None


class Resolver:
    """The walks of one process over one site."""

    def __init__(self, htaccess: HtaccessFiles) -> None:
        self._htaccess = htaccess
        self._roots: dict[int, _Place] = {}
        self._count = 0

    def location_walk(self, x: Exchange) -> Sections:
        """Return the <Location> sections that match the URI, and set what their groups captured.

        To <Location> slashes in a row are one, also where MergeSlashes is off; <LocationMatch> sees them.
        """
        uri = _merged_slashes(x.uri)
        return tuple(section for section in x.server.locations if _location_matches(section, uri, x))

    def before_translation(self, x: Exchange) -> None:
        """Give the request the settings that hold before it has a file name: the server's and <Location>s'."""
        sections = x.server.defaults.sections + self.location_walk(x)
        self.adopt(x, x.server.merge(sections))

    def map_to_storage(self, x: Exchange) -> None:
        """Walk directories and files for `x.filename`, then locations again, and give the request its settings.

        Sets `filename`, `path_info` and `finfo`. Raises HTTPError as the walks find something forbidden.
        """
        sections = self.directory_walk(x)
        sections += _file_walk(x, sections)
        self.settle(x, sections)

    def file_within(self, x: Exchange, parent: Exchange) -> None:
        """As `map_to_storage`, for a regular file (`x.finfo`, no link) in the directory that `parent` was resolved to.

        What the walk to that directory found holds for its files; it is not done again for each of them.
        """
        sections = tuple(section for section in parent.settings.sections if section.kind in _ON_THE_WAY)
        sections += _file_walk(x, sections)
        self.settle(x, sections)

    def settle(self, x: Exchange, sections: Sections) -> None:
        """Add the <Location>s to what the walks over the disk found, and adopt the result."""
        sections += self.location_walk(x)
        self.adopt(x, x.server.merge(sections))

    def adopt(self, x: Exchange, merged: Merged) -> None:
        """Make `merged` the request's settings."""
        x.settings = merged
        x.plan = merged.plan

    def directory_walk(self, x: Exchange) -> Sections:
        """Return the sections of all directories above `x.filename`, .htaccess files among them."""
        filename = x.filename
        if filename is None or not filename.startswith("/"):
            raise HTTPError(403)
        asked = x.filename = _canonical(filename)
        blocked = _find(x, asked)
        filename = x.filename
        is_directory = x.finfo is not None and stat.S_ISDIR(x.finfo.st_mode)
        exists = x.finfo is not None and filename == asked
        place = self._walk(x, filename.rstrip("/") or "/", is_directory, exists)
        if blocked is not None:
            raise _inaccessible(x, filename, blocked)
        matched = tuple(
            section for section in x.server.directory_matches if _captured(section.regex, filename, x)
        )
        return place.sections + matched

    def _walk(self, x: Exchange, path: str, is_directory: bool, exists: bool) -> _Place:
        """Go down from the root to the last directory of `path`, checking links and .htaccess on the way.

        `exists`: all that was asked for is there, so a link that may be followed leads somewhere.
        """
        server = x.server
        place = self._enter(x, self._root(server), "/")
        end = 1
        while end < len(path):
            start = end if end == 1 else end + 1
            end = path.find("/", start)
            end = len(path) if end < 0 else end
            prefix = path[:end]
            if not (place.links_free and exists):
                _check_link(x, place, prefix)
            if end == len(path) and not is_directory:
                break
            place = self._enter(x, self._child(server, place, prefix), prefix)
        return place

    def _root(self, server: Server) -> _Place:
        place = self._roots.get(server.index)
        if place is None or self._count > PLACES:
            if self._count > PLACES:
                self._roots.clear()
                self._count = 0
            sections = server.defaults.sections + _directories_at(server, "/")
            place = self._roots[server.index] = self._new(server, sections)
        return place

    def _child(self, server: Server, place: _Place, prefix: str) -> _Place:
        child = place.children.get(prefix)
        if child is None:
            child = place.children[prefix] = self._new(server, place.sections + _directories_at(server, prefix))
        return child

    def _enter(self, x: Exchange, place: _Place, directory: str) -> _Place:
        """Add the directory's .htaccess, where it may have one and has one."""
        if not place.override:
            return place
        section = self._htaccess.section(x, place.merged, directory)
        if section is None:
            return place
        if place.under is None or place.under[0] is not section:
            place.under = (section, self._new(x.server, (*place.sections, section)))
        return place.under[1]

    def _new(self, server: Server, sections: Sections) -> _Place:
        self._count += 1
        return _Place(server, sections)


def _find(x: Exchange, filename: str) -> OSError | None:
    """Set finfo; where the path goes on behind a file, or into nothing, split it into filename and path_info.

    Returns the error that keeps us from knowing, where there is one: the directories above come first.
    """
    try:
        x.finfo = os.stat(filename)
        return None
    except OSError:
        x.finfo = None
    end = 0
    while end < len(filename):
        end = filename.find("/", end + 1)
        end = len(filename) if end < 0 else end
        try:
            x.finfo = status = os.stat(filename[:end])
        except OSError as error:
            x.finfo = None
            x.filename, x.path_info = filename[:end], filename[end:]
            return None if error.errno in (errno.ENOENT, errno.ENOTDIR) else error
        if not stat.S_ISDIR(status.st_mode):
            break
    x.filename, x.path_info = filename[:end], filename[end:]
    return None


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


def _check_link(x: Exchange, place: _Place, path: str) -> None:
    """Refuse a link that Options does not let us follow or that leads nowhere, and what is no file; HTTPError 403."""
    try:
        status = os.lstat(path)
    except OSError:
        return
    if stat.S_ISLNK(status.st_mode):
        target = _link_target(place, path, status)
        if target is None:
            raise _refused(x, path, f"AH00037: Symbolic link not allowed or link target not accessible: {path}")
        status = target
    if not stat.S_ISDIR(status.st_mode) and not stat.S_ISREG(status.st_mode):
        raise _refused(x, path, f"AH00038: Forbidden: {path} doesn't point to a file or directory")


def _link_target(place: _Place, path: str, link: os.stat_result) -> os.stat_result | None:
    """What a link leads to, None where it may not be followed or leads nowhere."""
    if not place.links_free and not place.links_by_owner:
        return None
    try:
        target = os.stat(path)
    except OSError:
        return None
    return target if place.links_free or target.st_uid == link.st_uid else None


def _refused(x: Exchange, path: str, message: str) -> HTTPError:
    """Log why the walk ends at `path`, which is then all that there is of the file name; returns the 403."""
    x.filename, x.path_info = path, ""
    x.server.log(Level.ERROR, "core", message, x)
    return HTTPError(403)


def _file_walk(x: Exchange, sections: Sections) -> Sections:
    """The <Files> and <FilesMatch> sections, of the server and inside of `sections`, that match the base name."""
    filename = x.filename or ""
    name = filename[filename.rfind("/") + 1 :]
    candidates = [*x.server.files, *(inner for section in sections for inner in section.files)]
    return tuple(section for section in candidates if _file_matches(section, name, x))


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
