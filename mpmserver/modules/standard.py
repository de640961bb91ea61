"""The modules that come with the server: data only, so that `-l` can answer without importing any of them.

One line makes a module known: its identifier, as LoadModule names it, and the Python module that has `MODULE`.
Those in STATIC are there without LoadModule, as in a stock Apache; a configuration without any LoadModule has all
of them, with the MPM that it names (`MPM event`, --mpm) or the default one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

BUILT_IN: Final[Mapping[str, str]] = {
    "core_module": "mpmserver.modules.core",
    "so_module": "mpmserver.modules.so",
    "http_module": "mpmserver.modules.http",
    "log_config_module": "mpmserver.modules.log_config",
    "logio_module": "mpmserver.modules.logio",
    "version_module": "mpmserver.modules.version",
    "unixd_module": "mpmserver.modules.unixd",
    "mpm_prefork_module": "mpmserver.mpm.prefork",
    "mpm_worker_module": "mpmserver.mpm.worker",
    "mpm_event_module": "mpmserver.mpm.event",
    "mpm_reactor_module": "mpmserver.mpm.reactor",
    "mime_module": "mpmserver.modules.mime",
    "dir_module": "mpmserver.modules.dir",
    "alias_module": "mpmserver.modules.alias",
    "actions_module": "mpmserver.modules.actions",
    "speling_module": "mpmserver.modules.speling",
    "userdir_module": "mpmserver.modules.userdir",
    "vhost_alias_module": "mpmserver.modules.vhost_alias",
    "autoindex_module": "mpmserver.modules.autoindex",
    "asis_module": "mpmserver.modules.asis",
    "env_module": "mpmserver.modules.env",
    "expires_module": "mpmserver.modules.expires",
    "headers_module": "mpmserver.modules.headers",
    "setenvif_module": "mpmserver.modules.setenvif",
    "rewrite_module": "mpmserver.modules.rewrite",
    "access_compat_module": "mpmserver.modules.access_compat",
    "allowmethods_module": "mpmserver.modules.allowmethods",
    "authz_core_module": "mpmserver.modules.authz_core",
    "authz_host_module": "mpmserver.modules.authz_host",
    "authz_groupfile_module": "mpmserver.modules.authz_groupfile",
    "authz_user_module": "mpmserver.modules.authz_user",
    "authz_owner_module": "mpmserver.modules.authz_owner",
    "authz_dbm_module": "mpmserver.modules.authz_dbm",
    "authn_core_module": "mpmserver.modules.authn_core",
    "authn_file_module": "mpmserver.modules.authn_file",
    "authn_dbm_module": "mpmserver.modules.authn_dbm",
    "authn_anon_module": "mpmserver.modules.authn_anon",
    "auth_basic_module": "mpmserver.modules.auth_basic",
    "auth_digest_module": "mpmserver.modules.auth_digest",
    "macro_module": "mpmserver.modules.macro",
    "reqtimeout_module": "mpmserver.modules.reqtimeout",
    "remoteip_module": "mpmserver.modules.remoteip",
    "request_module": "mpmserver.modules.request",
    "unique_id_module": "mpmserver.modules.unique_id",
    "log_debug_module": "mpmserver.modules.log_debug",
    "usertrack_module": "mpmserver.modules.usertrack",
    "status_module": "mpmserver.modules.status",
    "cgi_module": "mpmserver.modules.cgi",
    "cgid_module": "mpmserver.modules.cgid",
}

STATIC: Final[tuple[str, ...]] = (
    "core_module", "so_module", "http_module", "log_config_module", "logio_module", "version_module", "unixd_module",
)  # fmt: skip

ONLY_BY_NAME: Final[frozenset[str]] = frozenset({"unique_id_module"})
"""What a configuration without any LoadModule doesn't have: being loaded is all it takes for these to do something."""

OWN_FILES: Final[Mapping[str, str]] = {
    "core_module": "core.c",
    "http_module": "http_core.c",
    "mpm_prefork_module": "prefork.c",
    "mpm_worker_module": "worker.c",
    "mpm_event_module": "event.c",
    "mpm_reactor_module": "reactor.c",
}
"""Sources whose name doesn't follow from the identifier; each `Module.file` says the same."""

MPMS: Final[tuple[str, ...]] = ("prefork", "worker", "event", "reactor")
DEFAULT_MPM: Final = "event"


def source_of(identifier: str) -> str:
    """The file name that `-l` shows and <IfModule> knows: mod_mime.c for mime_module."""
    return OWN_FILES.get(identifier) or f"mod_{identifier.removesuffix('_module')}.c"


def is_mpm(identifier: str) -> bool:
    """Whether a module identifier is an MPM's."""
    return identifier.startswith("mpm_") and identifier.endswith("_module")
