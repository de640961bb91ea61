"""mod_vhost_alias: the document root and the directory of scripts are made of the server's name or address.

The four directives hold a path with `%` specifiers, compiled when the configuration is read to literal pieces and
`Part`s. TRANSLATE fills them in after mod_alias and mod_userdir have declined. Whatever name the client gave, no
piece of it holds a slash (host names are checked when the head is read).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mpmserver.config.build import Build
from mpmserver.config.directive import RSRC_CONF, Directive, Shape
from mpmserver.config.settings import Settings, setting
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import HANDLED, Handled, Hook, Module, Phase, always
from mpmserver.core.names import server_name, server_port
from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError
from mpmserver.records import dataclass

SCRIPTS = "/cgi-bin/"
_MOST_DOTS = 19
_LONGEST = 8192
"""From this on a piece does not fit Apache's buffer; only a LimitRequestFieldSize above the usual one lets it come."""
_SPECIFIER = re.compile(r"%(?:(?P<plain>[%p])|(?P<n>-?[0-9]\+?+)(?:\.(?P<m>-?[0-9]\+?+)|(?!\.)))?")


@dataclass(frozen=True, slots=True)
class Piece:
    """`N` or `M`: the number of an item, from the end where `last`, with all that follow (or precede) where `more`."""

    number: int
    last: bool
    more: bool

    def bounds(self, count: int) -> tuple[int, int] | None:
        """First and behind-the-last index among `count` items; all for 0, None where there are too few."""
        if not self.number:
            return 0, count
        if self.number > count:
            return None
        if self.last:
            end = count - self.number + 1
            return (0 if self.more else end - 1), end
        return self.number - 1, (count if self.more else self.number)


@dataclass(frozen=True, slots=True)
class Part:
    """`%N.M`: of the name's parts those that `parts` chooses, and of their text what `characters` chooses."""

    parts: Piece
    characters: Piece

    def of(self, name: str) -> str:
        """What is put in for `name`; an underscore where the name is too short."""
        items = name.split(".", _MOST_DOTS - 1)
        found = self.parts.bounds(len(items))
        text = "_" if found is None else ".".join(items[slice(*found)])
        found = self.characters.bounds(len(text))
        return "_" if found is None else text[slice(*found)]


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled path: literal text, Parts, and None for the port; `by_address`: made of the server's address."""

    pieces: tuple[str | Part | None, ...]
    by_address: bool


@dataclass(slots=True)
class VhostAliasServer(Settings):
    """What a server says; a Template without pieces is "none"."""

    document_root: Template | None = setting(None)
    scripts: Template | None = setting(None)


def translate(x: Exchange) -> Handled | None:
    """Give the request its file name below the document root (or the scripts) of its host."""
    settings = x.server[VhostAliasServer]
    scripts = settings.scripts if x.uri.startswith(SCRIPTS) else None
    is_script = scripts is not None and bool(scripts.pieces)
    template = scripts if is_script else settings.document_root
    if template is None or not template.pieces or not x.uri.startswith("/"):
        return None
    root = _filled(x, template)
    x.filename = root + (x.uri[len(SCRIPTS) - 1 :] if is_script else x.uri)
    if is_script:
        x.handler = "cgi-script"
        x.notes["alias-forced-type"] = x.handler
        x.notes["context-prefix"] = "/cgi-bin"
    x.notes["document-root"] = x.notes["context-document-root"] = root
    return HANDLED


def _filled(x: Exchange, template: Template) -> str:
    name = x.peer.local[0] if template.by_address else server_name(x)
    texts = [
        piece if isinstance(piece, str) else str(server_port(x)) if piece is None else piece.of(name).lower()
        for piece in template.pieces
    ]
    if any(len(text) >= _LONGEST for text in texts):
        x.server.log(Level.ERROR, "vhost_alias", "AH10595: VirtualDocumentRoot expansion too large", x)
        raise HTTPError(414)
    return "".join(texts).removesuffix("/")


def compile_template(text: str, by_address: bool) -> Template | None:
    """Return the compiled path, None where a specifier is wrong."""
    pieces: list[str | Part | None] = []
    end = 0
    for match in _SPECIFIER.finditer(text):
        pieces.append(text[end : match.start()])
        end = match.end()
        if match["plain"] == "p":
            pieces.append(None)
        elif match["plain"] == "%":
            pieces.append("%")
        elif match["n"]:
            pieces.append(Part(_piece(match["n"]), _piece(match["m"] or "0")))
        else:
            return None
    pieces.append(text[end:])
    return Template(tuple(piece for piece in pieces if piece != ""), by_address)


def _piece(text: str) -> Piece:
    return Piece(int(text.strip("-+")), text.startswith("-"), text.endswith("+"))


def virtual(field: str, by_address: bool) -> Callable[[Build, str], None]:
    """The four directives: `field` is what they set."""

    def apply(build: Build, text: str) -> None:
        if not text.startswith("/"):
            if text.lower() != "none":
                build.fail("format string must be an absolute path, or 'none'")
            template: Template | None = Template((), by_address)
        else:
            template = compile_template(text, by_address)
        if template is None:
            build.fail("syntax error in format string")
        setattr(build.server(VhostAliasServer), field, template)

    return apply


def _applies(settings: Any) -> bool:
    server = settings.server[VhostAliasServer]
    return any(template is not None and template.pieces for template in (server.document_root, server.scripts))


_ROOT = "how to create the DocumentRoot based on the host"
_SCRIPT = "how to create a ScriptAlias based on the host"

MODULE = Module(
    "vhost_alias",
    directives=(
        Directive("VirtualScriptAlias", Shape.TAKE1, RSRC_CONF, virtual("scripts", False), _SCRIPT),
        Directive("VirtualDocumentRoot", Shape.TAKE1, RSRC_CONF, virtual("document_root", False), _ROOT),
        Directive("VirtualScriptAliasIP", Shape.TAKE1, RSRC_CONF, virtual("scripts", True), _SCRIPT),
        Directive("VirtualDocumentRootIP", Shape.TAKE1, RSRC_CONF, virtual("document_root", True), _ROOT),
    ),
    hooks=(
        Hook(Phase.TRANSLATE, translate, after=("alias", "userdir"), applies=_applies, pure=always),
    ),
    server_settings=VhostAliasServer,
)
