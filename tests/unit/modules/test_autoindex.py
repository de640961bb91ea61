"""mod_autoindex: the same bytes as httpd's for one directory in many forms, and the rules behind them.

`tests/data/autoindex` holds what httpd 2.4.71 answered for the directory that `tree` makes.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mpmserver.core.body import Content
from mpmserver.core.pipeline import answer
from mpmserver.core.settings import Level
from mpmserver.core.steps import waited
from mpmserver.modules.autoindex.entry import TURN
from mpmserver.modules.autoindex.matching import wildcards
from mpmserver.modules.autoindex.options import Option
from mpmserver.modules.autoindex.order import Wishes, compare_versions, hear
from mpmserver.modules.autoindex.page import cut_description, size_text
from mpmserver.modules.autoindex.settings import AutoindexDir
from mpmserver.net.waits import Sleep, Wait
from tests.unit.modules.kit import SiteKit, refusal

PAGES = Path(__file__).parents[2] / "data" / "autoindex"
OPEN = "<Directory />\nRequire all granted\nAllowOverride All\nOptions +Indexes\n</Directory>\n"
HIDE = "<Files forbidden.txt>\nRequire all denied\n</Files>\n"
ICONS = """
AddIcon /icons/blank.gif ^^BLANKICON^^
AddIcon /icons/folder.gif ^^DIRECTORY^^
AddIcon /icons/back.gif ..
AddIcon (TXT,/icons/text.gif) .txt
AddIconByType (IMG,/icons/image2.gif) image/*
AddIconByEncoding (CMP,/icons/comp.gif) x-gzip
AddAlt "alt b" .bin
AddAltByType "hyper" text/html
DefaultIcon /icons/unknown.gif
AddDescription "desc of a <b>b</b>" a.html
AddDescription "a very long description which goes on and on and on and on" *.bin
AddDescription "folder desc" Zed
AddEncoding x-gzip .gz
"""
FANCY = f"{ICONS}IndexOptions FancyIndexing"
TABLE = f"{FANCY} HTMLTable"
SUPPRESSED = (
    "SuppressIcon SuppressLastModified SuppressSize SuppressDescription SuppressRules SuppressColumnSorting"
)

FORMS = {
    "plain": "",
    "fancyicons": FANCY,
    "table": "IndexOptions FancyIndexing HTMLTable",
    "tablestyle": f'{TABLE}\nIndexStyleSheet "/s.css?a&b"\nIndexHeadInsert "<meta x>"',
    "tablestylealt": f'{TABLE} AddAltClass\nIndexStyleSheet "/s.css"',
    "xhtml": f'{FANCY} XHTML IconWidth IconHeight=33\nIndexStyleSheet "/s.css"',
    "xhtmltable": f'{TABLE} XHTML IconWidth=7 IconHeight\nIndexStyleSheet "/s.css"',
    "suppress": f"{FANCY} {SUPPRESSED}",
    "tsuppress": f"{TABLE} {SUPPRESSED}",
    "linksx": f"{FANCY} IconsAreLinks XHTML",
    "tlinks": f"{TABLE} IconsAreLinks FoldersFirst VersionSort",
    "widths": f"{FANCY} NameWidth=* DescriptionWidth=*",
    "widths3": f"{FANCY} NameWidth=7 DescriptionWidth=13",
    "wsup": f"{FANCY} SuppressIcon SuppressSize SuppressLastModified",
    "order": "IndexOrderDefault Descending Size\nIndexOptions FancyIndexing IgnoreClient",
    "titles": "IndexOptions FancyIndexing ScanHTMLTitles TrackModified",
    "header": "HeaderName HEADER.html\nReadmeName README.txt",
    "header2": "HeaderName README.txt\nReadmeName README.html",
    "header3": "HeaderName HEADER.html\nReadmeName README.html\nIndexOptions SuppressHTMLPreamble",
    "ignore": "IndexIgnore *.txt .??* *~ Zed\nIndexOptions FancyIndexing",
    "showf": "IndexOptions ShowForbidden FancyIndexing UseOldDateFormat Charset=UTF-8 Type=text/x-foo",
    "plainff": "IndexOptions FoldersFirst VersionSort",
}

QUERIES = {
    "by-size": "?C=S;O=D",
    "as-table": "?F=2;C=S;O=A;V=0",
    "by-description": "?C=D;O=A",
    "pattern": "?P=*b*;F=2",
}

CONTENTS = {
    "b.txt": "x" * 1500, "noext": "", "averyveryverylongfilename-indeed.txt": "x" * (1024 * 1024 + 5),
    "GAMMA.gif": "x", "foo-1.10": "1", "foo-1.9": "1", "foo-1.02": "1", "foo-1.002": "1",
    "we&ird<>\"'%20?.txt": "x" * 999, "ünï.txt": "y" * 1000, ".hidden": "h", "x:y.txt": "z",
    "HEADER.html": "<p>HEADER</p>\n", "README.txt": 'read <me> & "x"\n', "README.html": "<p>rd</p>",
    "big.bin": "x" * 9999, "big2.bin": "x" * 10239, "k1.bin": "x" * 1023, "k2.bin": "x" * 1024,
    "k3.bin": "x" * 1025, "forbidden.txt": "x", "bak~": "x",
}  # fmt: skip


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that httpd listed, below a DocumentRoot of its own."""
    docs = tmp_path_factory.mktemp("listing")
    tree = docs / "d"
    (tree / "sub dir").mkdir(parents=True)
    (tree / "Zed").mkdir()
    for name, content in CONTENTS.items():
        _write(tree / name, content, 1600000000)
    _write(tree / "a.html", "<html><TITLE>Hello\nWorld</TITLE>", 1700000000)
    _write(tree / "c.tar.gz", "x" * 10240, 1234567890)
    (tree / "link.html").symlink_to("a.html")
    (tree / "broken").symlink_to("nowhere")
    os.mkfifo(tree / "fifo")
    for path in (tree / "sub dir", tree / "Zed", tree):
        os.utime(path, (1500000000, 1500000000))
    return docs


def _write(path: Path, content: str, mtime: int) -> None:
    path.write_text(content)
    os.utime(path, (mtime, mtime))


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Dates are shown in local time."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def listing(tmp_path: Path, docs: Path, directives: str) -> SiteKit:
    return SiteKit(tmp_path, f"{OPEN}{HIDE}DocumentRoot {docs}\n{directives}\n")


def test_a_listing_lets_others_go_first_now_and_then(tmp_path: Path, docs: Path) -> None:
    coroutine = waited(answer(listing(tmp_path, docs, "").exchange("/d/")))
    waits: list[Wait] = []
    with contextlib.suppress(StopIteration):
        while True:
            waits.append(coroutine.send(None))
    assert {type(wait) for wait in waits} == {Sleep}
    assert len(waits) == len(os.listdir(docs / "d")) // TURN


@pytest.mark.parametrize("form", FORMS)
def test_the_bytes_are_httpds(tmp_path: Path, docs: Path, form: str) -> None:
    answer = listing(tmp_path, docs, FORMS[form]).get("/d/")
    assert answer.body == (PAGES / f"{form}.html").read_bytes()


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_changes_the_form(tmp_path: Path, docs: Path, name: str) -> None:
    answer = listing(tmp_path, docs, FANCY).get(f"/d/{QUERIES[name]}")
    assert answer.body == (PAGES / f"{name}.html").read_bytes()


@pytest.mark.parametrize(
    ("directives", "known"),
    [("", True), (f"{TABLE}\nIndexStyleSheet /s.css", False), ("HeaderName HEADER.html", False),
     ("ReadmeName README.txt", True)],
)  # fmt: skip
def test_the_length_is_known_where_httpd_knows_it(tmp_path: Path, docs: Path, directives: str, known: bool) -> None:
    response = listing(tmp_path, docs, directives).get("/d/").x.response
    assert response is not None
    assert isinstance(response.body, Content) is known


def test_content_type(tmp_path: Path, docs: Path) -> None:
    kit = listing(tmp_path, docs, FORMS["showf"])
    assert kit.get("/d/").headers["Content-Type"] == "text/x-foo;charset=UTF-8"
    kit = listing(tmp_path, docs, "IndexOptions Charset=")
    assert kit.get("/d/").headers["Content-Type"] == "text/html"


def test_validators_are_the_directorys(tmp_path: Path, docs: Path) -> None:
    answer = listing(tmp_path, docs, FORMS["titles"]).get("/d/")
    assert answer.headers["Last-Modified"] == "Fri, 14 Jul 2017 02:40:00 GMT"
    assert "ETag" in answer.headers


def test_the_root_has_no_parent(tmp_path: Path, docs: Path) -> None:
    assert "Parent Directory" not in listing(tmp_path, docs, "").get("/").text


def test_forbidden_by_options(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, "<Directory />\nRequire all granted\n</Directory>\nDirectoryIndex a b\n")
    assert kit.get("/").status == 403
    message = (
        f"AH01276: Cannot serve directory {kit.docs}/: No matching DirectoryIndex (a,b) found, and "
        "server-generated directory index forbidden by Options directive"
    )
    assert [entry for entry in kit.log if entry[1] == "autoindex"] == [(Level.ERROR, "autoindex", message)]


def test_what_a_request_would_be_refused_is_hidden(tmp_path: Path) -> None:
    kit = SiteKit(
        tmp_path,
        f"{OPEN}IndexOptions FancyIndexing\n<Location /moved>\nRedirect http://h/\n</Location>\n"
        "<Location /gone>\nRedirect gone\n</Location>\n<Location /locked>\nRequire all denied\n</Location>\n",
    )
    for name in ("moved", "gone", "locked/x", "open/x"):
        kit.file(name)
    kit.file("broken/.htaccess", "NoSuchDirective\n")
    text = kit.get("/").text
    shown = [name for name in ("moved", "gone", "locked", "open", "broken") if f'"{name}' in text]
    assert shown == ["moved", "open"]


def test_a_directorys_index_gives_its_date(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, f"{OPEN}IndexOptions FancyIndexing\n")
    kit.file("with/index.html", "i", 1650000000)
    os.utime(kit.docs / "with", (1500000000, 1500000000))
    assert '<a href="with/">with/</a>                   2022-04-15 05:20    -   ' in kit.get("/").text


MERGES = [
    ("FancyIndexing", "+SuppressSize", Option.FANCY_INDEXING | Option.SUPPRESS_SIZE),
    ("FancyIndexing", "HTMLTable", Option.HTML_TABLE),
    ("FancyIndexing +SuppressSize", "+XHTML", Option.FANCY_INDEXING | Option.SUPPRESS_SIZE | Option.XHTML),
    ("FancyIndexing XHTML", "-XHTML", Option.FANCY_INDEXING),
    ("FancyIndexing", "XHTML +SuppressSize", Option.XHTML),
    ("FancyIndexing", "None", Option.NONE),
    ("+FancyIndexing", None, 0),
    (None, "+FancyIndexing", Option.FANCY_INDEXING),
    ("FancyIndexing -XHTML", "+XHTML", Option.FANCY_INDEXING),
]


@pytest.mark.parametrize(("outer", "inner", "options"), MERGES)
def test_index_options_merge(tmp_path: Path, outer: str | None, inner: str | None, options: int) -> None:
    kit = SiteKit(
        tmp_path,
        OPEN
        + ("" if outer is None else f"IndexOptions {outer}\n")
        + f"<Directory {tmp_path}/htdocs/a>\nHeaderName x\n"
        + ("" if inner is None else f"IndexOptions {inner}\n")
        + "</Directory>\n",
    )
    kit.file("a/x")
    x = kit.get("/" if inner is None else "/a/").x
    assert x.settings[AutoindexDir].options == options


def test_lists_of_inner_sections_come_first_and_a_reset_forgets(tmp_path: Path) -> None:
    kit = SiteKit(
        tmp_path,
        f"{OPEN}IndexOptions FancyIndexing\nAddDescription outer *.txt\nIndexIgnore *.old a.*\n"
        f"<Directory {tmp_path}/htdocs/a>\nAddDescription inner b.txt\nIndexIgnoreReset On\nIndexIgnore *.new\n"
        "</Directory>\n",
    )
    for name in ("a/b.txt", "a/c.txt", "a/x.old", "a/x.new"):
        kit.file(name)
    text = kit.get("/a/").text
    assert "inner" in text
    assert "outer" in text
    assert "x.old" in text
    assert "x.new" not in text


def test_a_template_of_ones_own(tmp_path: Path) -> None:
    template = tmp_path / "mine.html"
    template.write_text("{% for line in page.lines %}[{{ line.href }}|{{ line.full_name }}]{% endfor %}\n")
    kit = SiteKit(tmp_path, f"{OPEN}IndexTemplate mine.html\n")
    kit.file("a&b.txt")
    assert kit.get("/").text == "[a&amp;b.txt|a&amp;b.txt]\n"
    template.write_text("changed later: templates are compiled when the configuration is read")
    assert kit.get("/").text == "[a&amp;b.txt|a&amp;b.txt]\n"


def test_a_bad_template_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text("{% for %}")
    assert refusal(tmp_path, "IndexTemplate bad.html\n").startswith("IndexTemplate bad.html: ")
    assert "No such file" in refusal(tmp_path, "IndexTemplate absent.html\n")


@pytest.mark.parametrize(
    ("size", "text"),
    [(-1, "  - "), (0, "  0 "), (972, "972 "), (973, "1.0K"), (1023, "1.0K"), (1500, "1.5K"), (9960, "9.7K"),
     (9999, "9.8K"), (10200, " 10K"), (10239, " 10K"), (996147, "973K"), (1048581, "1.0M"), (2**40, "1.0T")],
)  # fmt: skip
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("one", "other", "order"),
    [(b"foo-1.7", b"foo-1.12", -1), (b"foo-1.8.2", b"foo-1.8.2a", -1), (b"foo-1.001", b"foo-1.002", -1),
     (b"foo-1.030", b"foo-1.04", -1), (b"a 1", b"a1", 0), (b"b", b"a", 1), (b"\xfc", b".", -1), (b"x10", b"x9", 1)],
)  # fmt: skip
def test_natural_order(one: bytes, other: bytes, order: int) -> None:
    found = compare_versions(one, other)
    assert (found > 0) - (found < 0) == order


@pytest.mark.parametrize(
    ("text", "width", "cut"),
    [("short", 10, "short"), ("abcdefgh", 4, "abc>"), ("<b>ab</b>cd", 2, "<b>ab</b>"[:-1] + ">"),
     ("&auml;bcd", 2, "&auml;>"), ("<b", 1, "<b"), ("exact", 5, "exact")],
)  # fmt: skip
def test_descriptions_are_cut(text: str, width: int, cut: str) -> None:
    assert cut_description(text, width) == cut


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (None, ("N", "A", "")),
        ("C=M;O=D", ("M", "D", "")),
        ("C=M&O=D", ("M", "D", "")),
        ("C=X;O=D", ("N", "A", "")),
        ("C=S;X=1;O=D", ("S", "A", "")),
        ("F=1;V=1;P=f*", ("N", "A", ";F=1;V=1;P=f*")),
        ("P=%22%3cx", ("N", "A", ";P=%22%3cx")),
        ("P=%2;C=S", ("S", "A", "")),
    ],
)
def test_queries(query: str | None, wanted: tuple[str, str, str]) -> None:
    wishes = hear(Wishes(0, "N", "A"), query)
    assert (wishes.column, wishes.direction, wishes.link_query) == wanted


def test_wildcards_know_no_sets() -> None:
    assert wildcards("*.[ch]").fullmatch("a.[ch]")
    assert not wildcards("*.[ch]").fullmatch("a.c")
    assert wildcards("?b*").fullmatch("ab/c")


REFUSALS = [
    ("FancyIndexing On", "The FancyIndexing directive is no longer supported. Use IndexOptions FancyIndexing."),
    ("IndexOptions foo", "Invalid directory indexing option"),
    ("IndexOptions Charset", "Invalid directory indexing option"),
    ("IndexOptions FancyIndexing=1", "Invalid directory indexing option"),
    ("IndexOptions +None", "Cannot combine '+' or '-' with 'None' keyword"),
    ("IndexOptions None FancyIndexing", "Cannot combine other IndexOptions keywords with 'None'"),
    ("IndexOptions FancyIndexing None", ""),
    ("IndexOptions -IconWidth=3", "Cannot combine '-' with IconWidth=n"),
    ("IndexOptions NameWidth", "NameWidth with no value may only appear as '-NameWidth'"),
    ("IndexOptions NameWidth=4", "NameWidth value must be greater than 5"),
    ("IndexOptions NameWidth=5", ""),
    ("IndexOptions DescriptionWidth=11", "DescriptionWidth value must be greater than 12"),
    ("IndexOrderDefault a b", "First keyword must be 'Ascending' or 'Descending'"),
    ("IndexOrderDefault Ascending b", "Second keyword must be 'Name', 'Date', 'Size', or 'Description'"),
    ("AddIcon (a .x", "missing closing paren"),
    ("AddIcon x", "AddIcon requires at least two arguments, an icon URL followed by one or more filenames"),
]


@pytest.mark.parametrize(("line", "message"), REFUSALS)
def test_refusals(tmp_path: Path, line: str, message: str) -> None:
    assert refusal(tmp_path, f"{line}\n") == message
