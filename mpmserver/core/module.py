"""A module: a table of directives plus functions that are called in the phases of a request.

A module is one value, `MODULE = Module("mime", ...)`, in a file of `modules/` named as Apache names it; the
list in `modules/standard.py` is explicit. A third party's module is the same value in any importable package
(`LoadModule my_module my_package.my_module`).

A hook is called with the `Exchange` and answers in one of these ways:

* `None`: declined, the next hook is asked;
* `HANDLED`: done; in a run-first phase nobody else is asked, in a run-all phase the others still are;
* a `Response`: the request's phases end here and this is sent;
* a status: they end here, too, and the page of that status is sent, or its ErrorDocument;
* an `InternalRedirect`: the request starts again with another URI;
* it raises `HTTPError`: the same, with what the error has to say besides; it costs more, the deeper it is raised.

A hook may be an `async def`; the plan remembers which are, so that a plan of plain functions runs without an
await. `applies(settings)` is asked once, when settings are merged: a hook that says no costs nothing per
request. `pure(settings)` says whether the hook's outcome depends on nothing but the request's head and the
files it looked at by `x.files` (that is what may be remembered); the default says no. A hook that seldom does more
says yes, and `x.memo.refuse` when it does.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from mpmserver.config.directive import Directive
from mpmserver.config.settings import Settings
from mpmserver.records import dataclass, field

if TYPE_CHECKING:
    from mpmserver.core.body import Filter
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.preface import PreConnection
    from mpmserver.core.recall.recollection import RememberedLine
    from mpmserver.core.site import Site
    from mpmserver.core.templates import Page


class Phase(enum.Enum):
    """When in a request's life a hook is called, in this order; the value is True for run-all phases.

    INSERT_FILTERS comes before a handler is asked: what it adds to `x.filters` sees what the handler answers.
    INSERT_ERROR_FILTERS, of plain functions, does the same for a page that the server makes itself, of an error or a
    redirect: only what it adds sees that.
    """

    POST_READ = ("post_read_request", True)
    QUICK_HANDLER = ("quick_handler", False)
    PRE_TRANSLATE = ("pre_translate_name", False)
    TRANSLATE = ("translate_name", False)
    MAP_TO_STORAGE = ("map_to_storage", False)
    HEADER_PARSER = ("header_parser", True)
    ACCESS = ("access_checker", True)
    ACCESS_CHECKER_EX = ("access_checker_ex", False)
    AUTHN = ("check_user_id", False)
    AUTHZ = ("auth_checker", False)
    TYPE = ("type_checker", False)
    FIXUP = ("fixups", True)
    INSERT_FILTERS = ("insert_filter", True)
    INSERT_ERROR_FILTERS = ("insert_error_filter", True)
    HANDLER = ("handler", False)
    LOG = ("log_transaction", True)

    @property
    def run_all(self) -> bool:
        return self.value[1]


class Order(enum.IntEnum):
    """Apache's APR_HOOK_* positions."""

    REALLY_FIRST = -10
    FIRST = 0
    MIDDLE = 10
    LAST = 20
    REALLY_LAST = 30


class Handled(enum.Enum):
    """The type of `HANDLED`."""

    HANDLED = enum.auto()


HANDLED: Final = Handled.HANDLED


@dataclass(frozen=True, slots=True)
class InternalRedirect:
    """Run the request again with this URI (path and optional ?query).

    `content_type` is what the new request has until it finds a type of its own (mod_actions). `quick`: quick handlers
    are asked, too; not where a handler leaves its own work to another one (ap_internal_redirect_handler).
    """

    uri: str
    content_type: str | None = None
    quick: bool = True


def always(settings: Any) -> bool:
    """For `Hook.applies` and `Hook.pure`: yes, whatever the settings."""
    return True


def _never(settings: Any) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Hook:
    """One function of a module in one phase.

    `after` and `before` name modules ("mime") in the same phase and order. `handler` (HANDLER phase only) is
    the handler name that it answers to ("cgi-script"); None is asked whatever the handler is.

    `function(x)` returns None, HANDLED or what else its phase knows, or a coroutine of these where it must wait: an
    `async def`, or a plain function that mostly needs no coroutine.
    """

    phase: Phase
    function: Callable[..., Any]
    order: Order = Order.MIDDLE
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    handler: str | None = None
    per_settings: bool = False
    """`function` is not for requests but for merged settings: it returns the function for requests that have them,
    which knows beforehand what can be known."""
    applies: Callable[[Any], bool] = always
    pure: Callable[[Any], bool] = _never
    lets_in: Callable[[Any], bool] = _never
    """ACCESS_CHECKER_EX only: whether with these settings `function` grants every request, and has nothing to log.
    Where the first hook does so, nobody is asked."""
    remember: Callable[[Exchange], list[RememberedLine] | None] | None = None
    """LOG phase only: called behind an answer that may be remembered, gives the lines that are written at each hit, or
    None: such a request can't be remembered. Without it no answer is remembered where the hook applies."""


@dataclass(frozen=True, slots=True)
class Module:
    """What a module brings along.

    `name` is Apache's without prefix and suffix: "mime" is mod_mime.c and mime_module. `server_settings` and
    `dir_settings` are the module's `Settings` classes for servers and for sections. Life-cycle hooks:
    `post_config(configuration)` checks and completes the whole configuration in the parent, before any fork
    (raises ConfigError); `open_logs(site, opener)` opens what must be opened while still root;
    `child_init(child)` runs in each child after the fork. `providers` are named values that other
    modules look up by (group, name), as Apache's ap_lookup_provider: ("authn", "file"), ("authz", "ip").
    """

    name: str
    directives: tuple[Directive, ...] = ()
    hooks: tuple[Hook, ...] = ()
    server_settings: type[Settings] | None = None
    dir_settings: type[Settings] | None = None
    filters: tuple[Filter, ...] = ()
    providers: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    post_config: Callable[[Any], None] | None = None
    open_logs: Callable[[Any, Any], None] | None = None
    child_init: Callable[[Any], None] | None = None
    pre_connection: Callable[[Site], PreConnection | None] | None = None
    """Asked once for a site: what is to be asked of each new connection, None where no connection needs it."""
    pages: tuple[Page, ...] = ()
    """Templates of the answers that it makes."""
    checks_by_uri: bool = False
    """Where this module is loaded, what has been checked for one URI doesn't hold for another with the same settings.

    (Apache: access hooks that are not registered with AP_AUTH_INTERNAL_PER_CONF.)
    """
    file: str = ""
    """mod_mime.c unless given: core.c, http_core.c, mod_so.c and the MPMs (event.c) are named otherwise."""

    @property
    def identifier(self) -> str:
        """Apache's module identifier: mime_module."""
        return f"{self.name}_module"

    @property
    def source(self) -> str:
        return self.file or f"mod_{self.name}.c"


