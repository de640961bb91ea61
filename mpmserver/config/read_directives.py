"""The directives that act while the configuration is read, as data: the reader's, not the walk's.

They are registered like any other, so that ``-L``, ``<IfDirective>`` and the walk know them; the walk passes them
over. In the tree they appear only where they were not executed: when their module is not loaded.
"""

from __future__ import annotations

from mpmserver.config.directive import ACCESS_CONF, EXEC_ON_READ, OR_ALL, RSRC_CONF, Directive, Shape, ignored

_SERVER = EXEC_ON_READ | RSRC_CONF
_ANYWHERE = EXEC_ON_READ | RSRC_CONF | ACCESS_CONF
_EVERYWHERE = EXEC_ON_READ | RSRC_CONF | OR_ALL


def _directives(
    where: int, rows: tuple[tuple[str, Shape, str], ...]
) -> tuple[Directive, ...]:
    return tuple(Directive(name, shape, where, ignored, text) for name, shape, text in rows)


CORE = (
    *_directives(
        _EVERYWHERE,
        (
            ("<IfModule", Shape.RAW_ARGS, "Container for directives based on existence of specified modules"),
            ("<IfDefine", Shape.RAW_ARGS, "Container for directives based on existence of command line defines"),
            ("<IfFile", Shape.RAW_ARGS, "Container for directives based on existence of files on disk"),
            ("<IfDirective", Shape.RAW_ARGS, "Container for directives based on existence of named directive"),
            ("<IfSection", Shape.RAW_ARGS, "Container for directives based on existence of named section"),
        ),
    ),
    *_directives(
        _ANYWHERE,
        (
            (
                "Define",
                Shape.TAKE12,
                "Define a variable, optionally to a value.  Same as passing -D to the command line.",
            ),
            ("UnDefine", Shape.TAKE1, "Undefine the existence of a variable. Undo a Define."),
            (
                "Include",
                Shape.TAKE1,
                "Name(s) of the config file(s) to be included; fails if the wildcard does not match at least one file",
            ),
            (
                "IncludeOptional",
                Shape.TAKE1,
                (
                    "Name or pattern of the config file(s) to be included; "
                    "ignored if the file does not exist or the pattern does not match any files"
                ),
            ),
        ),
    ),
    *_directives(
        _SERVER,
        (
            ("ServerRoot", Shape.TAKE1, "Common directory of server-related files (logs, confs, etc.)"),
            ("DefaultRuntimeDir", Shape.TAKE1, "Common directory for run-time files (shared memory, locks, etc.)"),
        ),
    ),
)

SO = _directives(
    _SERVER,
    (
        (
            "LoadModule",
            Shape.TAKE2,
            "a module name and the name of a shared object file to load it from",
        ),
        ("LoadFile", Shape.ITERATE, "shared object file or library to load into the server at runtime"),
    ),
)

VERSION = _directives(
    _EVERYWHERE, (("<IfVersion", Shape.TAKE123, "a comparison operator, a version (and a delimiter)"),)
)

MACRO = _directives(
    _EVERYWHERE,
    (
        ("<Macro", Shape.RAW_ARGS, "Beginning of a macro definition section."),
        ("Use", Shape.RAW_ARGS, "Use of a macro."),
        ("UndefMacro", Shape.TAKE1, "Remove a macro definition."),
    ),
)

READ_DIRECTIVES: dict[str, tuple[Directive, ...]] = {
    "core.c": CORE,
    "mod_so.c": SO,
    "mod_version.c": VERSION,
    "mod_macro.c": MACRO,
}
"""By the module that they belong to."""
