"""ErrorDocument: what a status is answered with in place of the server's own page.

The settings keep a document as one string, told apart by how it begins: a quote for a text, a slash for a path
of this server, `default` for the server's own page, anything else is the URL of another server.
"""

from __future__ import annotations

import re

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_FILEINFO, RSRC_CONF, Shape
from mpmserver.core.settings import CoreDir
from mpmserver.http.status import is_known
from mpmserver.modules.core.numbers import atoi
from mpmserver.modules.core.table import directives

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
"""A text is a string of Apache's expression language, in which a backslash escapes."""
_URL = re.compile(r"[A-Za-z0-9+.-]+://")


def error_document(build: Build, status_text: str, document: str) -> None:
    """ErrorDocument status text|path|url|default."""
    status = atoi(status_text)
    if not is_known(status) or status == 418:
        build.fail(f"Unsupported HTTP response code {status_text}")
    if status == 401 and _URL.match(document):
        build.warn(f"AH00113: {build.origin} cannot use a full URL in a 401 ErrorDocument directive --- ignoring!")
        return
    settings = build.dir(CoreDir)
    settings.error_documents = {**(settings.error_documents or {}), status: _kept(build, document)}


def _kept(build: Build, document: str) -> str:
    if document.lower() == "default":
        return "default"
    if "%{" in document:
        build.fail("Cannot parse expression in ErrorDocument: expressions are not available in this version")
    if " " not in document and (document.startswith("/") or _URL.match(document)):
        return document
    return '"' + _ESCAPE.sub(lambda match: _CONTROLS.get(match[1], match[1]), document.removeprefix('"'))


DIRECTIVES = directives(
    RSRC_CONF | OR_FILEINFO,
    ("ErrorDocument", Shape.TAKE2, error_document, "Change responses for HTTP errors"),
)
