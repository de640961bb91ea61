"""Expressions compiled as in a configuration, and a request to ask them about."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mpmserver.config.build import Build
from mpmserver.config.node import Node, Origin
from mpmserver.core.exchange import Exchange
from mpmserver.core.expr import Condition, StringExpression, compile_condition, compile_string
from tests.unit.modules.kit import SiteKit


class Kit:
    """A site with one request."""

    def __init__(self, root: Path, target: str = "/a/b.txt?q=1", headers: Iterable[tuple[str, str]] = ()) -> None:
        self.site = SiteKit(root, "")
        self.x: Exchange = self.site.exchange(target, headers=headers)
        configuration = self.site.site.configuration
        self.build = Build(
            configuration, configuration.main, configuration.main.defaults, node=Node("<If", "", (), Origin("f", 7))
        )

    def condition(self, text: str) -> Condition:
        return compile_condition(self.build, text)

    def string(self, text: str) -> StringExpression:
        return compile_string(self.build, text)

    def test(self, text: str) -> bool:
        """Whether a condition holds."""
        return self.condition(text).test(self.x)

    def expand(self, text: str) -> str:
        """What a text becomes."""
        return self.string(text).expand(self.x)

    @property
    def logged(self) -> list[str]:
        """The messages of the error log."""
        return [message for _level, _module, message in self.site.log]
