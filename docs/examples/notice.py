"""mod_notice: puts a notice, such as a planned shutdown, on the answers of a site or a folder.

    LoadModule notice_module notice

    Notice "Closed on Sunday"
    NoticeFor .html .htm                # without it: every file
    <Location "/notice">
        SetHandler notice               # answers with the notice itself
    </Location>

docs/modules.md explains it line by line.
"""

from __future__ import annotations

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_FILEINFO, Directive, Shape
from mpmserver.config.settings import Settings, setting
from mpmserver.core.body import Content, Response
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Hook, Module, Phase
from mpmserver.core.site import Merged
from mpmserver.http.errors import HTTPError
from mpmserver.records import dataclass


@dataclass(slots=True)
class NoticeDir(Settings):
    text: str | None = setting(None)
    endings: tuple[str, ...] = setting((), merge="append")


def set_text(build: Build, text: str) -> None:
    if not text.isascii() or not text.isprintable():
        build.fail("Notice must be printable ASCII: it becomes a header")
    build.dir(NoticeDir).text = None if text.lower() == "none" else text


def add_ending(build: Build, ending: str) -> None:
    settings = build.dir(NoticeDir)
    settings.endings = (*(settings.endings or ()), ending)


def is_set(settings: Merged) -> bool:
    return settings[NoticeDir].text is not None


def add_header(x: Exchange) -> None:
    notice = x.settings[NoticeDir]
    if notice.text and (not notice.endings or (x.filename or "").endswith(notice.endings)):
        x.headers_out.set("X-Notice", notice.text)


def answer(x: Exchange) -> Response | None:
    if x.method not in {"GET", "HEAD"}:
        x.allowed.update({"GET", "HEAD"})
        return None
    text = x.settings[NoticeDir].text
    if text is None:
        raise HTTPError(404, log="notice: no Notice is set here")
    x.content_type = "text/plain"
    return Response(200, Content(f"{text}\n".encode("ascii")))


MODULE = Module(
    "notice",
    dir_settings=NoticeDir,
    directives=(
        Directive("Notice", Shape.TAKE1, OR_FILEINFO, set_text, "the text, or None"),
        Directive("NoticeFor", Shape.ITERATE, OR_FILEINFO, add_ending, "one or more endings of file names"),
    ),
    hooks=(
        Hook(Phase.FIXUP, add_header, applies=is_set, pure=lambda settings: True),
        Hook(Phase.HANDLER, answer, handler="notice"),
    ),
)
