"""mod_mime: what a file's extensions say about its type, language, encoding, charset, handler and filters.

Each extension counts, in any order; of several types, charsets or handlers the last one wins, languages and
encodings add up. What comes before the first dot is the name, leading dots included, and says nothing.
Everything is looked up in dictionaries that were merged with the sections; TYPE is the only hook. What all
extensions of a name come to is the same for every file with these settings and is kept (`extensions.py`).
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from typing import Any

from mpmserver.core.exchange import Exchange
from mpmserver.core.module import HANDLED, Handled, Hook, Module, Phase
from mpmserver.core.settings import Level
from mpmserver.core.site import Merged
from mpmserver.modules.mime.directives import DIRECTIVES, load_types
from mpmserver.modules.mime.extensions import Said, said_by
from mpmserver.modules.mime.settings import MimeDir, MimeServer

DIRECTORY_TYPE = "httpd/unix-directory"
_MOST_KEPT = 512
_LONGEST_KEPT = 64


def type_finder(settings: Merged) -> Callable[[Exchange], Handled | None]:
    """The hook: what sets content type, languages, encoding, handler and filters by the extensions of a file's name."""
    mime, types = settings[MimeDir], settings.server[MimeServer].types
    known: dict[str, Said] = {}

    def find_type(x: Exchange) -> Handled | None:
        if x.finfo is not None and stat.S_ISDIR(x.finfo.st_mode):
            x.content_type = DIRECTORY_TYPE
            return HANDLED
        path = x.filename
        if path is None:
            return None
        if mime.use_path_info:
            path += x.path_info
        begin = dot = path.rfind("/") + 1
        while path.startswith(".", dot):  # leading dots belong to the name
            dot += 1
        dot = path.find(".", dot)
        if dot >= 0:
            ending = path[dot:]
            said = known.get(ending)
            if said is None:
                said = said_by(ending, mime, types)
                if len(known) < _MOST_KEPT and len(ending) <= _LONGEST_KEPT:
                    known[ending] = said
            _take_over(x, said, path[begin:dot])
        if mime.default_language is not None and not x.content_languages:
            x.content_languages = [mime.default_language]
        return HANDLED if x.content_type else None

    return find_type


def _take_over(x: Exchange, said: Said, base: str) -> None:
    """Give the request what the extensions say; `base` is the name before them."""
    if said.more:
        _take_over_more(x, said)
    if said.is_known:
        x.notes["ap-mime-exceptions-list"] = [base, *said.unknown]
    if said.content_type is not None:
        if said.complaint:
            x.server.log(Level.WARN, "mime", said.complaint, cause=x)
        x.content_type = said.content_type


def _take_over_more(x: Exchange, said: Said) -> None:
    """What few extensions have: languages, encodings, a handler, filters."""
    if said.languages:
        x.content_languages = [*x.content_languages, *said.languages]
    for encoding in said.encodings:
        x.content_encoding = f"{x.content_encoding}, {encoding}" if x.content_encoding else encoding
    if said.handler is not None:
        x.handler = said.handler
    filters = x.server.site.filters
    for name, is_output in said.filters:
        known = filters.get(name) if is_output else None
        if known is not None:
            x.filters.append(known)
            if x.memo is not None:
                x.memo.refuse(f"filter {name}")
        else:
            x.server.log(Level.ERROR, "core", f"AH00082: an unknown filter was not added: {name}", x)


def _pure(settings: Any) -> bool:
    return True


MODULE = Module(
    "mime",
    directives=DIRECTIVES,
    hooks=(Hook(Phase.TYPE, type_finder, per_settings=True, pure=_pure),),
    server_settings=MimeServer,
    dir_settings=MimeDir,
    post_config=load_types,
)
