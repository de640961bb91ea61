"""What all extensions of one file name say together, under the settings of one section.

Each counts, in any order; of several types, charsets or handlers the last one wins, languages, encodings and filters
add up.
"""

from __future__ import annotations

from collections.abc import Mapping

from mpmserver.modules.mime.media_type import MediaType, parse_media_type
from mpmserver.modules.mime.settings import REMOVED_TYPE, Extension, MimeDir


class Said:
    """The outcome; kept and never changed once it is made."""

    __slots__ = (
        "complaint", "content_type", "encodings", "filters", "handler", "is_known", "languages", "more", "unknown",
    )  # fmt: skip

    def __init__(self) -> None:
        self.content_type: str | None = None
        self.complaint = ""
        """What is logged each time this type is given."""
        self.languages: list[str] = []
        self.encodings: list[str] = []
        self.handler: str | None = None
        self.filters: list[tuple[str, bool]] = []
        """Names, and whether they are of output filters."""
        self.is_known = False
        """Whether any extension said something that counts in content negotiation."""
        self.unknown: list[str] = []
        """The extensions that said nothing, as they are written."""
        self.more = False
        """Whether there is anything besides the type."""


def said_by(ending: str, mime: MimeDir, types: Mapping[str, str]) -> Said:
    """Look up what stands behind the dots of `ending` (".tar.gz"); empty extensions are left out."""
    said = Said()
    media_type: MediaType | None = None
    charset: str | None = None
    for extension in filter(None, ending.split(".")):
        lower = extension.lower()
        meaning = mime.extensions.get(lower)
        found = meaning.media_type if meaning is not None else None
        if found is None and lower in types:
            found = parse_media_type(types[lower])
        counts = False
        if found is not None and found is not REMOVED_TYPE:
            media_type = found
            counts = True
        if meaning is not None:
            charset = meaning.charset or charset
            counts = _add(said, meaning, mime.multimatch) or counts
        if counts:
            said.is_known = True
        else:
            said.unknown.append(extension)
    if media_type is not None:
        said.content_type = media_type.with_charset(charset)
        said.complaint = media_type.complaint
    said.more = bool(said.languages or said.encodings or said.handler or said.filters)
    return said


def _add(said: Said, meaning: Extension, multimatch: frozenset[str]) -> bool:
    """Take in what an extension means besides its type; whether that counts in negotiation."""
    counts = bool(meaning.charset)
    if meaning.language:
        said.languages.append(meaning.language)
        counts = True
    if meaning.encoding:
        said.encodings.append(meaning.encoding)
        counts = True
    if meaning.handler:
        said.handler = meaning.handler
        counts = counts or "Handlers" in multimatch
    if meaning.input_filters or meaning.output_filters:
        said.filters += [(name, False) for name in (meaning.input_filters or "").split(";") if name]
        said.filters += [(name, True) for name in (meaning.output_filters or "").split(";") if name]
        counts = counts or "Filters" in multimatch
    return counts
