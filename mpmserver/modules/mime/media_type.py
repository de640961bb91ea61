"""Media types as mod_mime rewrites them: taken apart and put together again once, at configuration time.

`MediaType.text` is what is sent; `with_charset` is the same with another charset. What Apache's parser cannot read
is sent as it was written, and `complaint` is what it logs each time.
"""

from __future__ import annotations

import re

from mpmserver.records import dataclass

_SIMPLE = re.compile(r"[^\s;/]+/[^\s;]+")
_PARAMETER = re.compile(
    r"\s*(?P<name>[^=;\s\"]+)\s*=\s*(?P<value>\"(?:\\.|[^\"\\])*\"?|[^\s;=\"]+)\s*(?P<end>;|\Z)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type: its essence ("text/html") and parameters ("charset=x"), or only a text with a complaint."""

    text: str
    essence: str = ""
    parameters: tuple[str, ...] = ()
    complaint: str = ""

    def with_charset(self, charset: str | None) -> str:
        """Return the text with `charset` in place of the first charset parameter, or at the end."""
        if charset is None or self.complaint:
            return self.text
        kept: list[str] = []
        placed = False
        for parameter in self.parameters:
            if not parameter.startswith("charset="):
                kept.append(parameter)
            elif not placed:
                kept.append(f"charset={charset}")
                placed = True
        if not placed:
            kept.append(f"charset={charset}")
        return "; ".join((self.essence, *kept))


def parse_media_type(text: str) -> MediaType:
    """Read a media type; never fails, but may complain."""
    if _SIMPLE.fullmatch(text):
        return MediaType(text, text)
    kind, slash, rest = text.strip().partition("/")
    kind = kind.rstrip()
    if not slash or not kind:
        return MediaType(text, complaint=f"AH01599: Cannot get media type from '{text}'")
    if len(kind.split()) > 1:
        return MediaType(text, complaint=f"AH01600: mod_mime: analyze_ct: cannot get media type from '{text}'")
    subtype, semicolon, rest = rest.partition(";")
    if not subtype.strip():
        return MediaType(text, complaint="AH01601: Cannot get media subtype.")
    essence = f"{kind}/{subtype.strip()}"
    if semicolon and not rest.strip():
        return MediaType(text, complaint="AH01602: Cannot get media parameter.")
    parameters = _parameters(rest)
    if isinstance(parameters, str):
        return MediaType(text, complaint=parameters)
    return MediaType("; ".join((essence, *parameters)), essence, parameters)


def _parameters(text: str) -> tuple[str, ...] | str:
    """The parameters as they are printed, or a complaint."""
    found: list[str] = []
    position = 0
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None:
            rest = text[position:]
            if "=" not in rest and ";" not in rest:
                break
            number = "AH01605" if rest.lstrip().startswith(";") else "AH01608"
            return f"{number}: Cannot get media parameter."
        found.append(f"{match['name']}={match['value']}")
        position = match.end()
    return tuple(found)
