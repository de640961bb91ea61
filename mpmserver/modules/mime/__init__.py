"""mod_mime: what a file's extensions say about its type, language, encoding, charset, handler and filters.

Each extension counts, in any order; of several types, charsets or handlers the last one wins, languages and
encodings add up. What comes before the first dot is the name, leading dots included, and says nothing.
Everything is looked up in dictionaries that were merged with the sections; TYPE is the only hook.
"""

from __future__ import annotations

import stat
from typing import Any

from mpmserver.core.exchange import Exchange
from mpmserver.core.module import HANDLED, Handled, Hook, Module, Phase
from mpmserver.core.settings import Level
from mpmserver.modules.mime.directives import DIRECTIVES, load_types
from mpmserver.modules.mime.media_type import MediaType
from mpmserver.modules.mime.settings import REMOVED_TYPE, Extension, MimeDir, MimeServer

DIRECTORY_TYPE = "httpd/unix-directory"


class _Found:
    """What the extensions of one name said so far."""

    __slots__ = ("charset", "known", "media_type", "unknown")

    def __init__(self, base: str) -> None:
        self.media_type: MediaType | None = None
        self.charset: str | None = None
        self.known = False
        """Whether any extension said something that counts in content negotiation."""
        self.unknown = [base]
        """The parts of the name that said nothing, as they are written."""


def find_type(x: Exchange) -> Handled | None:
    """Set content type, languages, encoding, handler and filters by the extensions of the file's name."""
    if x.finfo is not None and stat.S_ISDIR(x.finfo.st_mode):
        x.content_type = DIRECTORY_TYPE
        return HANDLED
    if x.filename is None:
        return None
    mime = x.settings[MimeDir]
    name = f"{x.filename}{x.path_info}" if mime.use_path_info else x.filename
    base, *extensions = _parts(name[name.rfind("/") + 1 :])
    found = _Found(base)
    if extensions:
        _look_up(x, mime, extensions, found)
    if found.known:
        x.notes["ap-mime-exceptions-list"] = found.unknown
    if found.media_type is not None:
        if found.media_type.complaint:
            x.server.log(Level.WARN, "mime", found.media_type.complaint)
        x.content_type = found.media_type.with_charset(found.charset)
    if not x.content_languages and mime.default_language is not None:
        x.content_languages = [mime.default_language]
    return HANDLED if x.content_type else None


def _parts(name: str) -> list[str]:
    """The base name (with its leading dots) and the extensions, empty ones left out."""
    bare = name.lstrip(".")
    base, *extensions = bare.split(".")
    return [name[: len(name) - len(bare)] + base, *(extension for extension in extensions if extension)]


def _look_up(x: Exchange, mime: MimeDir, extensions: list[str], found: _Found) -> None:
    types = x.server[MimeServer].types
    for extension in extensions:
        lower = extension.lower()
        said = mime.extensions.get(lower)
        media_type = said.media_type if said is not None else None
        if media_type is None:
            media_type = types.get(lower)
        known = False
        if media_type is not None and media_type is not REMOVED_TYPE:
            found.media_type = media_type
            known = True
        if said is not None:
            known = _apply(x, mime, said, found) or known
        if known:
            found.known = True
        else:
            found.unknown.append(extension)


def _apply(x: Exchange, mime: MimeDir, said: Extension, found: _Found) -> bool:
    """Take over what an extension says besides its type; whether that counts as known."""
    known = False
    if said.charset:
        found.charset = said.charset
        known = True
    if said.language:
        x.content_languages = [*x.content_languages, said.language]
        known = True
    if said.encoding:
        x.content_encoding = f"{x.content_encoding}, {said.encoding}" if x.content_encoding else said.encoding
        known = True
    if said.handler:
        x.handler = said.handler
        known = known or "Handlers" in mime.multimatch
    if said.input_filters or said.output_filters:
        _add_filters(x, said)
        known = known or "Filters" in mime.multimatch
    return known


def _add_filters(x: Exchange, said: Extension) -> None:
    for name in (said.input_filters or "").split(";"):
        if name:
            _unknown_filter(x, name)
    for name in (said.output_filters or "").split(";"):
        known = x.server.site.filters.get(name)
        if known is not None:
            x.filters.append(known)
        elif name:
            _unknown_filter(x, name)


def _unknown_filter(x: Exchange, name: str) -> None:
    x.server.log(Level.ERROR, "core", f"AH00082: an unknown filter was not added: {name}", x)


def _pure(settings: Any) -> bool:
    return True


MODULE = Module(
    "mime",
    directives=DIRECTIVES,
    hooks=(Hook(Phase.TYPE, find_type, pure=_pure),),
    server_settings=MimeServer,
    dir_settings=MimeDir,
    post_config=load_types,
)
