"""One script's answer to one request: from the first line of its output to its end.

What goes wrong on the way is logged in Apache's words (error log, ScriptLog) and becomes an HTTPError while there is
still something to answer with, a broken connection afterwards. A client that has left is a ClientGone: the script is
killed, the request is logged and over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpmserver.core.body import BodyError, Content, Response, Stream, StreamBroken
from mpmserver.core.module import InternalRedirect
from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError
from mpmserver.modules.cgi.head import ScriptHead, apply_head
from mpmserver.modules.cgi.script import Script
from mpmserver.modules.cgi.settings import CgiDir
from mpmserver.net.waits import TimedOut, sleep

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.modules.cgi.scriptlog import NoRecord, ScriptRecord
    from mpmserver.modules.cgi.spawn import Program
    from mpmserver.modules.cgi.words import Words

READ_AHEAD = 32000
"""Output that is looked for before the head is sent: where it ends within this, its length is known."""
MOMENT_SECONDS = 0.001
"""How long the beginning of a script's answer waits for the next piece, or the end: about as long as it takes a
program that has nothing more to say to end. Sent by itself, it costs server and client as much as a second answer."""
MOMENTS = 4
"""So many pieces are waited for."""
WHOLE_MOST = 1 << 18
"""Bytes of output, surely in memory, that are sent in one piece."""
TRUST_LENGTH = "ap_trust_cgilike_cl"
"""The environment variable by which a script's Content-Length is believed."""
RECORD_MOST = 1 << 20
"""Bytes of a failed script's output that the ScriptLog keeps."""
PIECE = 65536


class Run:
    """One run of a script; made when it has been started."""

    def __init__(self, x: Exchange, words: Words, record: ScriptRecord | NoRecord, program: Program) -> None:
        self.x = x
        self._words = words
        self._record = record
        self._path = x.filename or ""
        self.name = self._path.rpartition("/")[2]
        seconds = x.settings[CgiDir].timeout or x.server.core.timeout
        self.script = Script(program, x.body, x.peer.fd, seconds, x.world.reaper, self)

    async def answer(self) -> Response | InternalRedirect:
        """Read the script's head and do what it asks for."""
        x, script, head = self.x, self.script, ScriptHead()
        try:
            while not (head.decided or script.ended):
                await script.pump()
                if script.output.size:
                    script.output.cut(head.feed)
            if script.takes_body:
                await script.fill()  # a body that is known to be broken is answered as such
        except TimedOut:
            raise self._silent_head() from None
        except BodyError as error:
            self.log_body(error)
            raise
        if not head.complete:
            await self._refuse(head)
        try:
            apply_head(x, head)
        except HTTPError as error:
            await self._record_failure(error.status, head)
            if error.status != 304:
                raise
            script.close(kill=not script.ended)
            return Response(304)
        if head.status is not None and not 100 <= x.status <= 599:
            self._log(f"Invalid status line from script '{self.name}': {head.status[:30]}")
        if x.status == 200 and "location" in x.headers_out.joined:
            await script.finish()
            return await self._redirect(x.headers_out.joined["location"])
        if not script.ended:
            await self._look_ahead()
        return self._response(head)

    def raw(self) -> Response:
        """The answer of an nph- script: its output is the answer, head and all."""
        return Response(200, ScriptOutput(self, None, raw=True))

    # The head

    def _silent_head(self) -> HTTPError:
        """The script's time was up before its head was complete: it is killed, and the answer is 504."""
        self.script.close(kill=True)
        self.log_silence()
        self._log(f"Script timed out before returning headers: {self.name}")
        self._record.failed(504, None, b"")
        return HTTPError(504)

    async def _refuse(self, head: ScriptHead) -> None:
        """Log what is wrong with the script's output, after all that it has said itself; raises HTTPError 500."""
        if head.bad_line is not None:
            fault = f"malformed header from script '{self.name}': Bad header: {head.bad_line[:30]}"
        elif head.begun:
            fault = f"Premature end of script headers: {self.name}"
        else:
            fault = f"End of script output before headers: {self.name}"
        await self._record_failure(500, head)
        self._log(fault)
        raise HTTPError(500)

    async def _record_failure(self, status: int, head: ScriptHead) -> None:
        rest = await self.script.finish(keep=RECORD_MOST if self._record.wanted else 0)
        self._record.failed(status, head.bad_line, rest)

    # The answer

    async def _look_ahead(self) -> None:
        """Give a script a moment to say the rest, as most do: then all is sent in one piece."""
        script = self.script
        if script.takes_body:
            await sleep(0)
            if script.output.size < READ_AHEAD:
                script.read_output(READ_AHEAD)
            return
        try:
            for _ in range(MOMENTS):
                if script.ended or script.output.size >= READ_AHEAD:
                    break
                await script.listen(MOMENT_SECONDS)
        except TimedOut:
            pass  # it is still at work: what there is goes out

    async def _redirect(self, location: str) -> InternalRedirect:
        """Go on at a local Location as a GET without a body; raises HTTPError 302 for any other."""
        x = self.x
        if not location.startswith("/"):
            raise HTTPError(302)
        try:
            while await x.body.read(PIECE):
                pass
        except BodyError as error:
            self.log_body(error)
            raise
        x.headers_out.unset("Location")
        x.own_headers_in().unset("Content-Length")
        x.method = "GET"
        return InternalRedirect(location, content_type=x.content_type, quick=False)

    def _response(self, head: ScriptHead) -> Response:
        """What is sent: where all has been said already, and needs no care, at once; else as it comes."""
        x, script = self.x, self.script
        given = x.headers_out.joined.get("content-length")
        if given is not None:
            x.headers_out.unset("Content-Length")
        length = script.output.size if script.ended else None
        if given is not None and TRUST_LENGTH in x.env and given.isdecimal():
            length = int(given)
        elif (
            length is not None
            and length <= WHOLE_MOST
            and script.has_said_all
            and not script.takes_body
            and "range" not in x.headers_in.joined  # of a script's answer none is ever cut
        ):
            return Response(x.status, WholeOutput(script), head.status_line)
        return Response(x.status, ScriptOutput(self, length), head.status_line)

    # What is said about it

    def on_body(self, data: bytes) -> None:
        """A piece of the request's body, on its way to the script."""
        self._record.note_body(data)

    def on_message(self, line: bytes) -> None:
        """A line on the script's stderr."""
        self._record.error(self.x.status, line)
        text = line.decode("utf-8", "surrogateescape")
        self._log(f"AH01215: stderr from {self._path}: {text}")

    def log_body(self, error: BodyError) -> None:
        """The client's body could not be read."""
        self._log(f"{error.cause}: {self._words.body_unreadable}: Error reading request entity data")

    def log_silence(self) -> None:
        """The script has said nothing for its time."""
        if self._words.says_timeout:
            message = f"AH01220: Timeout waiting for output from CGI script {self._path}"
            self.x.server.log(Level.WARN, self._words.module, message, self.x)

    def silent_body(self) -> StreamBroken:
        """Say so where the answer had begun."""
        cause = "(70007)The timeout specified has expired: AH00574: ap_content_length_filter: apr_bucket_read() failed"
        self.x.server.log(Level.ERROR, "core", cause, self.x)
        return StreamBroken("the script fell silent")

    def broken_body(self, error: BodyError) -> StreamBroken:
        """The request's body broke off when the answer had begun."""
        self.log_body(error)
        return StreamBroken("the request's body could not be read")

    def _log(self, message: str) -> None:
        self.x.server.log(Level.ERROR, self._words.module, message, self.x)


