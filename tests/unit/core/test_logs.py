"""Log sinks: whole lines, nothing lost, nothing torn, nobody stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mpmserver.core import logs
from mpmserver.core.logs import PIPE_BOUND, PIPE_BUF, FileSink, Opener, PipeSink, SyslogSink, write_all

PROJECT = Path(__file__).resolve().parents[3]


def wait_for(path: Path, size: int) -> bytes:
    deadline = time.monotonic() + 10
    while not path.exists() or path.stat().st_size < size:
        assert time.monotonic() < deadline, f"{path} has {path.stat().st_size if path.exists() else 'nothing'}"
        time.sleep(0.01)
    return path.read_bytes()


class TestFile:
    def test_lines_are_kept_until_flush(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        sink = FileSink(str(path))
        sink.write(b"one\n")
        sink.write(b"two\n")
        assert path.read_bytes() == b""
        sink.flush()
        assert path.read_bytes() == b"one\ntwo\n"
        sink.write(b"three\n")
        sink.close()
        assert path.read_bytes() == b"one\ntwo\nthree\n"

    def test_the_writer_keeps_lines_too(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        sink = FileSink(str(path))
        write = sink.writer
        sink.write(b"one\n")
        sink.after_fork()
        write(b"two\n")
        sink.write(b"three\n")
        sink.flush()
        assert path.read_bytes() == b"two\nthree\n"

    def test_one_line_is_one_write(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "log"
        sink = FileSink(str(path))
        written: list[bytes] = []
        real = os.write

        def write(fd: int, data: bytes) -> int:
            written.append(data)
            return real(fd, data)

        monkeypatch.setattr(os, "write", write)
        sink.write(b"one\n")
        sink.flush()
        sink.flush()
        assert written == [b"one\n"]
        assert path.read_bytes() == b"one\n"

    @pytest.mark.parametrize("first", [2, BlockingIOError()])
    def test_a_line_that_is_not_taken_at_once_goes_on(
        self, first: int | OSError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "log"
        sink = FileSink(str(path))
        answers = [first]
        real = os.write

        def write(fd: int, data: bytes) -> int:
            answer = answers.pop() if answers else len(data)
            if isinstance(answer, OSError):
                raise answer
            return real(fd, data[:answer])

        monkeypatch.setattr(os, "write", write)
        sink.write(b"one\n")
        sink.flush()
        assert path.read_bytes() == b"one\n"
        assert sink.dropped == 0

    def test_a_line_that_can_t_be_written_is_counted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(fd: int, data: bytes) -> int:
            raise OSError(28, "No space left on device")

        sink = FileSink(str(tmp_path / "log"))
        monkeypatch.setattr(os, "write", full)
        sink.write(b"one\n")
        sink.flush()
        assert sink.dropped == 1

    def test_an_existing_file_is_continued(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        path.write_bytes(b"old\n")
        sink = FileSink(str(path))
        sink.write(b"new\n")
        sink.close()
        assert path.read_bytes() == b"old\nnew\n"

    def test_a_directory_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(IsADirectoryError):
            FileSink(str(tmp_path))

    def test_a_full_disk_fails_nobody(self) -> None:
        sink = FileSink("/dev/full")
        sink.write(b"x\n")
        sink.flush()
        sink.close()

    @pytest.mark.parametrize("name", ["stdout", "stderr"])
    def test_the_process_s_own_streams_are_not_opened_again(self, name: str) -> None:
        # A socket has no name that could be opened; a terminal may belong to another user.
        code = f"from mpmserver.core.logs import FileSink as F; s = F('/dev/{name}'); s.write(b'a line'); s.close()"
        ours, theirs = socket.socketpair()
        with ours, theirs:
            streams: dict[str, Any] = {name: theirs}
            subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT, **streams)
            assert ours.recv(100) == b"a line"

    def test_lines_that_a_full_disk_loses_are_counted_and_told_now_and_then(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said: list[str] = []
        sink = FileSink("/dev/full")
        sink.report = said.append
        for lines in (2, 3, 1):
            for _each in range(lines):
                sink.write(b"x\n")
            sink.flush()
        assert sink.dropped == 6
        assert said == ["2 lines for /dev/full were lost"], "the next report has its time"
        monkeypatch.setattr(sink, "_next_report", 0.0)
        sink.write(b"x\n")
        sink.flush()
        assert said[1:] == ["5 lines for /dev/full were lost"]
        sink.write(b"x\n")
        sink.drain(0)
        assert said[2:] == ["1 lines for /dev/full were lost"], "the end of a process tells the rest"
        sink.drain(0)
        assert len(said) == 3
        sink.close()

    def test_an_error_log_that_is_full_itself_reports_into_itself_once(self) -> None:
        sink = FileSink("/dev/full")

        def report(message: str) -> None:
            sink.write(message.encode())
            sink.flush()

        sink.report = report
        sink.write(b"x\n")
        sink.flush()
        assert sink.dropped == 2
        sink.close()

    def test_threads_lose_and_double_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        sink = FileSink(str(path))

        def work(number: int) -> None:
            for index in range(500):
                sink.write(b"%d-%d\n" % (number, index))
                sink.flush()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sink.close()
        found = path.read_text().splitlines()
        assert sorted(found) == sorted(f"{number}-{index}" for number in range(4) for index in range(500))

    def test_what_the_parent_has_not_written_is_not_the_childs(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        sink = FileSink(str(path))
        sink.write(b"parent\n")
        sink.after_fork()
        sink.close()
        assert path.read_bytes() == b""


def test_short_writes_are_continued() -> None:
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    got: list[bytes] = []

    def read() -> None:
        while chunk := os.read(read_end, 65536):
            got.append(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    data = os.urandom(500_000)
    write_all(write_end, data)
    os.close(write_end)
    reader.join()
    os.close(read_end)
    assert b"".join(got) == data


def test_a_stalled_reader_of_a_file_costs_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "STALL_SECONDS", 0.05)
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    with pytest.raises(TimeoutError):
        write_all(write_end, bytes(10_000_000))
    os.close(read_end)
    os.close(write_end)


@pytest.fixture
def idle_pipe() -> Iterator[PipeSink]:
    """A pipe whose program doesn't read: both ends are the test's."""
    sink = PipeSink("|test", os.pipe2(os.O_CLOEXEC), pid=os.getpid())
    sink.threaded = True
    yield sink
    sink._pending.clear()
    sink.close()


def collect(sink: PipeSink, size: int) -> bytes:
    got = b""
    while len(got) < size:
        got += os.read(sink.read_fd, 65536)
    return got


class TestPipe:
    @pytest.mark.parametrize(
        ("spec", "command"),
        [
            ("|/bin/cat", ["/bin/cat"]),
            ("||/bin/cat -u", ["/bin/cat", "-u"]),
            ('|/usr/bin/rotatelogs "/var/log/a b" 86400', ["/usr/bin/rotatelogs", "/var/log/a b", "86400"]),
            ("|$cat >> /tmp/x", ["/bin/sh", "-c", "cat >> /tmp/x"]),
        ],
    )
    def test_command(self, spec: str, command: list[str]) -> None:
        sink = PipeSink(spec, os.pipe2(os.O_CLOEXEC), pid=1)
        assert sink.command == command
        sink.close()

    def test_a_program_gets_the_lines(self, tmp_path: Path) -> None:
        out = tmp_path / "out"
        sink = PipeSink(f"|$cat >> {out}")
        sink.write(b"one\n")
        sink.flush()
        assert wait_for(out, 4) == b"one\n"
        assert sink.pid
        sink.close()
        os.waitpid(sink.pid, 0)

    def test_a_missing_program_is_an_error(self) -> None:
        with pytest.raises(FileNotFoundError):
            PipeSink("|/does/not/exist")

    def test_a_program_has_a_clean_mask_and_no_descriptors(self, tmp_path: Path) -> None:
        out = tmp_path / "out"
        script = tmp_path / "probe.py"
        script.write_text(
            "import os, signal, sys\n"
            "blocked = sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ()))\n"
            "fds = set(map(int, os.listdir('/proc/self/fd'))) & set(map(int, sys.argv[2:]))\n"
            "open(sys.argv[1], 'w').write(f'{blocked} {fds}\\n')\n"
        )
        ours = [str(os.open(script, os.O_RDONLY | os.O_CLOEXEC)) for _ in range(3)]
        old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            sink = PipeSink(f"|{sys.executable} -S {script} {out} {' '.join(ours)}")
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, old)
        for fd in ours:
            os.close(int(fd))
        assert wait_for(out, 5) == b"[] set()\n"
        assert sink.pid
        os.waitpid(sink.pid, 0)
        sink.close()

    def test_no_write_is_larger_than_pipe_buf_and_lines_stay_whole(self, idle_pipe: PipeSink) -> None:
        lines = [bytes([65 + index % 26]) * (index * 37 % 900) + b"\n" for index in range(60)]
        for line in lines:
            idle_pipe.write(line)
        idle_pipe._accept(logs._take(idle_pipe.lines))
        pieces = list(idle_pipe._pending)
        assert b"".join(pieces) == b"".join(lines)
        assert all(0 < len(piece) <= PIPE_BUF and piece.endswith(b"\n") for piece in pieces)

    def test_a_line_longer_than_pipe_buf_is_cut_into_writes(self, idle_pipe: PipeSink) -> None:
        idle_pipe.write(b"x" * 9000 + b"\n")
        idle_pipe.flush()
        assert collect(idle_pipe, 9001) == b"x" * 9000 + b"\n"

    def test_a_stalled_program_stops_nobody_and_loses_nothing_within_the_bound(self, idle_pipe: PipeSink) -> None:
        lines = [b"%07d %s\n" % (number, b"y" * 91) for number in range(3000)]
        for line in lines:
            idle_pipe.write(line)
            idle_pipe.flush()  # who waited here would wait for ever: nobody has read yet
        assert collect(idle_pipe, 100 * 3000) == b"".join(lines)
        idle_pipe.drain(5)
        assert idle_pipe.dropped == 0
        assert idle_pipe._writer is None

    def test_beyond_the_bound_lines_are_dropped_and_counted(self, idle_pipe: PipeSink) -> None:
        line = b"z" * 999 + b"\n"
        for _ in range(2000):
            idle_pipe.write(line)
            idle_pipe.flush()
        assert idle_pipe._size <= PIPE_BOUND
        assert 500 < idle_pipe.dropped < 1500
        expected = (2000 - idle_pipe.dropped) * 1000
        assert collect(idle_pipe, expected) == line * (expected // 1000)

    def test_without_threads_the_backlog_waits_for_the_next_flush(self, idle_pipe: PipeSink) -> None:
        idle_pipe.threaded = False
        for _ in range(200):
            idle_pipe.write(b"w" * 999 + b"\n")
        got = b""
        while len(got) < 200_000:
            idle_pipe.flush()
            assert idle_pipe._writer is None
            got += os.read(idle_pipe.read_fd, 65536)
        assert got == (b"w" * 999 + b"\n") * 200

    def test_a_program_that_died_finds_what_it_had_not_read(self, tmp_path: Path) -> None:
        out = tmp_path / "out"
        sink = PipeSink(f"|$head -c 4 >> {out}; exit 1")
        sink.write(b"one\n")
        sink.flush()
        assert sink.pid
        os.waitpid(sink.pid, 0)
        sink.write(b"two\n")
        sink.flush()
        sink.start()
        assert wait_for(out, 8) == b"one\ntwo\n"
        os.waitpid(sink.pid, 0)
        sink.close()


class TestSyslog:
    def test_datagrams(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        address = str(tmp_path / "log")
        monkeypatch.setattr(SyslogSink, "ADDRESS", address)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
            server.bind(address)
            sink = SyslogSink("syslog:daemon:web")
            sink.write(b"hello\n", 3)
            sink.writer(b"again\n")
            sink.flush()
            text, again = server.recv(1000).decode(), server.recv(1000).decode()
            sink.close()
        assert text.startswith("<27>")
        assert text.endswith(f" web[{os.getpid()}]: hello")
        assert again.startswith("<29>") and again.endswith("again")

    def test_nobody_listens(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(SyslogSink, "ADDRESS", str(tmp_path / "absent"))
        sink = SyslogSink("syslog")
        sink.write(b"hello\n")
        sink.flush()
        sink.close()

    def test_unknown_facility(self) -> None:
        with pytest.raises(ValueError, match="facility 'nope'"):
            SyslogSink("syslog:nope")


class TestOpener:
    def test_the_same_file_is_one_sink(self, tmp_path: Path) -> None:
        opener = Opener()
        one = opener.open("a/../log", str(tmp_path))
        assert opener.open(str(tmp_path / "log"), "/elsewhere") is one
        assert opener.open("other", str(tmp_path)) is not one
        assert len(opener.sinks) == 2
        for sink in opener.sinks:
            sink.close()

    def test_a_pipe_that_was_handed_over_goes_on(self) -> None:
        kept = PipeSink("|kept", os.pipe2(os.O_CLOEXEC), pid=1)
        gone = PipeSink("|gone", os.pipe2(os.O_CLOEXEC), pid=1)
        opener = Opener([kept, gone])
        assert opener.open("|kept", "/") is kept
        assert opener.pipes == (kept,)
        assert opener.take_leftovers() == (gone,)
        assert opener.take_leftovers() == ()
        kept.close()
        gone.close()
