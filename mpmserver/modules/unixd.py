"""mod_unixd: User, Group, and what is refused: ChrootDir, Suexec.

The names are looked up when the configuration is read, as Apache does; the process gives up its rights in
`process/`. Serving as root is refused with Apache's words.
"""

from __future__ import annotations

import grp
import os
import pwd

from mpmserver.config.build import Build
from mpmserver.config.directive import RSRC_CONF, Shape
from mpmserver.config.errors import ConfigError, ErrorKind
from mpmserver.config.numbers import atoi
from mpmserver.core.module import Module
from mpmserver.core.settings import CoreServer
from mpmserver.modules.core.table import directives

_ROOT_REFUSED = (
    "Error:\tApache has not been designed to serve pages while\n"
    "\trunning as root.  There are known race conditions that\n"
    "\twill allow any local user to read any file on the system.\n"
    "\tIf you still desire to serve pages as root then\n"
    "\tadd -DBIG_SECURITY_HOLE to the CFLAGS env variable\n"
    "\tand then rebuild the server.\n"
    "\tIt is strongly suggested that you instead modify the User\n"
    "\tdirective in your httpd.conf file to list a non-root\n"
    "\tuser.\n"
)


def user(build: Build, name: str) -> None:
    """User name|#number."""
    if user_id(name) == 0:
        build.fail(_ROOT_REFUSED)
    build.main(CoreServer).user = name


def group(build: Build, name: str) -> None:
    """Group name|#number."""
    group_id(name)
    build.main(CoreServer).group = name


def user_id(name: str) -> int:
    """The number of a user; raises ConfigError, without a line, as Apache complains."""
    if name.startswith("#"):
        return atoi(name[1:])
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise ConfigError(f"AH00543: bad user name {name}", kind=ErrorKind.BARE) from None


def group_id(name: str) -> int:
    """The number of a group; raises ConfigError."""
    if name.startswith("#"):
        return atoi(name[1:])
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigError(f"AH00544: bad group name {name}", kind=ErrorKind.BARE) from None


def chroot_dir(build: Build, path: str) -> None:
    if not os.path.isdir(path):
        build.fail("ChrootDir must be a valid directory")
    build.fail("ChrootDir is not available in this version: the server can't import what it needs inside of it")


def suexec(build: Build, on: bool) -> None:
    if on:
        build.fail("suEXEC isn't supported: Missing suexec binary /usr/lib/apache2/suexec")


MODULE = Module(
    "unixd",
    directives=directives(
        RSRC_CONF,
        ("User", Shape.TAKE1, user, "Effective user id for this server"),
        ("Group", Shape.TAKE1, group, "Effective group id for this server"),
        ("ChrootDir", Shape.TAKE1, chroot_dir, "The directory to chroot(2) into"),
        ("Suexec", Shape.FLAG, suexec, "Enable or disable suEXEC support"),
        global_only=True,
    ),
)
