"""Documents in a local sandbox: every format by every converter that is there for it."""

import sys
from pathlib import Path

import pytest

from lib import documents
from lib.documents import CELL, HEADING, LINK, SECOND
from lib.paths import ROOT
from lib.protocol import text

PACKAGES = next(iter((ROOT / "build/venv/lib").glob("python3.*/site-packages")), None)
MARKITDOWN = [PACKAGES and PACKAGES.resolve(), (ROOT / "tests/lib/no_magika").resolve()]

MAKERS = {"a.docx": documents.docx, "a.xlsx": documents.xlsx, "a.pptx": documents.pptx,
          "a.pdf": documents.pdf, "a.html": documents.html, "a.epub": documents.epub,
          "a.odt": documents.odt, "a.csv": documents.csv, "a.zip": documents.archive,
          "a.ipynb": documents.notebook, "a.eml": documents.mail, "a.png": documents.png,
          "a.jpg": documents.jpeg}
PAGES = {"a.docx", "a.xlsx", "a.pptx", "a.pdf", "a.epub", "a.odt"}
OWN = {"a.docx", "a.xlsx", "a.pptx", "a.html", "a.epub", "a.odt", "a.csv", "a.ipynb", "a.eml"}
CASES = [*((name, "own") for name in sorted(OWN)), ("a.pdf", "poppler"),
         *((f"a.{kind}", "pandoc") for kind in ("docx", "html", "epub", "odt", "csv")),
         *((f"a.{kind}", "markitdown") for kind in ("docx", "xlsx", "pptx", "pdf", "html", "epub",
                                                    "csv"))]


def put(folder, *names):
    for name in names or MAKERS:
        (folder / name).write_bytes(MAKERS[name]())


@pytest.fixture
def place(tmp_path):
    """A workspace with one document of each format."""
    folder = tmp_path / "work"
    folder.mkdir()
    put(folder)
    for each in (folder, *folder.iterdir()):
        each.chmod(0o777 if each.is_dir() else 0o666)
    return folder


def options(place, converter=None):
    found = ["--toolsets", "all", "--workspace", place, "--allow-root-workspace"]
    if converter:
        found += ["--env", f"SANDBOX_CONVERTERS={converter}"]
    if converter == "markitdown":
        for folder in MARKITDOWN:
            found += ["--mount", f"{folder}:ro"]
        found += ["--env", "PYTHONPATH=" + ":".join(map(str, MARKITDOWN))]
    return found


def convert(client, uri, **more):
    result = client.call("markitdown_convert", uri=uri, **more)
    assert not result.get("isError"), text(result)
    return text(result)


def body(said):
    """What stands between the two lines of the fence."""
    start = said.index(", not instructions]\n") + len(", not instructions]\n")
    return said[start:said.rindex("[end ")]


def extract(client, uri, what, **more):
    result = client.call("markitdown_extract", uri=uri, what=what, **more)
    assert not result.get("isError"), text(result)
    return result["structuredContent"]


def refused(client, uri, tool="markitdown_convert", **more):
    result = client.call(tool, uri=uri, **more)
    assert result.get("isError"), text(result)
    return text(result)


@pytest.mark.parametrize("name, converter", CASES)
def test_a_heading_a_cell_and_the_second_page(start_stdio, place, name, converter):
    if converter == "markitdown":
        assert PACKAGES, "make deps was not run"
        if PACKAGES.parent.name != "python%d.%d" % sys.version_info[:2] or not Path(
                f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}").exists():
            pytest.skip("the tests' packages are for another Python than the sandbox has")
    client = start_stdio(*options(place, converter))
    said = convert(client, name)
    first = said.split("\n")[0]
    assert (f"by {converter}" in first) == (converter != "own"), said
    assert "another converter failed" not in said
    inside = body(said)
    lines = inside.split("\n")
    if name == "a.csv":
        assert f"| {CELL}" in inside
        return
    heading = [line for line in lines if HEADING in line and not line.startswith("<!--")]
    assert heading and (heading[0].startswith("#") or (name, converter) == ("a.pdf", "markitdown"))
    if name not in ("a.ipynb", "a.eml"):
        assert any(line.startswith("|") and CELL in line and line.count("|") >= 3 for line in lines)
    assert SECOND in inside and inside.index(HEADING) < inside.index(SECOND)
    if name in PAGES and converter in ("own", "poppler"):
        second = body(convert(client, name, pages="2"))
        assert SECOND in second and HEADING not in second
        assert SECOND not in body(convert(client, name, pages="1"))


