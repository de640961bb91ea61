"""Rules of <Directory>, .htaccess and other sections: FIXUP, when the file name is known.

Patterns see the file name below the place the rules belong to. What a rule makes of it is turned back into a URL-path,
by RewriteBase, the DocumentRoot or an Alias, and the request starts again there: `redirect-handler` does that once all
fixups have run, so that what they set lives on under REDIRECT_ names.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from mpmserver.core.module import HANDLED, Handled, InternalRedirect
from mpmserver.core.names import context_document_root, context_prefix, document_root
from mpmserver.core.settings import CoreDir, Level, Options, effective
from mpmserver.http.errors import HTTPError
from mpmserver.http.text import path_octets
from mpmserver.modules.rewrite.answers import end_if_settled, redirect
from mpmserver.modules.rewrite.application import FORCED_HANDLER, FORCED_TYPE
from mpmserver.modules.rewrite.engine import apply_rules, drive, go_on_waiting, has_ended
from mpmserver.modules.rewrite.settings import RewriteDir, RewriteOption
from mpmserver.modules.rewrite.state import NOTHING, Outcome, Run
from mpmserver.modules.rewrite.trace import is_told, trace, tracing
from mpmserver.modules.rewrite.uris import PASS_THROUGH, Absolute, replaced_prefix

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.site import Merged

REDIRECT_HANDLER = "redirect-handler"
REDIRECT = "redirect:"
_NUMBERS = ("AH10411", "AH10160")
_DEFAULT_OPTIONS = int(Options.SYM_LINKS)
_LINKS = int(Options.SYM_LINKS | Options.SYM_OWNER)


def rewriter(settings: Merged) -> Callable[[Exchange], Handled | int | None]:
    """The hook for rules that wait for nothing."""
    begin, here = _beginner(settings), settings[RewriteDir]
    rule_set = here.rule_set

    def rewrite(x: Exchange) -> Handled | int | None:
        run = begin(x)
        if run is None:
            return None
        return _finish(run, here, apply_rules(run, rule_set) or drive(go_on_waiting(run, rule_set)))

    return rewrite


def waiting_rewriter(settings: Merged) -> Callable[[Exchange], Coroutine[Any, Any, Handled | int | None]]:
    """The hook for rules that may have to wait."""
    begin, here = _beginner(settings), settings[RewriteDir]
    rule_set = here.rule_set

    async def rewrite(x: Exchange) -> Handled | int | None:
        run = begin(x)
        if run is None:
            return None
        return _finish(run, here, apply_rules(run, rule_set) or await go_on_waiting(run, rule_set))

    return rewrite


def _beginner(settings: Merged) -> Callable[[Exchange], Run | None]:
    """What gives the state of a run through the section's rules, None where a request is not rewritten."""
    here, told = settings[RewriteDir], is_told(settings)
    directory = here.directory or ""
    slashless = None if here.options & RewriteOption.ALLOW_NO_SLASH else directory.removesuffix("/")

    def begin(x: Exchange) -> Run | None:
        filename = x.filename
        if filename == slashless and filename is not None:
            return None  # mod_dir will send the client to the address with a slash
        run = Run(x, directory, told)
        if (x.notes or x.prev is not None) and has_ended(x):
            if told:
                run.trace(8, "Declining, no further rewriting due to END flag")
            return None
        if filename is None:
            x.filename = x.uri
            if told:
                run.trace(2, f"init rewrite engine with requested uri {x.filename}")
        run.prepare_uri()
        return run

    return begin


def _finish(run: Run, settings: RewriteDir, outcome: Outcome) -> Handled | int | None:
    x = run.x
    if outcome is NOTHING:
        if run.tracing:
            run.trace(1, f"pass through {x.filename}")
        x.filename = run.given_filename
        return None
    target = run.target or end_if_settled(run, outcome, _NUMBERS)
    if target is not None:
        if settings.base is not None:
            _replace_base(run, settings, settings.base, target)
        return redirect(run, outcome, target, run.given_query)
    return _redirect_internally(run, settings)


