"""Random expressions, most often well-typed, each in a directory of its own: its .htaccess file shows the value.

A condition is shown by an environment variable, an error document or a refusal, a text by the error document's body.
Shapes of nodes follow the grammar of the manual's page; ``simpler`` puts a part in the place of the whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from hypothesis import strategies as st

from tests.differential.generated.sample import Kind, Written

HEAD = """# with: headers
LogFormat "%{remote}p %{E1}e %{E2}e" env
CustomLog "${LOGS}/env.log" env
SetEnv PLACE server
<Directory "${ROOT}">
  AllowOverride All
  Options FollowSymLinks
</Directory>
"""
VARIABLES = (
    "HTTP_HOST", "HTTP_USER_AGENT", "HTTP_COOKIE", "HTTP_ACCEPT", "HTTP_REFERER", "REQUEST_METHOD", "REQUEST_SCHEME",
    "REQUEST_URI", "DOCUMENT_URI", "REQUEST_FILENAME", "SCRIPT_FILENAME", "LAST_MODIFIED", "SCRIPT_USER",
    "SCRIPT_GROUP",
    "PATH_INFO", "QUERY_STRING", "IS_SUBREQ", "THE_REQUEST", "REMOTE_ADDR", "REMOTE_HOST", "REMOTE_USER",
    "REMOTE_IDENT",
    "SERVER_NAME", "SERVER_PORT", "SERVER_ADMIN", "SERVER_PROTOCOL", "SERVER_PROTOCOL_VERSION",
    "SERVER_PROTOCOL_VERSION_MAJOR", "SERVER_PROTOCOL_VERSION_MINOR", "DOCUMENT_ROOT", "AUTH_TYPE", "CONTENT_TYPE",
    "HANDLER",
    "HTTPS", "IPV6", "REQUEST_STATUS", "CONTEXT_PREFIX", "REQUEST_LOG_ID_", "HTTP2", "CONN_REMOTE_ADDR", "API_VERSION",
    "http_host", "Request_Method", "HTTP_PROXY_CONNECTION", "HTTP_X_A", "CONTEXT_DOCUMENT_ROOT", "REMOTE_PORT_", "TLS",
)  # fmt: skip
NAMES = ("X-A", "x-b", "Host", "Cookie", "PLACE", "QUERY_STRING", "a b", "none", "Content-Type", "REQUEST_METHOD")
LETTERS = (
    "", "a", "b", "ab", "A", "text", "one", "0", "1", "7", "-3", "10", "1e3", "a b", "/", "/a.txt", "*.txt", "GET",
    "é", "%",
    "a&b=c", "127.0.0.1", "127.0.0.0/8", "YWJj", "a%20b", ".txt", "x/y", "one, two", "$", "\\n", "?", "[a]", "%{",
    "www.example.test",
)  # fmt: skip
FUNCTIONS = (
    "req", "http", "req_novary", "resp", "reqenv", "osenv", "note", "env", "tolower", "toupper", "escape", "unescape",
    "base64",
    "unbase64", "md5", "sha1", "ldap", "ToLower", "unescape", "escape",
)  # fmt: skip
UNARY = ("-n", "-z", "-T", "-R", "-n", "-z", "-T", "-d", "-f")
ASKING = ("-U", "-F", "-A")
#: What is asked lies elsewhere, else each sub-request would ask for further ones; and nothing is logged of it, for we
#: ask once what stands twice in an expression.
ASKED = (
    "/", "/asked", "/asked/", "/asked/a.txt", "/asked/x%20y.txt", "/none", "/asked/sub", "/%61sked", "/asked/a.txt?a=b",
    "/asked/away", "/asked/gone",
)  # fmt: skip
BESIDE = {
    "asked/a.txt": "a\n", "asked/x y.txt": "x y\n", "asked/sub/index.html": "sub\n",
    "asked/.htaccess": "Redirect /asked/away http://other.test/\nRedirect gone /asked/gone\n",
}  # fmt: skip
COMPARISONS = (
    "==", "!=", "<", "<=", ">", ">=", "=", "-eq", "-ne",
    "-lt", "-le", "-gt", "-ge", "eq", "ne", "lt", "le", "gt", "ge",
)  # fmt: skip
MATCHES = ("-strmatch", "-strcmatch", "-fnmatch", "-ipmatch")
ILL_TYPED = (
    "'a'", "1", "", "%{{HTTP_HOST}}", "('a')", "true AND true", "'a' == /a/", "'a' =~ 'b'", "'a' in {{ }}", "-q 'a'",
    "-e '/a'",
    "filesize('/etc/passwd') -gt 1", "file('/etc/passwd') == ''", "nonsense('a') == 'b'", "bare == 'b'", "'a' =~ /(/",
    "'a", "(true",
    "true)", "'a' == ", "tolower 'a' == 'b'", "join({{'a', 'b'}}, ',') == 'a'", "'a' in split(/,/, 'a')",
    "%{{NONSENSE}} == ''",
    "%{{:'a':}} == 'a'", "'a' -ipmatch 'b'", "'a' -eq 'b'", "!", "not", "'a' =~ /a/x", "true false",
)  # fmt: skip
REGEXES = (
    "/a/", "/^(.*)$/", "/(o)(n)(e)/i", "m#^/s#", "m#([^/]+)$#", "/^$/", "/A/i", "/./", "m|a.txt|", r"/\d+/", "/x y/",
    "/(?<n>a)/",
    "m,/,", "m!a!",
)  # fmt: skip
HEADERS = (
    "", "X-A: one", "X-A: one\n    X-B: a b",
    "Cookie: a=b", "User-Agent: Other/1.0", "Accept: text/html", "X-A: é%20",
)  # fmt: skip
PATHS = ("none", "none?q=1", "none?a%20b&c", "a.txt", "a.txt/info", "sub/none", "x%20y.txt")
SHOWN = ("if", "if", "setenvif", "require", "header")
FILES = {"a.txt": "a\n", "x y.txt": "x y\n", "sub/index.html": "sub\n", "empty.txt": ""}


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression: its template has ``{}`` for each of its parts; ``leaf`` is the simplest of its type."""

    only_simpler: ClassVar[bool] = True

    template: str
    parts: tuple[Node, ...] = ()
    leaf: str = ""

    def simpler(self) -> Iterator[Node]:
        """Parts of the same type in its place, the type's simplest, and the same with a simpler part."""
        if self.template != self.leaf:
            yield Node(self.leaf, (), self.leaf)
        yield from (part for part in self.parts if part.leaf == self.leaf)
        for index, part in enumerate(self.parts):
            for less in part.simpler():
                yield Node(self.template, (*self.parts[:index], less, *self.parts[index + 1 :]), self.leaf)

    def __str__(self) -> str:
        return self.template.format(*self.parts) if self.parts else self.template.replace("{{", "{").replace("}}", "}")


