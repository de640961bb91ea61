"""mod_mime: extensions, merging, media types (expectations from httpd)."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver.config.errors import ConfigError
from mpmserver.core.module import HANDLED
from mpmserver.core.settings import Level
from mpmserver.modules.mime import type_finder
from mpmserver.modules.mime.directives import parse_types
from mpmserver.modules.mime.media_type import parse_media_type
from tests.unit.modules.kit import SiteKit, refusal

OPEN = "<Directory />\nRequire all granted\nAllowOverride All\n</Directory>\n"
CONFIG = """
AddLanguage FR-be .fr
AddLanguage en en
AddLanguage de .DE
AddEncoding X-gzip GZ
AddEncoding compress .Z
AddType Text/Foo .x
AddCharset UTF-8 .cs
AddHandler My-Handler .han
AddType "text/q; charset=ISO-8859-9; foo=bar" .q
AddType t/1 .t1
AddType t/2 .t2
AddType r/m .rm
AddType r/n .rn
RemoveType tar
<Directory DOCS/sub>
RemoveType .rm .x
AddType no/way .x
AddType add/ed .y
RemoveType .y
</Directory>
<Directory DOCS/sub/deep>
AddType q/z .zz
RemoveType html
</Directory>
<Location /sub/deep/z.rm>
AddType again/z .rm
</Location>
"""

CASES = [
    ("a.html", "text/html", None, []),
    ("a.HTML", "text/html", None, []),
    ("a.fr.html", "text/html", None, ["fr-be"]),
    ("a.html.en.de", "text/html", None, ["en", "de"]),
    ("a.html.gz", "application/gzip", "x-gzip", []),
    ("a.tar.gz.Z", "application/gzip", "x-gzip, compress", []),
    ("a.tar", None, None, []),
    ("a.x", "text/foo", None, []),
    ("b.unknown", None, None, []),
    ("b.unknown.html", "text/html", None, []),
    ("html", None, None, []),
    (".html", None, None, []),
    ("..html", None, None, []),
    ("a..html", "text/html", None, []),
    ("a.html.", "text/html", None, []),
    ("a.cs.html", "text/html; charset=utf-8", None, []),
    ("a.html.cs", "text/html; charset=utf-8", None, []),
    ("a.cs", None, None, []),
    ("a.q", "text/q; charset=iso-8859-9; foo=bar", None, []),
    ("a.q.cs", "text/q; charset=utf-8; foo=bar", None, []),
    ("a.t1.t2", "t/2", None, []),
    ("a.rm", "r/m", None, []),
    ("sub/a.rm", None, None, []),
    ("sub/a.x", "no/way", None, []),
    ("sub/a.y", None, None, []),
    ("sub/deep/a.rm", None, None, []),
    ("sub/deep/z.rm", "again/z", None, []),
    ("sub/deep/a.rn", "r/n", None, []),
    ("sub/deep/a.html.fr", None, None, ["fr-be"]),
]

PARSED = [
    ("text/html", "text/html", ""),
    ("text/q;charset=a;b=\"c d\"", 'text/q; charset=a; b="c d"', ""),
    ("text/q ; b", "text/q", ""),
    ("text/q/r", "text/q/r", ""),
    ("bad/x;y = z", "bad/x; y=z", ""),
    ('bad/x;y="z', 'bad/x; y="z', ""),
    ("bad", "bad", "AH01599: Cannot get media type from 'bad'"),
    ("/x", "/x", "AH01599: Cannot get media type from '/x'"),
    ("te xt/q", "te xt/q", "AH01600: mod_mime: analyze_ct: cannot get media type from 'te xt/q'"),
    ("a/", "a/", "AH01601: Cannot get media subtype."),
    ("bad/x;", "bad/x;", "AH01602: Cannot get media parameter."),
    ("bad/x ;;", "bad/x ;;", "AH01605: Cannot get media parameter."),
    ("bad/x;y=z=q", "bad/x;y=z=q", "AH01608: Cannot get media parameter."),
]

REFUSALS = [
    ("AddType a", "AddType requires at least two arguments, a mime type followed by one or more file extensions"),
    ("RemoveType", "RemoveType requires at least one argument, one or more file extensions"),
    ("MultiviewsMatch foo", "Unrecognized option 'foo'"),
    ("MultiviewsMatch Any Handlers", "Handlers is incompatible with Any and NegotiatedOnly"),
    ("MultiviewsMatch Handlers Any", "Any is incompatible with NegotiatedOnly, Filters and Handlers"),
    ("MultiviewsMatch Filters NegotiatedOnly", "NegotiatedOnly is incompatible with Any, Filters and Handlers"),
    ("MultiviewsMatch Handlers Filters", ""),
]


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> SiteKit:
    root = tmp_path_factory.mktemp("mime")
    kit = SiteKit(root, OPEN + CONFIG.replace("DOCS", f"{root}/htdocs"))
    for name, *_rest in CASES:
        kit.file(name)
    return kit


@pytest.mark.parametrize(("name", "content_type", "encoding", "languages"), CASES)
def test_extensions(
    kit: SiteKit, name: str, content_type: str | None, encoding: str | None, languages: list[str]
) -> None:
    x = kit.get(f"/{name}").x
    assert (x.content_type, x.content_encoding, x.content_languages) == (content_type, encoding, languages)


def test_a_handler_by_extension_and_taken_back(kit: SiteKit) -> None:
    kit.file("a.han.txt")
    assert kit.get("/a.han.txt").x.handler == "my-handler"
    kit.file("back/a.han.txt")
    kit.file("back/.htaccess", "RemoveHandler .HAN\n")
    assert kit.get("/back/a.han.txt").x.handler != "my-handler"


def test_a_directory_has_a_type_of_its_own(kit: SiteKit) -> None:
    x = kit.exchange("/dir.html/")
    x.filename = str(kit.docs)
    x.finfo = kit.docs.stat()
    assert type_finder(x.settings)(x) is HANDLED
    assert x.content_type == "httpd/unix-directory"


def test_what_negotiation_is_told(kit: SiteKit) -> None:
    kit.file("..base.unKnown.html.fr")
    assert kit.get("/..base.unKnown.html.fr").x.notes["ap-mime-exceptions-list"] == ["..base", "unKnown"]


@pytest.mark.parametrize(
    ("directive", "counts"), [("", False), ("MultiviewsMatch Handlers", True), ("MultiviewsMatch Any", False)]
)
def test_multiviews_match_lets_handlers_count(tmp_path: Path, directive: str, counts: bool) -> None:
    kit = SiteKit(tmp_path, f"{OPEN}AddHandler x .han\n{directive}\n")
    kit.file("a.html.han")
    unknown = kit.get("/a.html.han").x.notes["ap-mime-exceptions-list"]
    assert ("han" not in unknown) is counts


def test_path_info_counts_where_asked_for(tmp_path: Path) -> None:
    kit = SiteKit(
        tmp_path,
        f"{OPEN}DefaultLanguage En-GB\nAddLanguage fr .fr\nAcceptPathInfo On\n"
        "<Location /p.html>\nModMimeUsePathInfo On\n</Location>\n",
    )
    kit.file("p.html")
    kit.file("q.html")
    assert kit.get("/p.html").x.content_languages == ["En-GB"]
    assert kit.get("/p.html/a.fr").x.content_languages == ["fr"]
    assert kit.get("/p.html/a.fr").x.content_type is None
    assert kit.get("/q.html/a.fr").x.content_languages == ["En-GB"]


def test_force_type_wins(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, f"{OPEN}<Files *.html>\nForceType Text/Plain\n</Files>\n")
    kit.file("a.html")
    assert kit.get("/a.html").headers["Content-Type"] == "text/plain"


def test_filters_by_extension(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, f"{OPEN}AddOutputFilter NoSuch;Other .f\nAddInputFilter In .f\n")
    kit.file("a.f")
    kit.get("/a.f")
    unknown = [message for _level, _module, message in kit.log if "AH00082" in message]
    assert unknown == [f"AH00082: an unknown filter was not added: {name}" for name in ("in", "nosuch", "other")]


@pytest.mark.parametrize(("text", "printed", "complaint"), PARSED)
def test_media_types(text: str, printed: str, complaint: str) -> None:
    parsed = parse_media_type(text)
    assert (parsed.text, parsed.complaint) == (printed, complaint)


def test_a_bad_type_is_complained_of_at_each_request(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, f"{OPEN}AddType bad .bad\nAddCharset c .c\n")
    kit.file("a.bad.c")
    assert kit.get("/a.bad.c").headers["Content-Type"] == "bad"
    assert (Level.WARN, "mime", "AH01599: Cannot get media type from 'bad'") in kit.log


def test_the_types_file() -> None:
    types = parse_types("# none here\n\ntext/a  A b # c\ntext/z\ntext/late b\n")
    assert types == {"a": "text/a", "b": "text/late", "#": "text/a", "c": "text/a"}


def test_a_missing_types_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        SiteKit(tmp_path, "TypesConfig nowhere/mime.types\n")
    assert error.value.message == (
        f"(2)No such file or directory: AH01597: could not open mime types config file {tmp_path}/nowhere/mime.types."
    )


@pytest.mark.parametrize(("line", "message"), REFUSALS)
def test_refusals(tmp_path: Path, line: str, message: str) -> None:
    assert refusal(tmp_path, f"{line}\n") == message


@pytest.mark.parametrize(
    ("outer", "inner", "handlers"),
    [
        ("RemoveHandler .foo", "", (None, None, None)),
        ("AddHandler other .bar", "RemoveHandler .foo", ("srv", "srv", "other")),
        ("AddHandler other .bar", "RemoveHandler .foo\nAddHandler more .baz", ("srv", "srv", "other")),
        ("DefaultLanguage en", "RemoveHandler .foo", ("srv", "srv", None)),
        ("AddHandler other .foo", "RemoveHandler .foo", ("other", "srv", None)),
        ("RemoveHandler .foo", "AddHandler other .bar", (None, "srv", "other")),
        ("RemoveHandler .foo", "DefaultLanguage en", (None, "srv", None)),
        ("AddCharset utf-8 .foo", "RemoveHandler .foo", ("srv", "srv", None)),
    ],
)
def test_a_handler_that_nested_sections_remove_is_there_again(
    tmp_path: Path, outer: str, inner: str, handlers: tuple[str | None, ...]
) -> None:
    """Sections of the same walk are merged before they meet the server's; what they remove is forgotten there."""
    sections = "".join(
        f"<Directory {tmp_path}/htdocs/{name}>\n{text}\n</Directory>\n" for name, text in (("a", outer), ("a/b", inner))
    )
    kit = SiteKit(tmp_path, f"{OPEN}AddHandler srv .foo\n{sections}")
    found = []
    for name in ("a/x.foo", "a/b/x.foo", "a/b/x.bar"):
        kit.file(name)
        found.append(kit.get(f"/{name}").x.handler)
    assert tuple(found) == handlers
