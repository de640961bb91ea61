"""mod_authz_core: Require, its containers, and the decision.

`requirements.py` is the tree of requirements and how it is decided, `directives.py` builds it, `providers.py` has the
providers that come with this module, `aliases.py` makes new ones from others.
"""

from __future__ import annotations

from mpmserver.config.directive import OR_AUTHCFG, RSRC_CONF, Directive, Shape
from mpmserver.core.module import Hook, Module, Phase
from mpmserver.modules.authz_core.aliases import add_alias
from mpmserver.modules.authz_core.decision import authorize_user, authorize_userless
from mpmserver.modules.authz_core.directives import (
    add_container,
    add_requirement,
    check_negatives,
    set_forbidden,
    set_merging,
)
from mpmserver.modules.authz_core.providers import PROVIDERS
from mpmserver.modules.authz_core.requirements import AuthzDir, is_pure, lets_in

_ALL = (
    "container for grouping authorization directives of which none must fail "
    "and at least one must pass for a request to succeed"
)

MODULE = Module(
    "authz_core",
    directives=(
        Directive("<AuthzProviderAlias", Shape.RAW_ARGS, RSRC_CONF, add_alias,
            "container for grouping an authorization provider's directives under a provider alias"),
        Directive("Require", Shape.RAW_ARGS, OR_AUTHCFG, add_requirement,
            "specifies authorization directives which one must pass (or not) for a request to suceeed"),
        Directive("<RequireAll", Shape.RAW_ARGS, OR_AUTHCFG, add_container, _ALL),
        Directive("<RequireAny", Shape.RAW_ARGS, OR_AUTHCFG, add_container,
            "container for grouping authorization directives of which one must pass for a request to succeed"),
        Directive("<RequireNone", Shape.RAW_ARGS, OR_AUTHCFG, add_container,
            "container for grouping authorization directives of which none must pass for a request to succeed"),
        Directive("AuthMerging", Shape.TAKE1, OR_AUTHCFG, set_merging,
            "controls how a <Directory>, <Location>, or similar directive's authorization directives are combined "
            "with those of its predecessor"),
        Directive("AuthzSendForbiddenOnFailure", Shape.FLAG, OR_AUTHCFG, set_forbidden,
            "Controls if an authorization failure should result in a '403 FORBIDDEN' response "
            "instead of the HTTP-conforming '401 UNAUTHORIZED'"),
    ),
    hooks=(
        Hook(Phase.ACCESS_CHECKER_EX, authorize_userless, pure=is_pure, lets_in=lets_in),
        Hook(Phase.AUTHZ, authorize_user, pure=is_pure),
    ),
    dir_settings=AuthzDir,
    providers=PROVIDERS,
    post_config=check_negatives,
)  # fmt: skip
