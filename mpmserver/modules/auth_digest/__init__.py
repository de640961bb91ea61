"""mod_auth_digest: the Digest scheme (RFC 7616 with MD5 and qop "auth") over providers that know hashes of passwords.

`settings.py` has the directives, `credentials.py` reads what clients say, `check.py` decides, `nonces.py` makes nonces,
`clients.py` remembers who used which, `uris.py` compares what was signed with what was asked for.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mpmserver.config.errors import ConfigError, ErrorKind
from mpmserver.core.auth import may_have_auth_type
from mpmserver.core.module import Hook, Module, Phase
from mpmserver.modules.auth_digest.check import add_info, authenticate, challenge
from mpmserver.modules.auth_digest.clients import Clients
from mpmserver.modules.auth_digest.settings import DIRECTIVES, DigestDir, DigestServer

if TYPE_CHECKING:
    from mpmserver.config.build import Configuration
    from mpmserver.core.site import Merged


def _make_clients(configuration: Configuration) -> None:
    """Make the table that the children share; raises ConfigError where there is no such memory."""
    size = configuration.main.settings(DigestServer).finished().shared_memory
    try:
        configuration.providers["digest", "clients"] = Clients(size)
    except (OSError, OverflowError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        message = f"AH01762: Failed to create shared memory segment for digest authentication: {reason}"
        raise ConfigError(message, kind=ErrorKind.CHECK) from None


def _applies(settings: Merged) -> bool:
    return may_have_auth_type(settings, "digest")


MODULE = Module(
    "auth_digest",
    directives=DIRECTIVES,
    hooks=(
        Hook(Phase.AUTHN, authenticate, applies=_applies),
        Hook(Phase.FIXUP, add_info, applies=_applies),
    ),
    server_settings=DigestServer,
    dir_settings=DigestDir,
    providers={("challenge", "digest"): challenge},
    post_config=_make_clients,
)
