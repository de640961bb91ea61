"""Random rules of mod_rewrite: in a virtual host, in .htaccess files one above the other, in sections.

Each sample has a virtual host with a tree of its own. Loops end: ``N`` has a small number, a substitution takes over
at most one piece of what it replaces (so that nothing doubles from round to round), sub-requests are asked for by at
most one condition.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.differential.generated.sample import Kind, Written

HEAD = """# with: rewrite
LimitInternalRecursion 4
LogFormat "%{remote}p %{E1}e %{E2}e %{REDIRECT_E1}e %{REDIRECT_E2}e %f" env
CustomLog "${LOGS}/env.log" env
AddHandler own-handler .own
<Directory "${ROOT}">
  AllowOverride All
  Options FollowSymLinks
</Directory>
"""
TREE = {
    "a.txt": "a\n", "b.html": "b\n", "index.html": "index\n", "x y.txt": "x y\n", "empty.txt": "",
    "dir/index.html": "dir index\n", "dir/c.txt": "c\n", "dir/sub/d.txt": "d\n",
    "map.txt": "a first\nb.html second\ndir dir/c.txt\n# comment\nlow LOW\n",
}  # fmt: skip

PATTERN_PIECES = (
    "^", "^/", "/", "a", "b", "dir", "c", "x", r"\.txt", r"\.html", r"\.", "(.*)", "(.+)", "([a-z]+)", "(a|b)",
    "(dir/)?",
    ".*", ".", "[^/]+", "$", "index", "(?:sub)?", "A", "nothing", r"\s", "(?i)A",
)  # fmt: skip
TARGET_PIECES = (
    "/", "a.txt", "b.html", "dir/", "c.txt", "/dir/c.txt", "sub/d.txt", "x%20y.txt", "new", ".own", "%2f", "%3F", "&",
    "é",
    "%{DOCUMENT_ROOT}", "%{HTTP_HOST}", "%{REQUEST_METHOD}", "%{ENV:E1}", "%{HTTP:X-A}", r"\$1", r"\%{X}", "$9", "%9",
    "${low:ABC}", "${txt:a|none}", "${txt:dir}", "${esc:a b?}",
)  # fmt: skip
TAKEN_OVER = (
    "$1", "$0", "%1", "%{REQUEST_URI}", "%{REQUEST_FILENAME}", "${low:$1}", "${txt:$1|$0}", "${up:$0}", "${une:$1}",
)  # fmt: skip
STARTS = ("", "", "", "", "/", "/", "http://other.test/", "http://www.example.test:8080/", "https://other.test", "-")
QUERIES = ("", "", "", "?", "?q=1", "?q=$1&e=%1", "?a=b&c=%20d", "?x=y?z", "?%{QUERY_STRING}&more", "?p=${esc:$0}")
FLAGS = (
    "L", "L", "L", "END", "R", "R=301", "R=302", "R=307", "R=308", "R=404", "R=410", "R=400", "F", "G", "NC", "NE",
    "NS", "PT",
    "QSA", "QSD", "QSL", "B", "BNP", "B=&", "BCTLS", "BNE=/", "DPI", "C", "N=2", "S=1", "S=2", "E=E1:on", "E=E1:$1-%1",
    "E=!E1", "E=E2", "E=E2:%{E1}e", "CO=name:$1:other.test:0:/:secure", "CO=;n;v:w;.test", "T=text/x-own", "T=$1/x",
    "H=own-handler", "UnsafeAllow3F", "UnsafePrefixStat", "P", "nocase", "last", "redirect=seeother", "env=E1:1",
)  # fmt: skip
TEST_STRINGS = (
    "%{REQUEST_URI}", "%{REQUEST_FILENAME}", "%{QUERY_STRING}", "%{HTTP_HOST}", "%{REQUEST_METHOD}", "%{THE_REQUEST}",
    "%{HTTP:X-A}", "%{HTTP_USER_AGENT}", "%{HTTP_COOKIE}", "%{ENV:E1}", "%{SERVER_PORT}", "%{SERVER_NAME}",
    "%{IS_SUBREQ}",
    "%{REMOTE_ADDR}", "%{REQUEST_SCHEME}", "%{HTTPS}", "%{DOCUMENT_ROOT}/a.txt", "%{DOCUMENT_ROOT}$1", "$1", "$0", "%1",
    "%{SCRIPT_FILENAME}", "%{PATH_INFO}", "%{SERVER_PROTOCOL}", "%{CONN_REMOTE_ADDR}", "%{CONTEXT_PREFIX}", "text", "7",
    "%{HANDLER}", "%{LA-U:REQUEST_FILENAME}", "%{LA-F:REQUEST_URI}", "${low:%{HTTP_HOST}}", "${txt:a}",
    "%{HTTP_ACCEPT}",
    "%{UNKNOWN}", "%{SSL:HTTPS}", "%{REMOTE_USER}", "%{AUTH_TYPE}", "%{SERVER_ADMIN}", "%{API_VERSION}",
    "%{REMOTE_IDENT}",
)  # fmt: skip
SUBREQUESTS = ("%{LA-U:REQUEST_FILENAME}", "%{LA-F:REQUEST_URI}", "-U", "-F")
CONDITIONS = (
    "", "^$", "!^$", ".", "a", "!a", "^(.*)$", r"\.txt$", "(dir)/?(.*)", "GET", "!GET", "=GET", "=a", '=""', "<b",
    ">b", "<=text",
    ">=text", "-f", "!-f", "-d", "!-d", "-s", "-l", "-h", "-x", "-L", "-e", "-F", "-U", "-eq 7", "-ne 7", "-lt 10",
    "-ge 7",
    "-gt 6", "-le 6", "!=a", "!<b", "other", "127",
)  # fmt: skip
EXPRESSIONS = (
    "true", "false", "%{REQUEST_URI} =~ m#^/(a)#", "-f '%{REQUEST_FILENAME}'", "%{HTTP:X-A} == 'one'",
    "! -n %{QUERY_STRING}",
    "'%1' == 'a'", "%{REQUEST_METHOD} in { 'GET', 'PUT' }",
)  # fmt: skip
OPTIONS = (
    "Inherit", "InheritBefore", "InheritDown", "InheritDownBefore", "IgnoreInherit", "AllowNoSlash", "AllowAnyURI",
    "MergeBase", "IgnoreContextInfo", "LegacyPrefixDocRoot",
)  # fmt: skip
PATHS = (
    "/", "/a.txt", "/b.html", "/dir", "/dir/", "/dir/c.txt", "/dir/sub/d.txt", "/dir/sub", "/nothing", "/dir/nothing",
    "/x%20y.txt",
    "/a.txt/info", "/A.TXT", "/a%2fb", "/a%3fb", "/caf%c3%a9", "/dir//c.txt", "//a.txt", "/a.own", "/dir/./c.txt",
    "/a&b",
)  # fmt: skip
QUERY_STRINGS = ("", "", "", "?", "?q=1", "?q=1&r=a%20b", "?a=b?c", "?%2541")
HEADERS = ("", "", "", "X-A: one", "Cookie: a=b", "User-Agent: other", "Host: {name}.test:8080", "Accept: text/html")
METHODS = ("GET", "GET", "GET", "HEAD", "POST")


@dataclass(frozen=True, slots=True)
class Condition:
    """A RewriteCond; ``test`` and ``pattern`` are texts."""

    test: str
    pattern: str
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A RewriteRule with its conditions."""

    conditions: tuple[Condition, ...]
    negated: tuple[str, ...]
    pattern: tuple[str, ...]
    start: str
    target: tuple[str, ...]
    taken_over: tuple[str, ...]
    query: tuple[str, ...]
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """The rules of one place: ``where`` is host, section, or a directory with its .htaccess file."""

    where: str
    options: tuple[str, ...]
    base: tuple[str, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    method: str
    path: str
    query: str
    header: str


@dataclass(frozen=True, slots=True)
class Rewriting:
    """A virtual host."""

    requests: tuple[Request, ...]
    places: tuple[Place, ...]
    traced: tuple[str, ...]


def _texts(choices: tuple[str, ...], least: int, most: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(choices), min_size=least, max_size=most).map(tuple)


def _flags(choices: tuple[str, ...], most: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(choices), max_size=most, unique_by=lambda flag: flag.split("=")[0]).map(tuple)


_condition = st.one_of(
    st.builds(
        Condition, st.sampled_from(TEST_STRINGS), st.sampled_from(CONDITIONS), _flags(("NC", "OR", "NV", "OR"), 2)
    ),
    st.builds(Condition, st.sampled_from(TEST_STRINGS), st.sampled_from(CONDITIONS), st.just(())),
    st.builds(Condition, st.just("expr"), st.sampled_from(EXPRESSIONS), _flags(("OR", "NV"), 1)),
)
_rule = st.builds(
    Rule,
    conditions=st.lists(_condition, max_size=3).map(tuple),
    negated=st.sampled_from(((), (), (), (), ("!",))),
    pattern=_texts(PATTERN_PIECES, 1, 4),
    start=st.sampled_from(STARTS),
    target=_texts(TARGET_PIECES, 0, 3),
    taken_over=st.sampled_from(((), *((piece,) for piece in TAKEN_OVER))),
    query=st.sampled_from(tuple((query,) if query else () for query in QUERIES)),
    flags=_flags(FLAGS, 3),
)
_places = st.lists(
    st.builds(
        Place,
        where=st.sampled_from(("host", "host", ".", ".", "dir", "dir/sub", "section")),
        options=_flags(OPTIONS, 2),
        base=st.sampled_from(((), (), (), ("/",), ("/dir/",), ("/new",))),
        rules=st.lists(_rule, min_size=1, max_size=4).map(tuple),
    ),
    min_size=1, max_size=3, unique_by=lambda place: place.where,
).map(tuple)  # fmt: skip
_request = st.builds(
    Request, st.sampled_from(METHODS), st.sampled_from(PATHS), st.sampled_from(QUERY_STRINGS), st.sampled_from(HEADERS)
)


def _bounded(sample: Rewriting) -> bool:
    """At most one condition asks for a sub-request, no rule adds the query string to itself, and Apache lives on.

    (It crashes where a condition that is an expression is inherited downwards.)
    """
    rules = [rule for place in sample.places for rule in place.rules]
    asked = sum(c.test in SUBREQUESTS or c.pattern in SUBREQUESTS for rule in rules for c in rule.conditions)
    doubled = any("QSA" in rule.flags and "QUERY_STRING" in "".join(rule.query) for rule in rules)
    handed_down = any("InheritDown" in option for place in sample.places for option in place.options)
    crashing = handed_down and any(c.test == "expr" for rule in rules for c in rule.conditions)
    return asked <= 1 and not doubled and not crashing


_sample = st.builds(
    Rewriting,
    places=_places,
    traced=st.sampled_from(((), ("LogLevel rewrite:trace8",))),
    requests=st.lists(_request, min_size=2, max_size=5, unique=True).map(tuple),
).filter(_bounded)


def write(sample: Rewriting, name: str) -> Written:
    """A virtual host, the files of its tree, its requests."""
    files = {f"{name}/{path}": text for path, text in TREE.items()}
    inside: list[str] = [*sample.traced]
    maps = [f"RewriteMap {short} int:{full}" for short, full in MAPS.items()]
    inside += [*maps, f'RewriteMap txt "txt:${{ROOT}}/{name}/map.txt"']
    for place in sample.places:
        lines = _lines(place)
        if place.where == "host":
            inside += lines
        elif place.where == "section":
            inside += [f'<Directory "${{ROOT}}/{name}">', *lines, "</Directory>"]
        else:
            files[f"{name}/{place.where}/.htaccess".replace("/./", "/")] = "\n".join([*lines, ""])
    host = ["<VirtualHost 127.0.0.1:${PORT}>", f"ServerName {name}.test", f'DocumentRoot "${{ROOT}}/{name}"']
    config = "\n".join([*host, *inside, "</VirtualHost>", ""])
    return Written(config, files, "".join(_request_text(request, name) for request in sample.requests))


MAPS = {"low": "tolower", "up": "toupper", "esc": "escape", "une": "unescape"}


def _lines(place: Place) -> list[str]:
    lines = ["RewriteEngine On"]
    if place.options:
        lines.append(f"RewriteOptions {' '.join(place.options)}")
    if place.base and place.where != "host":
        lines.append(f"RewriteBase {place.base[0]}")
    for rule in place.rules:
        lines += [_condition_text(condition) for condition in rule.conditions]
        lines.append(_rule_text(rule))
    return lines


def _condition_text(condition: Condition) -> str:
    flags = f" [{','.join(condition.flags)}]" if condition.flags else ""
    return f'RewriteCond "{condition.test}" {_quoted(condition.pattern)}{flags}'


def _rule_text(rule: Rule) -> str:
    target = "-" if rule.start == "-" else "".join((rule.start, *rule.target, *rule.taken_over, *rule.query))
    flags = f" [{','.join(rule.flags)}]" if rule.flags else ""
    return f"RewriteRule {_quoted(''.join((*rule.negated, *rule.pattern)))} {_quoted(target)}{flags}"


def _quoted(text: str) -> str:
    """A text as an argument: mod_rewrite has a reader of its own, which knows no escapes."""
    return f'"{text}"' if " " in text or not text else text


def _request_text(request: Request, name: str) -> str:
    lines = [f"{request.method} {request.path}{request.query}"]
    if not request.header.startswith("Host:"):
        lines.append(f"    Host: {name}.test")
    if request.header:
        lines.append(f"    {request.header.format(name=name)}")
    return "\n".join([*lines, ""])


KIND = Kind("rewrite", "mod_rewrite", HEAD, _sample, write)
