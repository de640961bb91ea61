"""AllowOverride and AllowOverrideList: what .htaccess files may say."""

from __future__ import annotations

from mpmserver.config.build import Build
from mpmserver.config.directive import (
    ACCESS_CONF,
    NONFATAL_OVERRIDE,
    NONFATAL_UNKNOWN,
    OR_ALL,
    OR_NONE,
    OVERRIDE_NAMES,
    Shape,
)
from mpmserver.config.syntax import words
from mpmserver.core.settings import CoreDir, Options
from mpmserver.modules.core.directory import OPTION_NAMES
from mpmserver.modules.core.table import directives

_CLASSES = {name.lower(): bits for bits, name in OVERRIDE_NAMES}
_NONFATAL = {
    "override": NONFATAL_OVERRIDE,
    "unknown": NONFATAL_UNKNOWN,
    "all": NONFATAL_OVERRIDE | NONFATAL_UNKNOWN,
}
_USELESS_IN = (
    "<Location", "<LocationMatch", "<Files", "<FilesMatch", "<If", "<ElseIf", "<Else", "<Limit", "<LimitExcept",
)  # fmt: skip


def allow_override(build: Build, arguments: str) -> None:
    """AllowOverride All|None|class ...: the classes add up, None and All say what they say from there on."""
    settings = build.dir(CoreDir)
    if _is_useless(build):
        build.warn(f"AH00114: Useless use of AllowOverride in line {build.origin.line} of {build.origin.file}.")
    override = OR_NONE
    for word in words(arguments):
        name, equals, value = word.partition("=")
        key = name.lower()
        if key == "none":
            override = OR_NONE
        elif key == "all":
            override = OR_ALL
        elif key == "nonfatal":
            if not equals:
                build.fail("=Override, =Unknown or =All expected after Nonfatal")
            override |= _NONFATAL.get(value.lower(), 0)
        elif key in _CLASSES:
            override |= _CLASSES[key]
            if key == "options":
                settings.override_options = _options(build, value) if equals else int(Options.ALL)
        else:
            build.fail(f"Illegal override option {name}")
    settings.override = override


def _options(build: Build, names: str) -> int:
    """The Options of `Options=name,name`."""
    allowed = Options.NONE
    for name in filter(None, names.split(",")):
        if name.lower() not in OPTION_NAMES:
            build.fail(f"Illegal option {name}")
        allowed |= OPTION_NAMES[name.lower()]
    return int(allowed)


def allow_override_list(build: Build, *names: str) -> None:
    """AllowOverrideList None|directive ..."""
    if _is_useless(build):
        build.warn(f"AH00115: Useless use of AllowOverrideList at {build.origin}")
    if len(names) == 1 and names[0].lower() == "none":
        names = ()
    allowed = []
    for name in names:
        if name.lower() == "none":
            build.fail("'None' not allowed with other directives in AllowOverrideList")
        found = build.configuration.registry.find(name)
        if found is None:
            build.warn(f"AH00116: Discarding unrecognized directive `{name}' in AllowOverrideList at {build.origin}")
        elif not found[1].where & OR_ALL:
            build.warn(f"AH02304: Discarding directive `{name}' not allowed in AllowOverrideList at {build.origin}")
        else:
            allowed.append(name.lower())
    build.dir(CoreDir).override_list = frozenset(allowed)


def _is_useless(build: Build) -> bool:
    return any(name in _USELESS_IN for name in build.within)


DIRECTIVES = directives(
    ACCESS_CONF,
    ("AllowOverride", Shape.RAW_ARGS, allow_override,
     "Controls what groups of directives can be configured by per-directory config files"),
    ("AllowOverrideList", Shape.TAKE_ARGV, allow_override_list,
     "Controls what individual directives can be configured by per-directory config files"),
)  # fmt: skip
