"""The WSGI application that Python's application servers run: it sends files from a folder, read from disk each time.

As a program it is cheroot on that application: `app.py PORT FOLDER ACCESS_LOG`.
"""

from __future__ import annotations

import mimetypes
import os
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

FOLDER = os.environ.get("BENCH_FOLDER", ".")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """One file, or 404."""
    path = os.path.normpath(FOLDER + environ["PATH_INFO"])
    try:
        with open(path, "rb") as file:
            body = file.read()
    except OSError:
        start_response("404 Not Found", [("Content-Length", "0")])
        return []
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]


def main(port: int, folder: str, log: str) -> None:
    """Serve with cheroot until the process is told to end."""
    global FOLDER  # noqa: PLW0603 (one folder for the life of the process)
    FOLDER = folder
    from cheroot.wsgi import Server  # noqa: PLC0415 (the other servers have no need of it)

    with open(log, "a", encoding="utf-8", buffering=1) as lines:

        def logged(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            body = application(environ, start_response)
            request = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {environ['SERVER_PROTOCOL']}"
            when = time.strftime("%d/%b/%Y:%H:%M:%S %z")
            lines.write(f'{environ["REMOTE_ADDR"]} - - [{when}] "{request}" 200 {sum(map(len, body))}\n')
            return body

        Server(("127.0.0.1", port), logged, numthreads=64).start()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
