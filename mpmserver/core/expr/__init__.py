"""Apache's expressions (ap_expr): conditions of <If>, `Require expr` and their like, and texts with variables in them.

`compile_condition` and `compile_string` are called when the configuration is read and refuse what Apache's parser
refuses, in its words, which the directive puts behind its own ("Can't parse expression : ..."). What they return
is asked by requests, on whatever thread those run.
"""

from __future__ import annotations

from mpmserver.config.build import Build
from mpmserver.core.expr.analysis import ConfiguredVocabulary, traits_of
from mpmserver.core.expr.compiler import compile_node, compile_word, constant_text
from mpmserver.core.expr.expression import Condition, Place, StringExpression
from mpmserver.core.expr.parser import parse_condition, parse_string
from mpmserver.core.expr.run import Captures

__all__ = ["Captures", "Condition", "StringExpression", "compile_condition", "compile_string"]


def compile_condition(build: Build, text: str, *, vary: bool = True, module: str | None = None) -> Condition:
    """Compile a condition; without `vary` the request's fields that it looks at are not told in Vary.

    `module` logs what becomes of it: that of the directive, unless said otherwise. Raises ConfigError with the parser's
    reason alone.
    """
    tree = parse_condition(text, ConfiguredVocabulary(build.in_htaccess, build.configuration.regexes))
    return Condition(text, _place(build, module), compile_node(tree), traits_of(tree), vary)


def compile_string(build: Build, text: str, *, module: str | None = None) -> StringExpression:
    """Compile a text; raises ConfigError with the parser's reason alone."""
    tree = parse_string(text, ConfiguredVocabulary(build.in_htaccess, build.configuration.regexes))
    return StringExpression(text, _place(build, module), compile_word(tree), traits_of(tree), constant_text(tree))


def _place(build: Build, module: str | None) -> Place:
    if module is None:
        found = build.configuration.registry.find(build.name)
        module = "core" if found is None else found[0]
    return Place(build.origin, module)
