"""ErrorDocument: what a status is answered with in place of the server's own page.

The settings keep a document as one expression, whose text is told apart by how it begins: a quote for a message, a
slash for a path of this server, anything else is the URL of another server; None is the server's own page.
"""

from __future__ import annotations

import re

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_FILEINFO, RSRC_CONF, Shape
from mpmserver.config.errors import ConfigError
from mpmserver.config.numbers import atoi
from mpmserver.core.expr import StringExpression, compile_string
from mpmserver.core.settings import CoreDir
from mpmserver.http.status import is_known
from mpmserver.modules.core.table import directives

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
    settings.error_documents = {**(settings.error_documents or {}), status: _compiled(build, document)}


def _compiled(build: Build, document: str) -> StringExpression | None:
    if document.lower() == "default":
        return None
    if " " in document or not (document.startswith("/") or _URL.match(document)):
        document = '"' + document.removeprefix('"')
    try:
        return compile_string(build, document)
    except ConfigError as error:
        build.fail(f"Cannot parse expression in ErrorDocument: {error.message}")


DIRECTIVES = directives(
    RSRC_CONF | OR_FILEINFO,
    ("ErrorDocument", Shape.TAKE2, error_document, "Change responses for HTTP errors"),
)