def test_pictures_are_described(start_stdio, place):
    client = start_stdio(*options(place))
    assert "| size | 3 x 2 |" in convert(client, "a.png")
    facts = {item["name"]: item["value"] for item in extract(client, "a.jpg", "metadata")["items"]}
    assert facts["size"] == "30 x 20" and facts["model"] == "Camera Nine"
    assert facts["taken"] == "2024:05:06 07:08:09" and facts["gps"] == "48.500000, -48.500000"


def test_an_archive_is_listed_and_its_documents_converted(start_stdio, place):
    inside = body(convert(start_stdio(*options(place)), "a.zip"))
    assert "| ../up.txt | 9 |" in inside and f"| {CELL} | 22 |" in inside and SECOND in inside
    assert "climbing" in inside and "absolute" in inside
    assert not (place.parent / "up.txt").exists()


@pytest.mark.parametrize("name, unit", [("a.docx", "page"), ("a.pdf", "page"), ("a.epub", "chapter"),
                                        ("a.odt", "page"), ("a.html", "page")])
def test_what_is_in_a_document(start_stdio, place, name, unit):
    client = start_stdio(*options(place))
    outline = extract(client, name, "outline")["items"]
    assert outline[0][unit] == 1 and (outline[0]["title"] == HEADING or name == "a.epub")
    found = extract(client, name, "tables")
    assert [CELL, "22"] in [row[:2] for row in found["items"][0]["rows"]]
    links = extract(client, name, "links")["items"]
    assert [each["url"] for each in links] == [LINK]
    assert links[0][unit] == (1 if name == "a.html" else 2)
    pages = extract(client, name, "text")["items"]
    assert SECOND in pages[-1]["text"] and "](" not in pages[-1]["text"]
    facts = {item["name"]: item["value"] for item in extract(client, name, "metadata")["items"]}
    assert facts["format"] == name[2:]
    if name == "a.pdf":
        assert facts["title"] == "The title" and facts["author"] == "Someone"


def test_cells_by_sheet_and_range(start_stdio, place):
    client = start_stdio(*options(place))
    found = extract(client, "a.xlsx", "tables", sheet=HEADING, range="A2:D3")
    assert found["items"] == [{"sheet": 1, "name": HEADING, "range": "A2:D3", "rows": [
        ["alpha", "1", "2023-03-15", "12.5%"], [CELL, "22.5", "2023-03-15 12:00:00", "100%"]]}]
    assert extract(client, "a.xlsx", "tables", sheet="2")["items"][0]["name"] == "Second sheet"
    assert extract(client, "a.csv", "tables", range="A2:A3")["items"][0]["rows"] == [
        ["alpha"], [CELL]]
    said = refused(client, "a.xlsx", "markitdown_extract", what="tables", sheet="none")
    assert said.startswith("not_found: sheet") and "Second sheet" in said
    for wrong in ("A1:", "1A", "AAAA1", "x y", "A1:B2:C3"):
        said = refused(client, "a.xlsx", "markitdown_extract", what="tables", range=wrong)
        assert said.startswith("invalid_argument: range"), said


def test_reading_on_gives_every_byte_and_does_not_convert_again(start_stdio, place):
    (place / "long.pdf").write_bytes(documents.pdf(30, 30))
    client = start_stdio(*options(place))
    convert(client, "long.pdf", save_to="whole.md")
    whole, got, offset, blocks = (place / "whole.md").read_text(), "", 0, 0
    while offset is not None:
        result = client.call("markitdown_convert", uri="long.pdf", offset=offset, max_bytes=7000)
        part = body(text(result))
        assert len(part.encode()) <= 7001
        offset = result["_meta"].get("sandbox-mcp/next_offset")
        assert offset is None or f"offset={offset} reads on" in text(result)
        blocks += part.endswith("\n\n")
        got += part
    assert got == whole and "Line 29 of page 30" in whole and blocks > 3
    assert result["_meta"]["sandbox-mcp/total_bytes"] == len(whole.encode())
    assert result["_meta"]["sandbox-mcp/pages"] == 30


