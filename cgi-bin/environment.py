#!/usr/bin/env python3
"""Shows what the server tells a script: its environment, as RFC 3875 and Apache name it.

Whatever came from the client is escaped before it becomes part of the page.
"""

import html
import os
import sys

ROW = "<tr><th>{}</th><td><code>{}</code></td></tr>"
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>What a script is told</title>
<link rel="stylesheet" href="/style.css">
<main>
<p class="back"><a href="/">&larr; It works</a></p>
<h1>What a script is told</h1>
<p>This page comes from <code>cgi-bin/environment.py</code>, run by Python {version}. Ask for
<a href="{script}/more/path?colour=green">{script}/more/path?colour=green</a> and compare.</p>
<table>
{rows}
</table>
</main>
</html>
"""


def main() -> None:
    names = sorted(os.environ)
    page = PAGE.format(
        version=html.escape(sys.version.split()[0]),
        script=html.escape(os.environ.get("SCRIPT_NAME", "")),
        rows="\n".join(ROW.format(html.escape(name), html.escape(os.environ[name])) for name in names),
    )
    # Bytes that are no UTF-8 arrive in the environment as lone surrogates.
    body = page.encode("utf-8", "replace")
    head = f"Content-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    sys.stdout.buffer.write(head.encode("ascii") + body)


main()
