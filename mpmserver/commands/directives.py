"""-L: every directive of every built-in module, with the places where it may stand."""

from __future__ import annotations

from mpmserver.commands.options import Options
from mpmserver.config.directive import (
    ACCESS_CONF,
    OR_ALL,
    OR_AUTHCFG,
    OR_FILEINFO,
    OR_INDEXES,
    OR_LIMIT,
    OR_OPTIONS,
    OVERRIDE_NAMES,
    RSRC_CONF,
    Directive,
)
from mpmserver.core.module import Module
from mpmserver.modules.so import Catalog
from mpmserver.modules.standard import BUILT_IN, DEFAULT_MPM, is_mpm

ORDER = ("AuthConfig", "Limit", "Options", "FileInfo", "Indexes")
INSIDE = "<Directory>, <Files>, <Location>, or <If>"


def show(options: Options) -> int:
    """Print them all."""
    catalog = Catalog()
    for identifier in BUILT_IN:
        if not is_mpm(identifier) or identifier == f"mpm_{options.mpm or DEFAULT_MPM}_module":
            module = catalog.find(identifier, identifier)
            for directive in module.directives:
                print(f"{directive.name} ({module.source})\n\t{directive.help}\n\t{places(directive, module)}")
    return 0


def places(directive: Directive, module: Module) -> str:
    """Where a directive may stand, in Apache's words."""
    where = directive.where
    inside = bool(where & (ACCESS_CONF | OR_AUTHCFG | OR_LIMIT))
    if where & (OR_OPTIONS | OR_FILEINFO | OR_INDEXES) or (where & RSRC_CONF and inside):
        text = "Allowed in *.conf anywhere"
    else:
        text = f"Allowed in *.conf only {'outside' if where & RSRC_CONF else 'inside'} {INSIDE}"
    if not where & OR_ALL:
        return text
    if where & OR_ALL == OR_ALL:
        return f"{text} and in .htaccess\n\twhen AllowOverride isn't None"
    bits = {name: bit for bit, name in OVERRIDE_NAMES}
    classes = " or ".join(name for name in ORDER if where & bits[name])
    return f"{text} and in .htaccess\n\twhen AllowOverride includes {classes}"
