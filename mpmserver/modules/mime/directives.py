"""The directives of mod_mime, and its types file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mpmserver.config.build import Build, Configuration
from mpmserver.config.directive import ACCESS_CONF, OR_FILEINFO, RSRC_CONF, Directive, Shape
from mpmserver.config.errors import ConfigError
from mpmserver.config.paths import server_relative
from mpmserver.config.settings import is_set
from mpmserver.config.syntax import words
from mpmserver.core.errorlog import os_error
from mpmserver.http.text import to_lower
from mpmserver.modules.mime.media_type import parse_media_type
from mpmserver.modules.mime.settings import NOTHING, REMOVED, REMOVED_TYPE, MimeDir, MimeServer
from mpmserver.records import replace

_INCOMPATIBLE = {
    "NegotiatedOnly": ({"Any", "Filters", "Handlers"}, "Any, Filters and Handlers"),
    "Any": ({"NegotiatedOnly", "Filters", "Handlers"}, "NegotiatedOnly, Filters and Handlers"),
    "Handlers": ({"NegotiatedOnly", "Any"}, "Any and NegotiatedOnly"),
    "Filters": ({"NegotiatedOnly", "Any"}, "Any and NegotiatedOnly"),
}


def _add(field: str) -> Callable[[Build, str, str], None]:
    """An Add directive for one field of `Extension`; values are taken in lower case."""

    def apply(build: Build, value: str, extension: str) -> None:
        lower = to_lower(value)
        _set(build, extension, field, parse_media_type(lower) if field == "media_type" else lower)

    return apply


def _remove(field: str) -> Callable[[Build, str], None]:
    def apply(build: Build, extension: str) -> None:
        _set(build, extension, field, REMOVED_TYPE if field == "media_type" else REMOVED)

    return apply


def _set(build: Build, extension: str, field: str, value: Any) -> None:
    extensions = build.dir(MimeDir).table("extensions")
    name = to_lower(extension.removeprefix("."))
    extensions[name] = replace(extensions.get(name, NOTHING), **{field: value})


def default_language(build: Build, language: str) -> None:
    build.dir(MimeDir).default_language = language


def multiviews_match(build: Build, word: str) -> None:
    name = next((name for name in _INCOMPATIBLE if name.lower() == word.lower()), None)
    if name is None:
        build.fail(f"Unrecognized option '{word}'")
    mime = build.dir(MimeDir)
    chosen = mime.multimatch if is_set(mime.multimatch) else frozenset()
    others, sentence = _INCOMPATIBLE[name]
    if chosen & others:
        build.fail(f"{name} is incompatible with {sentence}")
    mime.multimatch = chosen | {name}


def use_path_info(build: Build, on: bool) -> None:
    build.dir(MimeDir).use_path_info = on


def types_config(build: Build, path: str) -> None:
    build.server(MimeServer).types_config = path


def load_types(configuration: Configuration) -> None:
    """Read the types file into the main server's settings. Raises ConfigError where it can't be read."""
    mime = configuration.main.settings(MimeServer)
    name = mime.finished().types_config
    path = server_relative(configuration.server_root, name)
    try:
        with open(path, encoding="latin-1") as file:
            mime.types = parse_types(file.read())
    except OSError as error:
        reason = os_error(error)
        raise ConfigError(f"{reason}: AH01597: could not open mime types config file {path}.") from None


def parse_types(text: str) -> dict[str, str]:
    """Read a types file: each line a media type and the extensions that stand for it; later lines win."""
    types: dict[str, str] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, *extensions = words(line) or [""]
            for extension in extensions:
                types[to_lower(extension)] = name
    return types


_EXTENSIONS = "followed by one or more file extensions"
_REMOVED = "one or more file extensions"
_KINDS = (
    ("Charset", "charset", f"a charset (e.g., iso-2022-jp), {_EXTENSIONS}"),
    ("Encoding", "encoding", f"an encoding (e.g., gzip), {_EXTENSIONS}"),
    ("Handler", "handler", f"a handler name {_EXTENSIONS}"),
    ("InputFilter", "input_filters", f"input filter name (or ; delimited names) {_EXTENSIONS}"),
    ("Language", "language", f"a language (e.g., fr), {_EXTENSIONS}"),
    ("OutputFilter", "output_filters", f"output filter name (or ; delimited names) {_EXTENSIONS}"),
    ("Type", "media_type", f"a mime type {_EXTENSIONS}"),
)

DIRECTIVES = (
    *(Directive(f"Add{kind}", Shape.ITERATE2, OR_FILEINFO, _add(field), text) for kind, field, text in _KINDS),
    *(Directive(f"Remove{kind}", Shape.ITERATE, OR_FILEINFO, _remove(field), _REMOVED) for kind, field, _ in _KINDS),
    Directive(
        "DefaultLanguage", Shape.TAKE1, OR_FILEINFO, default_language,
        "language to use for documents with no other language file extension",
    ),
    Directive(
        "MultiviewsMatch", Shape.ITERATE, OR_FILEINFO, multiviews_match,
        "NegotiatedOnly (default), Handlers and/or Filters, or Any",
    ),
    Directive("TypesConfig", Shape.TAKE1, RSRC_CONF, types_config, "the MIME types config file"),
    Directive(
        "ModMimeUsePathInfo", Shape.FLAG, ACCESS_CONF, use_path_info,
        "Set to 'yes' to allow mod_mime to use path info for type checking",
    ),
)  # fmt: skip
