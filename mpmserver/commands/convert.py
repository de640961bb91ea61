"""`mpmserver convert FILE`: a configuration in the other of the two syntaxes, on standard output.

The file name's ending says which syntax it is in. What is printed reads as an equal tree: includes, conditions and
variables stay as they are written, comments get lost. `cli` calls this.
"""

from __future__ import annotations

import argparse
import sys

from mpmserver.config.context import read_text_file
from mpmserver.config.convert import to_apache, to_yaml
from mpmserver.config.errors import ConfigError, syntax_error
from mpmserver.config.syntax import parse_text
from mpmserver.config.yamlfile import is_yaml, parse_yaml


def main(arguments: list[str]) -> int:
    """Exit status 0, or 1 where the file cannot be read or is wrong: the reason is on standard error."""
    parser = argparse.ArgumentParser(
        prog="mpmserver convert", description="Print a configuration in the other syntax: Apache's, or YAML."
    )
    parser.add_argument("file", metavar="FILE", help="YAML if its name ends in .yaml or .yml, else Apache's syntax")
    file = parser.parse_args(arguments).file
    try:
        converted = convert(file)
    except OSError as error:
        return _refused(f"{file}: {error.strerror}")
    except ConfigError as error:
        return _refused(error.message if error.origin is None else syntax_error(error.message, error.origin))
    # As it was read: a byte that is no UTF-8 stays what it is.
    sys.stdout.buffer.write(converted.encode("utf-8", "surrogateescape"))
    return 0


def convert(file: str) -> str:
    """The text of ``file`` in the other syntax. Raises OSError, ConfigError."""
    text = read_text_file(file)
    return to_apache(parse_yaml(text, file)) if is_yaml(file) else to_yaml(parse_text(text, file))


def _refused(reason: str) -> int:
    print(f"mpmserver convert: {reason}", file=sys.stderr)
    return 1