class WholeOutput(Content):
    """The body of the answer of a script that has ended, and has all been heard."""

    __slots__ = ("_script",)

    def __init__(self, script: Script) -> None:
        self.data = script.output.take()
        self._script = script

    def close(self) -> None:
        self._script.close(kill=False)


class ScriptOutput(Stream):
    """The body of a script's answer; one that is announced with a length has that length or breaks the connection."""

    __slots__ = ("_left", "_run")

    def __init__(self, run: Run, total: int | None, raw: bool = False) -> None:
        super().__init__(total, raw)
        self._run = run
        self._left = total

    @property
    def ready(self) -> bool:
        return self._run.script.output.size > 0

    async def read(self) -> bytes:
        output = self._run.script.output
        if not output.size:
            await self._wait_for_more()
        data = output.take()
        if self._left is None:
            return data
        if not data and self._left:
            raise StreamBroken("the script's output was shorter than announced")
        data = data[: self._left]
        self._left -= len(data)
        return data

    async def _wait_for_more(self) -> None:
        """Return when there is output, or there will be none any more."""
        script = self._run.script
        try:
            while not (script.ended or script.output.size):
                await script.pump()
        except TimedOut:
            self._run.log_silence()
            if self.raw:
                raise
            raise self._run.silent_body() from None
        except BodyError as error:
            raise self._run.broken_body(error) from None

    async def while_blocked(self, fd: int, seconds: float) -> None:
        try:
            while not await self._run.script.pump(blocked_on=fd, seconds=seconds):
                pass
        except BodyError as error:
            raise self._run.broken_body(error) from None

    async def finish(self) -> None:
        await self._run.script.finish()

    def close(self) -> None:
        script = self._run.script
        script.close(kill=not script.ended)
