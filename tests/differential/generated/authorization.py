"""Random authorization: trees of Require, merged over nested directories, beside Order, Allow, Deny and Satisfy.

Each sample has three directories, one in the other, each with an .htaccess file or none; requests come with and
without credentials, for several methods.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.differential.generated.sample import Kind, Written

#: bob's password is bob, eve's is eve.
USERS = "bob:{SHA}SBgazSKz7a68ikR4aKfffOYpkgo=\neve:{SHA}M2ZwAPIjzotojdTeKZYsgbua+2M=\n"
GROUPS = "good: bob\nbad: eve mallory\n"
HEAD = """# with: access_compat authz_groupfile
<Directory "${ROOT}">
  AllowOverride All
  Options FollowSymLinks
  AuthUserFile "${ROOT}/users"
  AuthGroupFile "${ROOT}/groups"
</Directory>
"""
LEVELS = ("", "in/", "in/deep/")
REQUIREMENTS = (
    "all granted", "all denied", "valid-user", "user bob", "user eve bob", "user mallory", "group good",
    "group bad good",
    "ip 127.0.0.1", "ip 10.0.0.0/8", "ip 127", "host localhost", "method GET", "method POST HEAD", "env LET_IN",
    "local",
    "expr %{REQUEST_METHOD} == 'GET'", "expr %{QUERY_STRING} =~ /in/", "env LET_IN ADMIN", "not all denied",
    "expr false",
)  # fmt: skip
CONTAINERS = ("RequireAll", "RequireAny", "RequireNone", "RequireAll", "RequireAny")
MERGING = ((), (), ("Off",), ("And",), ("Or",))
COMPAT = (
    "Order allow,deny", "Order deny,allow", "Order mutual-failure", "Allow from all", "Deny from all",
    "Allow from 127.0.0.1",
    "Deny from 127.0.0.0/8", "Deny from 10.1", "Allow from env=LET_IN", "Deny from env=!LET_IN", "Satisfy any",
    "Satisfy all",
    "Allow from localhost", "Deny from .example.test",
)  # fmt: skip
LIMITS = ("", "", "", "Limit GET", "Limit POST", "LimitExcept GET", "LimitExcept POST PUT")
AUTHENTICATION = (
    "", "AuthType Basic\nAuthName inside\n", "AuthType Basic\nAuthName inside\n", "AuthType Basic\n", "AuthType None\n",
    "AuthType Basic\nAuthName inside\nAuthBasicAuthoritative Off\n", "AuthzSendForbiddenOnFailure On\n",
    "AuthType Basic\nAuthName inside\nAuthUserFile conf/none\n",
)  # fmt: skip
CREDENTIALS = ("", "", "bob:bob", "eve:eve", "bob:wrong", "nobody:x")
METHODS = ("GET", "GET", "HEAD", "POST", "OPTIONS")
QUERIES = ("", "", "?in", "?out")


@dataclass(frozen=True, slots=True)
class Require:
    """A requirement; ``negated`` has a word or none."""

    negated: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return " ".join(("Require", *self.negated, self.text)) + "\n"


@dataclass(frozen=True, slots=True)
class Container:
    """RequireAll and its like."""

    name: str
    parts: tuple[Require | Container, ...]

    def simpler(self) -> Iterator[Require | Container]:
        """One of its parts in its place."""
        yield from self.parts

    def __str__(self) -> str:
        return f"<{self.name}>\n{''.join(map(str, self.parts))}</{self.name}>\n"


@dataclass(frozen=True, slots=True)
class Limited:
    """Requirements, and directives of mod_access_compat, in a section for methods, or in none."""

    limit: str
    parts: tuple[Require | Container, ...]
    compat: tuple[str, ...]

    def __str__(self) -> str:
        inside = "".join([*map(str, self.parts), *(f"{line}\n" for line in self.compat)])
        return f"<{self.limit}>\n{inside}</{self.limit.split()[0]}>\n" if self.limit else inside


@dataclass(frozen=True, slots=True)
class Level:
    """A directory's .htaccess file."""

    authentication: str
    merging: tuple[str, ...]
    sections: tuple[Limited, ...]

    def __str__(self) -> str:
        merging = "".join(f"AuthMerging {word}\n" for word in self.merging)
        return "SetEnvIf Query_String in LET_IN\n" + self.authentication + merging + "".join(map(str, self.sections))


@dataclass(frozen=True, slots=True)
class Request:
    """One request, to the directory with this number."""

    method: str
    level: int
    query: str
    credentials: str


@dataclass(frozen=True, slots=True)
class Guarded:
    """Three directories, each with a file or none."""

    requests: tuple[Request, ...]
    levels: tuple[tuple[Level, ...], tuple[Level, ...], tuple[Level, ...]]

    def simpler(self) -> Iterator[Guarded]:
        """The same with one file less, or one that is smaller: the three stay three."""
        for index, level in enumerate(self.levels):
            if level:
                rest = self.levels[index + 1 :]
                yield Guarded(self.requests, (*self.levels[:index], (), *rest))  # type: ignore[arg-type]


_require = st.builds(Require, st.sampled_from(((), (), (), ("not",))), st.sampled_from(REQUIREMENTS))
_tree = st.recursive(
    _require,
    lambda parts: st.builds(Container, st.sampled_from(CONTAINERS), st.lists(parts, min_size=1, max_size=3).map(tuple)),
    max_leaves=5,
)
_compat = st.one_of(st.just(()), st.lists(st.sampled_from(COMPAT), max_size=4, unique=True).map(tuple))
_limited = st.builds(Limited, st.sampled_from(LIMITS), st.lists(_tree, max_size=3).map(tuple), _compat)
_level = st.builds(
    Level,
    st.sampled_from(AUTHENTICATION),
    st.sampled_from(MERGING),
    st.lists(_limited, min_size=1, max_size=2).map(tuple),
)
_perhaps = st.one_of(st.just(()), _level.map(lambda level: (level,)), _level.map(lambda level: (level,)))
_sample = st.builds(
    Guarded,
    st.lists(
        st.builds(
            Request,
            st.sampled_from(METHODS), st.integers(0, 2), st.sampled_from(QUERIES), st.sampled_from(CREDENTIALS),
        ),
        min_size=2, max_size=6, unique=True,
    ).map(tuple),
    st.tuples(_perhaps, _perhaps, _perhaps),
)  # fmt: skip


def write(sample: Guarded, name: str) -> Written:
    """The directories of a sample, the accounts beside them, its requests."""
    files = {"users": USERS, "groups": GROUPS, **{f"{name}/{place}a.txt": f"{place}\n" for place in LEVELS}}
    for place, level in zip(LEVELS, sample.levels, strict=False):
        for each in level:
            files[f"{name}/{place}.htaccess"] = str(each)
    return Written("", files, "".join(_request_text(request, name) for request in sample.requests))


def _request_text(request: Request, name: str) -> str:
    line = f"{request.method} /{name}/{LEVELS[request.level]}a.txt{request.query}\n"
    if not request.credentials:
        return line
    return f"{line}    Authorization: Basic {base64.b64encode(request.credentials.encode()).decode()}\n"


KIND = Kind("authorization", "mod_authz_core", HEAD, _sample, write)
