"""What the requests of one process share; made in each child after the fork, and in tests without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mpmserver.config.expand import ReadContext
from mpmserver.core.htaccess import HtaccessFiles
from mpmserver.core.reaper import Reaper
from mpmserver.core.resolve import Resolver
from mpmserver.core.vhost import VhostTable, compile_vhosts
from mpmserver.http.head import whole_head

if TYPE_CHECKING:
    from mpmserver.core.child import Child
    from mpmserver.core.recall.memory import Recall
    from mpmserver.core.site import Site

MOST_EXPECTED: Final = 32
"""For so many servers; of more, few are asked by any one child."""
_ANY_HEAD: Final = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


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

    def expect_pages(self) -> None:
        """Make the pages that come along as templates, before any fork. Raises ImportError, OSError, ValueError."""
        for module in self.site.modules:
            for page in module.pages:
                page.expect()

    def expect_requests(self) -> None:
        """Make, before any fork, what the first requests of each child would make for it alone: memory to share."""
        for server in self.site.servers[:MOST_EXPECTED]:
            self.resolver.expect(server)
        whole_head(_ANY_HEAD, self.site.main.head_limits)  # what is compiled at its first call (`records.py`)
