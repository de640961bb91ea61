"""Plans: for merged settings, the functions that really apply, phase by phase.

Hooks are sorted once for the whole site (`sort_hooks`: Apache's order, then before/after, then load order); a
plan keeps those whose `applies(settings)` said yes, as tuples of steps that the pipeline runs through.
Every step knows its module, so that with the settings' sections any decision leads back to file and line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from mpmserver.core.module import Hook, Module, Phase
from mpmserver.core.settings import Level

if TYPE_CHECKING:
    from mpmserver.config.sections import Section
    from mpmserver.core.site import Merged


class Step:
    """One function of a plan."""

    __slots__ = ("function", "handler", "hook", "module")

    def __init__(self, module: str, hook: Hook) -> None:
        self.module = module
        self.hook = hook
        self.function: Callable[..., Any] = hook.function
        self.handler = hook.handler

    def under(self, settings: Merged) -> Step:
        """The step for requests with these settings: this one, unless its function is made for each of them."""
        if not self.hook.per_settings:
            return self
        step = Step(self.module, self.hook)
        step.function = self.hook.function(settings)
        return step


Steps = tuple[Step, ...]
_MOST_NAMES = 64


class Handlers(dict[str, Steps]):
    """The handlers that are asked, by the name of the request's handler: chosen when they are first asked for."""

    __slots__ = ("all",)

    def __init__(self, steps: Steps) -> None:
        self.all = steps

    def __missing__(self, name: str) -> Steps:
        found = tuple([step for step in self.all if step.handler is None or step.handler == name])
        if len(self) < _MOST_NAMES:  # an expression may make up any number of names
            self[name] = found
        return found


class Plan:
    """The steps of each phase for one set of merged settings; shared and never changed."""

    __slots__ = (
        "access", "access_ex", "asks_nobody", "authn", "authz", "begins_plainly", "fixup", "handlers",
        "header_parser", "impure", "insert_error_filters", "insert_filters", "lets_all_in", "log", "map_to_storage",
        "post_read", "pre_translate", "quick", "satisfied_by_any", "translate", "type",
    )  # fmt: skip

    def __init__(self, hooks: dict[Phase, Steps], settings: Merged) -> None:
        kept = {
            phase: tuple([step.under(settings) for step in steps if step.hook.applies(settings)])
            for phase, steps in hooks.items()
        }
        self.post_read = kept[Phase.POST_READ]
        self.quick = kept[Phase.QUICK_HANDLER]
        self.pre_translate = kept[Phase.PRE_TRANSLATE]
        self.translate = kept[Phase.TRANSLATE]
        self.map_to_storage = kept[Phase.MAP_TO_STORAGE]
        self.header_parser = kept[Phase.HEADER_PARSER]
        self.access = kept[Phase.ACCESS]
        self.access_ex = kept[Phase.ACCESS_CHECKER_EX]
        self.authn = kept[Phase.AUTHN]
        self.authz = kept[Phase.AUTHZ]
        self.type = kept[Phase.TYPE]
        self.fixup = kept[Phase.FIXUP]
        self.insert_filters = kept[Phase.INSERT_FILTERS]
        self.insert_error_filters = kept[Phase.INSERT_ERROR_FILTERS]
        self.handlers = Handlers(kept[Phase.HANDLER])
        self.log = kept[Phase.LOG]
        satisfy = settings.server.site.providers.get(("satisfy", "any"))
        self.satisfied_by_any: Callable[[str], bool] | None = None if satisfy is None else satisfy(settings)
        """For the few sections with `Satisfy Any`: whether that holds for a method."""
        self.lets_all_in = (
            not self.access and self.satisfied_by_any is None and bool(self.access_ex)
            and self.access_ex[0].hook.lets_in(settings) and not settings.logs(Level.TRACE3, "core")
        )  # fmt: skip
        """Whether nobody need be asked if a request may be answered."""
        server = settings.server
        self.begins_plainly = not (
            self.quick or server.locations or server.has_early_ifs or server.has_pre_translate or settings.ifs
            or settings is not server.defaults
        )  # fmt: skip
        """Whether TRANSLATE is the first that a request meets."""
        self.asks_nobody = self.lets_all_in and not self.header_parser and not settings.ifs
        """Whether TYPE comes right behind the walks."""
        self.impure: str | None = _first_impure(kept, settings)
        """Why no answer with these settings may be remembered: the module with the first hook that says so; or None."""


def _first_impure(kept: dict[Phase, Steps], settings: Merged) -> str | None:
    """Who makes an answer depend on more than head and files. Handlers by name are asked when it is their turn."""
    if not all(map(_asks_purely, settings.ifs)):
        return "core <If>"
    steps = (step for phase in Phase if phase is not Phase.LOG for step in kept[phase] if step.handler is None)
    return next((f"mod_{step.module}" for step in steps if not step.hook.pure(settings)), None)


def _asks_purely(section: Section) -> bool:
    """Whether an <If>, and those inside, depend on nothing but the request's head and the file it leads to."""
    own = section.condition is None or section.condition.is_pure
    return own and all(map(_asks_purely, section.ifs))


def sort_hooks(modules: Iterable[Module]) -> dict[Phase, Steps]:
    """Order all hooks of all modules: by `Order`, then `before` and `after`, then the order of loading."""
    found: dict[Phase, list[Step]] = {phase: [] for phase in Phase}
    for module in modules:
        for hook in module.hooks:
            found[hook.phase].append(Step(module.name, hook))
    return {phase: _sorted(steps) for phase, steps in found.items()}


def _sorted(steps: list[Step]) -> Steps:
    ordered: list[Step] = []
    waiting = sorted(steps, key=lambda step: step.hook.order)
    while waiting:
        step = next((step for step in waiting if not _predecessors(step, waiting)), waiting[0])
        waiting.remove(step)
        ordered.append(step)
    return tuple(ordered)


def _predecessors(step: Step, waiting: list[Step]) -> bool:
    """True where a step that still waits has to run before this one."""
    return any(
        other is not step
        and (other.module in step.hook.after or step.module in other.hook.before)
        and other.module != step.module
        for other in waiting
    )