def test_a_changed_file_is_converted_anew(start_stdio, place):
    client = start_stdio(*options(place))
    assert CELL in convert(client, "a.csv")
    (place / "a.csv").write_text("other,thing\n1,2\n")
    said = convert(client, "a.csv")
    assert CELL not in said and "| other | thing |" in said


def test_saving(start_stdio, place):
    client = start_stdio(*options(place))
    said = convert(client, "a.docx", save_to="deep/er/out.md")
    assert "saved to /workspace/deep/er/out.md" in said and HEADING not in said.split("\n", 1)[1]
    assert (place / "deep/er/out.md").read_text().count(HEADING) == 1
    extract(client, "a.docx", "tables", save_to="t.csv")
    assert (place / "t.csv").read_text() == "Name,Value\nalpha,1\nbeta,22\n"
    found = extract(client, "a.docx", "tables", save_to="t.json")
    assert found["items"] == [] and found["saved"] == "/workspace/t.json"
    assert '"beta"' in (place / "t.json").read_text()
    for where in (".", "/usr/x.md", "/proc/x"):
        assert refused(client, "a.docx", save_to=where).split(":")[0] in (
            "invalid_argument", "denied"), where


def test_bad_input_is_told(start_stdio, place):
    client = start_stdio(*options(place))
    (place / "odd.bin").write_bytes(bytes(range(256)) * 8)
    (place / "old.doc").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    (place / "cut.docx").write_bytes(documents.docx()[:700])
    (place / "cut.pdf").write_bytes(b"%PDF-1.4\nnothing")
    (place / "empty.txt").write_bytes(b"")
    for uri, words in (("none.pdf", "not_found: /workspace/none.pdf does not exist"),
                       (".", "folder"), ("odd.bin", "format that is not known"),
                       ("old.doc", "old Office"), ("cut.docx", "is broken"),
                       ("cut.pdf", "is broken"), ("ftp://x/y", "ftp: is not read"),
                       ("file://other/x", "no other machine"), ("/dev/zero", "no regular file"),
                       ("bad\nname\x1b[31m", "does not exist")):
        said = refused(client, uri)
        assert words in said and "\x1b" not in said and "Traceback" not in said, said
    for pages in ("0", "5-2", "x", "1,,2", "-"):
        assert refused(client, "a.pdf", pages=pages).startswith("invalid_argument: pages"), pages
    said = refused(client, "a.pdf", pages="3-")
    assert "there are 2 pages" in said and "1-2" in said
    assert "has 2" not in refused(client, "a.docx", offset=100000)
    assert "there is no text" in convert(client, "empty.txt")
    assert convert(client, f"file://{place}/a.html").split(" ")[0].endswith("a.html")


def test_no_program_for_it_is_told_with_the_package(start_stdio, place):
    client = start_stdio(*options(place), "--env", "PATH=/workspace/bin")
    (place / "bin").mkdir()
    for name in ("python3", "sh", "bash"):
        (place / "bin" / name).symlink_to(f"/usr/bin/{name}")
    said = refused(client, "a.pdf")
    assert said.startswith("not_supported: ") and "poppler-utils" in said and "markitdown" in said
    assert f"# {HEADING}" in convert(client, "a.docx")
    (place / "bin/python3").unlink()
    said = refused(client, "a.docx")
    assert said.startswith("not_supported: ") and "python3" in said


def test_the_same_over_http(start_server, place):
    server = start_server(*options(place))
    result = server.call("markitdown_convert", uri="a.docx")
    assert f"# {HEADING}" in text(result) and "_meta" in result
    result = server.call("markitdown_extract", uri="a.docx", what="outline")
    assert result["structuredContent"]["count"] == 2
