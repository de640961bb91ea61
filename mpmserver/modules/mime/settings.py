"""Settings of mod_mime: what each extension means in a section, and the types of the whole server.

An `Extension` holds what Add and Remove directives said about one extension: None where nothing was said, `REMOVED`
where it was taken back. Merging lays the inner section over the outer one, so a Remove hides what lies below it, and
an Add after it counts again. As in Apache a Remove holds for one merging only: where two .htaccess files are merged
with each other first, what they remove of the server's own is there again. RemoveType alone is kept, and hides the
types file, too.
"""

from __future__ import annotations

from typing import Final, Self

from mpmserver.config.settings import Settings, is_set, setting
from mpmserver.modules.mime.media_type import MediaType
from mpmserver.records import dataclass, replace

REMOVED: Final = ""
REMOVED_TYPE: Final = MediaType("")


@dataclass(frozen=True, slots=True)
class Extension:
    """What one extension (lower case, without dot) stands for."""

    media_type: MediaType | None = None
    charset: str | None = None
    language: str | None = None
    encoding: str | None = None
    handler: str | None = None
    input_filters: str | None = None
    """Names with semicolons between them."""
    output_filters: str | None = None

    def over(self, outer: Extension) -> Extension:
        """Return `outer` with what this one says laid over it; what either removes is done with."""
        said = {name: value for name in FIELDS if (value := getattr(self, name)) is not None}
        laid = replace(outer, **said)
        return replace(laid, **{name: None for name in FIELDS if getattr(laid, name) == REMOVED})


FIELDS = ("media_type", "charset", "language", "encoding", "handler", "input_filters", "output_filters")
NOTHING: Final = Extension()


@dataclass(slots=True)
class MimeServer(Settings):
    """What holds for the whole server: the types file and, once `post_config` has read it, what it says."""

    types_config: str = setting("conf/mime.types")
    types: dict[str, str] = setting({})
    """Media types as they are written: few of the thousand are ever asked for."""


@dataclass(slots=True)
class MimeDir(Settings):
    """What holds in a section."""

    extensions: dict[str, Extension] = setting({})
    default_language: str | None = setting(None)
    multimatch: frozenset[str] = setting(frozenset({"NegotiatedOnly"}))
    """MultiviewsMatch: NegotiatedOnly or Any, or Handlers and Filters."""
    use_path_info: bool = setting(False)

    @classmethod
    def merge(cls, outer: Self, inner: Self) -> Self:
        merged = super().merge(outer, inner)
        if is_set(outer.extensions) or is_set(inner.extensions):
            below, above = outer.extensions or {}, inner.extensions or {}
            merged.extensions = {
                name: above.get(name, NOTHING).over(below.get(name, NOTHING)) for name in {**below, **above}
            }
        return merged
