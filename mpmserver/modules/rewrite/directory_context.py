"""Rules of <Directory>, .htaccess and other sections: FIXUP, when the file name is known.

Patterns see the file name below the place the rules belong to. What a rule makes of it is turned back into a URL-path,
by RewriteBase, the DocumentRoot or an Alias, and the request starts again there: `redirect-handler` does that once all
fixups have run, so that what they set lives on under REDIRECT_ names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpmserver.core.module import HANDLED, Handled, InternalRedirect
from mpmserver.core.names import context_document_root, context_prefix, document_root
from mpmserver.core.settings import CoreDir, Level, Options, effective
from mpmserver.http.errors import HTTPError
from mpmserver.http.text import path_octets
from mpmserver.modules.rewrite.answers import end_if_settled, redirect
from mpmserver.modules.rewrite.application import FORCED_HANDLER, FORCED_TYPE
from mpmserver.modules.rewrite.engine import NOTHING, Outcome, apply_rules, drive, has_ended
from mpmserver.modules.rewrite.settings import RewriteDir, RewriteOption
from mpmserver.modules.rewrite.state import Run
from mpmserver.modules.rewrite.trace import trace, tracing
from mpmserver.modules.rewrite.uris import PASS_THROUGH, Absolute, replaced_prefix

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

REDIRECT_HANDLER = "redirect-handler"
REDIRECT = "redirect:"
_NUMBERS = ("AH10411", "AH10160")
_DEFAULT_OPTIONS = int(Options.SYM_LINKS)
_LINKS = int(Options.SYM_LINKS | Options.SYM_OWNER)


def fixup(x: Exchange) -> Handled | None:
    """The hook for rules that wait for nothing."""
    settings = x.settings[RewriteDir]
    run = _begin(x, settings)
    return None if run is None else _finish(run, settings, drive(apply_rules(run, settings.rule_set)))


async def fixup_async(x: Exchange) -> Handled | None:
    """Rewrite by the rules of the request's sections. Raises HTTPError where they refuse or redirect."""
    settings = x.settings[RewriteDir]
    run = _begin(x, settings)
    return None if run is None else _finish(run, settings, await apply_rules(run, settings.rule_set))


def _begin(x: Exchange, settings: RewriteDir) -> Run | None:
    """The state of a run through the section's rules, None where this request is not rewritten."""
    directory, filename = settings.directory, x.filename
    run = Run(x, directory)
    if f"{filename}/" == directory and not settings.options & RewriteOption.ALLOW_NO_SLASH:
        return None  # mod_dir will send the client to the address with a slash
    if has_ended(x):
        if run.tracing:
            run.trace(8, "Declining, no further rewriting due to END flag")
        return None
    if filename is None:
        x.filename = x.uri
        if run.tracing:
            run.trace(2, f"init rewrite engine with requested uri {x.filename}")
    return run


def _finish(run: Run, settings: RewriteDir, outcome: Outcome) -> Handled | None:
    x = run.x
    if outcome is NOTHING:
        if run.tracing:
            run.trace(1, f"pass through {x.filename}")
        x.filename = run.given_filename
        return None
    target = end_if_settled(run, outcome, _NUMBERS)
    if target is not None:
        _replace_base(run, settings, target)
        redirect(run, outcome, target, run.given_query)
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


def _replace_base(run: Run, settings: RewriteDir, target: Absolute) -> None:
    """In a URL to redirect to, put RewriteBase in the place of the directory's own path."""
    x = run.x
    if settings.base is None:
        return
    uri = x.filename or ""
    slash = uri.find("/", target.length)
    if slash < 0 or slash + 1 == len(uri):
        return
    directory = settings.directory or ""
    if run.tracing:
        run.trace(2, f"trying to replace prefix {directory} with {settings.base}")
    replaced = replaced_prefix(run, uri[slash + 1 :], directory.removeprefix("/"), settings.base.removeprefix("/"))
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
