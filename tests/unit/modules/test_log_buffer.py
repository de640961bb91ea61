"""BufferedLogs: when lines are handed over, that none is lost, and that none is torn."""

from __future__ import annotations

import threading

from mpmserver.core.logs import PIPE_BUF
from mpmserver.modules.log_config.buffer import LineBuffer


def test_lines_are_kept_until_there_is_no_room() -> None:
    written: list[bytes] = []
    buffer = LineBuffer(written.append)
    line = b"x" * 1023 + b"\n"
    for _ in range(4):
        buffer.write(line)
    assert written == []
    buffer.write(b"one more\n")
    assert written == [line * 4]
    buffer.flush()
    buffer.flush()
    assert written == [line * 4, b"one more\n"]


def test_a_long_line_goes_out_at_once_and_in_its_place() -> None:
    written: list[bytes] = []
    buffer = LineBuffer(written.append)
    long = b"y" * PIPE_BUF + b"\n"
    buffer.write(b"first\n")
    buffer.write(long)
    buffer.write(b"last\n")
    buffer.flush()
    assert written == [b"first\n", long, b"last\n"]


def test_many_threads_lose_nothing() -> None:
    written: list[bytes] = []
    buffer = LineBuffer(written.append)

    def log(name: int) -> None:
        for number in range(500):
            buffer.write(b"%d %d\n" % (name, number))

    threads = [threading.Thread(target=log, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    buffer.flush()
    lines = b"".join(written).splitlines()
    assert len(lines) == 3000
    assert len(set(lines)) == 3000
    assert all(len(piece) <= PIPE_BUF for piece in written)
