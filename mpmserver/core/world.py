"""What the requests of one process share; made in each child after the fork, and in tests without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpmserver.config.expand import ReadContext
from mpmserver.core.htaccess import HtaccessFiles
from mpmserver.core.reaper import Reaper
from mpmserver.core.resolve import Resolver
from mpmserver.core.vhost import VhostTable, compile_vhosts

if TYPE_CHECKING:
    from mpmserver.core.child import Child
    from mpmserver.core.recall.memory import Recall
    from mpmserver.core.site import Site


class World:
    """The site with its walks and virtual hosts.

    `child` is the process's side of the scoreboard and the logs, None where requests run without a server.
    """

    __slots__ = ("child", "hosts", "pre_connection", "reaper", "recall", "resolver", "site")

    def __init__(self, site: Site, read_context: ReadContext, child: Child | None = None) -> None:
        self.site = site
        self.child = child
        self.hosts: VhostTable = compile_vhosts(site)
        self.resolver = Resolver(HtaccessFiles(read_context))
        self.reaper = Reaper()
        self.recall: Recall | None = None
        """What has been answered before; begun by the MPM in each child, None where Recall is off."""
        asked = (module.pre_connection(site) for module in site.modules if module.pre_connection is not None)
        self.pre_connection = tuple(hook for hook in asked if hook is not None)
        """What new connections are shown to before their first request is read; nearly always nothing."""