def refuse(x: Exchange) -> None:
    """Rules are not for places without links. Raises HTTPError."""
    x.server.log(
        Level.ERROR,
        "rewrite",
        "AH00670: Options FollowSymLinks and SymLinksIfOwnerMatch are both off, so the RewriteRule directive is also "
        f"forbidden due to its similar ability to circumvent directory restrictions : {x.filename}",
        x,
    )
    raise HTTPError(403)


def _replace_base(run: Run, settings: RewriteDir, base: str, target: Absolute) -> None:
    """In a URL to redirect to, put RewriteBase in the place of the directory's own path."""
    x = run.x
    uri = x.filename or ""
    slash = uri.find("/", target.length)
    if slash < 0 or slash + 1 == len(uri):
        return
    directory = settings.directory or ""
    if run.tracing:
        run.trace(2, f"trying to replace prefix {directory} with {base}")
    replaced = replaced_prefix(run, uri[slash + 1 :], directory.removeprefix("/"), base.removeprefix("/"))
    x.filename = uri[: slash + 1] + replaced


def _redirect_internally(run: Run, settings: RewriteDir) -> Handled:
    """Turn the file name that the rules made into a URL-path, and have the request start again there."""
    x = run.x
    path = (x.filename or "").removeprefix(PASS_THROUGH)
    x.filename = path
    if not path.startswith("/"):
        raise HTTPError(400)
    if path == run.given_filename:
        if run.tracing:
            run.trace(1, f"initial URL equal rewritten URL: {path} [IGNORING REWRITE]")
        return HANDLED
    path = _as_url_path(run, settings, path)
    if run.tracing:
        run.trace(1, f"internal redirect with {path} [INTERNAL REDIRECT]")
    x.filename = REDIRECT + path
    x.handler = REDIRECT_HANDLER
    return HANDLED


def _as_url_path(run: Run, settings: RewriteDir, path: str) -> str:
    x = run.x
    directory = settings.directory or ""
    url = path
    if settings.base is not None:
        if run.tracing:
            run.trace(2, f"trying to replace prefix {directory} with {settings.base}")
        url = replaced_prefix(run, path, directory, settings.base)
    else:
        root = document_root(x).removesuffix("/")
        if root and path.startswith(f"{root}/"):
            url = path[len(root) :]
            if run.tracing:
                run.trace(2, f"strip document_root prefix: {path} -> {url}")
    if url == path and not settings.options & RewriteOption.IGNORE_CONTEXT_INFO:
        root, prefix = context_document_root(x), context_prefix(x)
        if root:
            if run.tracing:
                run.trace(2, f"trying to replace context docroot {root} with context prefix {prefix}")
            url = replaced_prefix(run, path, root, prefix)
    return url


def follow(x: Exchange) -> InternalRedirect | None:
    """The handler that starts the request again."""
    filename = x.filename or ""
    if not filename.startswith(REDIRECT):
        return None
    x.notes["redirect-keeps-vary"] = ""
    query = "" if x.args is None else f"?{x.args}"
    return InternalRedirect(path_octets(filename.removeprefix(REDIRECT)) + query)


def force(x: Exchange) -> None:
    """Give the request the type and the handler that T and H remembered. (hook_mimetype)"""
    kind, handler = x.notes.get(FORCED_TYPE), x.notes.get(FORCED_HANDLER)
    if kind:
        if tracing(x):
            trace(x, 1, f"force filename {x.filename} to have MIME-type '{kind}'")
        x.content_type = path_octets(kind)
    if handler:
        if tracing(x):
            trace(x, 1, f"force filename {x.filename} to have the Content-handler '{handler}'")
        x.handler = handler


def applies(settings: Any) -> bool:
    """Whether a section rewrites."""
    return _has_rules(settings) and _has_links(settings)


def is_forbidden(settings: Any) -> bool:
    """Whether a section would rewrite and must not."""
    return _has_rules(settings) and not _has_links(settings)


def _has_rules(settings: Any) -> bool:
    section = settings[RewriteDir]
    return bool(section.enabled and section.directory is not None)


def _has_links(settings: Any) -> bool:
    core = settings[CoreDir]
    return bool(effective(core.options, core.options_add, core.options_remove, _DEFAULT_OPTIONS) & _LINKS)