Nodes = st.SearchStrategy[Node]


@dataclass(frozen=True, slots=True)
class Request:
    """One request: a path in the sample's directory, and header lines."""

    path: str
    headers: str


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression, and how its value is shown."""

    requests: tuple[Request, ...]
    shown: str
    node: Node


def _leaves(choices: tuple[str, ...], template: str, leaf: str) -> Nodes:
    return st.sampled_from([Node(template % choice if "%s" in template else choice, (), leaf) for choice in choices])


WORD, CONDITION, STRING = "'a'", "true", "x"


def _node(template: str, leaf: str, *parts: Nodes) -> Nodes:
    return st.builds(lambda *found: Node(template, found, leaf), *parts)


def _grown(template: str, leaf: str, choices: tuple[str, ...], *parts: Nodes) -> Nodes:
    """A node whose template holds one of the choices where it says ``@``."""
    return st.sampled_from(choices).flatmap(lambda choice: _node(template.replace("@", choice), leaf, *parts))


_braced = tuple(name.replace("{", "{{").replace("}", "}}") for name in LETTERS)
_plain_word = st.one_of(
    _leaves(_braced, "'%s'", WORD),
    _leaves(VARIABLES, "%%{{%s}}", WORD),
    _leaves(("0", "1", "-5", "12", "007"), "%s", WORD),
    _leaves(("$0", "$1", "'$1-$2'", "'%{{REQUEST_URI}}-x'"), "", WORD),
)
_named = _grown("@('{}')", WORD, FUNCTIONS, st.sampled_from([Node(name, (), "x") for name in NAMES]))
_in_braces = _grown("%{{@:{}}}", WORD, FUNCTIONS, st.sampled_from([Node(name, (), "x") for name in NAMES]))


def _more_words(words: Nodes) -> Nodes:
    return st.one_of(
        _grown("@({})", WORD, FUNCTIONS, words),
        _grown("@({})", WORD, ("tolower", "unescape", "escape", "base64", "unbase64", "http"), words),
        _node("{} . {}", WORD, words, words),
        _node("%{{tolower:{}}}", WORD, st.sampled_from([Node(text, (), "x") for text in ("ABC", "A%20b", "")])),
    )


_words = st.recursive(st.one_of(_plain_word, _named, _in_braces), _more_words, max_leaves=4)
_list = st.one_of(
    _node("{{{}}}", "{{'a'}}", _words),
    _node("{{{}, {}}}", "{{'a'}}", _words, _words),
)
_regex = st.sampled_from([Node(text.replace("{", "{{").replace("}", "}}"), (), "/a/") for text in REGEXES])
_capturing = st.sampled_from([Node(text, (), "/(a)(.*)/") for text in ("/(o)(n)e/i", "m#^(.)(.*)$#", "/(a)(.*)/")])
_simple = st.one_of(
    _grown("{} @ {}", CONDITION, COMPARISONS, _words, _words),
    _grown("@ {}", CONDITION, UNARY, _words),
    _grown("@ {}", CONDITION, ASKING, _leaves(ASKED, "'%s'", WORD)),
    _grown("{} @ {}", CONDITION, MATCHES, _words, _words),
    _grown("{} @ {}", CONDITION, ("=~", "!~", "==", "=~"), _words, _regex),
    _node("{} in {}", CONDITION, _words, _list),
    _node("{} -in {}", CONDITION, _words, _list),
    _leaves(("true", "false", "true", "false", "true", "false", "True", "1"), "", CONDITION),
)


def _more_conditions(conditions: Nodes) -> Nodes:
    return st.one_of(
        _grown("{} @ {}", CONDITION, ("&&", "||", "and", "or", "&&", "||"), conditions, conditions),
        _grown("@{}", CONDITION, ("!", "! ", "not "), conditions),
        _node("({})", CONDITION, conditions),
    )


_conditions = st.recursive(_simple, _more_conditions, max_leaves=4)
_pieces = st.one_of(
    _leaves(VARIABLES, "%%{{%s}}", STRING),
    _leaves((" text ", "$1", "%", "}}", "é", "$$", "%%", "$0 $9", "'quoted'", "a|b"), "", STRING),
    _in_braces,
)
_wrong_pieces = _leaves(("%{{", "%{{}}", "%{{NONSENSE}}", "%{{nonsense:x}}", "%{{:'a':}}"), "", STRING)
_strings = st.recursive(_pieces, lambda pieces: _node("{}{}", STRING, pieces, pieces), max_leaves=4)
_request = st.builds(Request, st.sampled_from(PATHS), st.sampled_from(HEADERS))
_requests = st.lists(_request, min_size=1, max_size=3, unique=True).map(tuple)
_sample = st.one_of(
    st.builds(Expression, _requests, st.sampled_from(SHOWN), _conditions),
    st.builds(Expression, _requests, st.sampled_from(SHOWN), _conditions),
    st.builds(Expression, _requests, st.just("text"), _strings),
    # Where a group has not been matched Apache takes the capture from memory that nobody has written.
    st.builds(Expression, _requests, st.just("captures"), _node("{} =~ {}", "'a' =~ /(a)(.*)/", _words, _capturing)),
    st.builds(Expression, _requests, st.sampled_from(SHOWN), _leaves(ILL_TYPED, "", CONDITION)),
    st.builds(Expression, _requests, st.just("text"), _node("{}{}", STRING, _strings, _wrong_pieces)),
)

SHOW = {
    "if": "ErrorDocument 404 no\n<If {}>\nErrorDocument 404 yes\n</If>\n",
    "setenvif": "SetEnvIfExpr {} E1=yes\n",
    "captures": "SetEnvIfExpr {} E1=$0 E2=$1-$2\n",
    "require": "Require expr {}\n",
    "header": "Header always set X-Shown yes expr={}\n",
    "text": "ErrorDocument 404 {}\n",
}


def write(sample: Expression, name: str) -> Written:
    """A directory with an .htaccess file."""
    text = str(sample.node)
    if sample.shown == "require":
        argument = text
    elif sample.shown == "header":
        argument = text
        return _written(SHOW["header"].format("\n").replace("expr=\n", f'"expr={_escaped(argument)}"'), sample, name)
    else:
        argument = f'"{_escaped(text)}"'
    return _written(SHOW[sample.shown].replace("{}", argument), sample, name)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _written(htaccess: str, sample: Expression, name: str) -> Written:
    files = {**BESIDE, **{f"{name}/{path}": text for path, text in FILES.items()}}
    files[f"{name}/.htaccess"] = htaccess
    requests = "".join(
        f"GET /{name}/{request.path}\n" + (f"    {request.headers}\n" if request.headers else "")
        for request in sample.requests
    )
    return Written("", files, requests)


KIND = Kind("expressions", "expressions", HEAD, _sample, write)
