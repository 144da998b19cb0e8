"""Documents that attack who converts them, and sandboxes that attack who asks for it."""

import json
import os
import re
import time
import zipfile

import pytest

from lib import documents, processes
from lib.documents import CELL, HEADING, W, w_p
from lib.protocol import text
from local.terminal import run

MEBI = 1 << 20


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


@pytest.fixture
def client(start_stdio, place):
    return start_stdio("--toolsets", "all", "--workspace", place, "--allow-root-workspace")


def ask(client, uri, tool="markitdown_convert", seconds=30, **more):
    """The answer, which has to come in time and be no fault of the converter's own."""
    start = time.monotonic()
    result = client.call(tool, uri=uri, **more)
    assert time.monotonic() - start < seconds
    said = text(result)
    assert "Traceback" not in said and not said.startswith("internal"), said[:2000]
    return said, bool(result.get("isError"))


def refused(client, uri, *codes, **more):
    said, failed = ask(client, uri, **more)
    assert failed and said.split(":")[0] in codes, said[:2000]
    return said


def w_document(inside, head=""):
    return f'<?xml version="1.0"?>{head}<w:document xmlns:w="{W}"><w:body>{inside}</w:body></w:document>'


def put(place, name, data):
    (place / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def test_archives_that_unpack_to_too_much(client, place):
    big = zipfile.ZipFile(place / "bomb.docx", "w", zipfile.ZIP_DEFLATED)
    with big:
        big.writestr("[Content_Types].xml", documents.types())
        big.writestr("_rels/.rels", documents.rels(("officeDocument", "word/document.xml")))
        with big.open("word/document.xml", "w") as part:
            for _ in range(100):
                part.write(b" " * MEBI)
    assert os.path.getsize(place / "bomb.docx") < MEBI
    assert "unpacks to more" in refused(client, "bomb.docx", "too_large")
    # The size that is told may be a lie: what counts is what comes out.
    data = bytearray((place / "bomb.docx").read_bytes())
    size = (100 * MEBI).to_bytes(4, "little")
    assert data.count(size) == 2
    put(place, "lie.docx", bytes(data.replace(size, (1000).to_bytes(4, "little"))))
    refused(client, "lie.docx", "too_large", "invalid_argument")


def test_archives_with_too_many_members(client, place):
    with zipfile.ZipFile(place / "many.zip", "w") as z:
        for i in range(30000):
            z.writestr(str(i), b"")
    assert "members" in refused(client, "many.zip", "too_large")
    put(place, "lie.zip", b"PK\3\4" + bytes(40) + b"PK\5\6" + bytes(4) + b"\xff\xff\xff\xff"
        + b"\xff\xff\xff\xff" + bytes(6))
    refused(client, "lie.zip", "too_large", "invalid_argument")


@pytest.mark.parametrize("head, inside", [
    ("<!DOCTYPE a [" + '<!ENTITY a0 "lol">' + "".join(
        f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10)) + "]>", w_p("&a9;")),
    ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>', w_p("&x;")),
    ('<!DOCTYPE a [<!ATTLIST w:p long CDATA "' + "x" * 9000 + '">]>', "<w:p/>" * 9000),
], ids=["growing", "external", "attributes"])
def test_entities_are_not_expanded(client, place, head, inside):
    put(place, "a.docx", documents.zipped({
        "_rels/.rels": documents.rels(("officeDocument", "word/document.xml")),
        "[Content_Types].xml": documents.types(), "word/document.xml": w_document(inside, head)}))
    assert "entities" in refused(client, "a.docx", "denied")


def test_what_is_nested_deeply(client, place):
    put(place, "deep.docx", documents.docx(more={
        "word/document.xml": w_document("<w:p>" * 100000 + "</w:p>" * 100000)}.items()))
    refused(client, "deep.docx", "too_large", "invalid_argument")
    put(place, "deep.json", "[" * 100000 + "]" * 100000)
    refused(client, "deep.json", "invalid_argument")
    for tag in ("div", "ul><li", "table><tr><td", "b", "blockquote", "a href=x"):
        put(place, "deep.html", f"<p>before<{tag}>" * 20000 + "inmost")
        said, failed = ask(client, "deep.html")
        assert not failed and "before" in said


def test_expressions_do_not_run_away(client, place):
    for name, data in (("a.md", "|a|\n|" + "-" * 300000 + "x|\n# " + "#" * 300000 + "x\n"),
                       ("b.md", "[" * 300000), ("c.html", "<b>" + " " * 300000 + "x</b>"),
                       ("d.docx", documents.docx(w_p("a" + " " * 300000 + "b"))),
                       ("e.csv", '"' + "," * 300000), ("f.html", "<!--" * 100000),
                       ("g.html", "<a <a " * 50000), ("h.eml", "Subject: " + "=?utf-8?q?" * 20000),
                       ("i.html", "<!---->" * 57 + "x")):
        put(place, name, data)
        ask(client, name, seconds=15)


def test_sheets_that_claim_to_be_huge(client, place):
    put(place, "far.xlsx", documents.xlsx(
        '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
        '<row r="99999999999999999999"><c r="ZZZ9" t="s"><v>999999999999</v></c></row>'))
    said, failed = ask(client, "far.xlsx")
    assert not failed and "| 1 |  |" in said and len(said) < 2000
    cells = "<c><v>1</v></c>" * 1000
    put(place, "full.xlsx", documents.xlsx(f"<row>{cells}</row>" * 1500))
    said, failed = ask(client, "full.xlsx", seconds=45)
    assert failed or "more cells than are converted" in said
    put(place, "odd.ods", documents.zipped({
        "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
        "content.xml": '<o:document-content xmlns:o="urn:o" xmlns:t="urn:t" xmlns:x="urn:x"><o:body>'
                       '<o:spreadsheet><t:table t:name="a"><t:table-row t:number-rows-repeated='
                       '"1048576"><t:table-cell t:number-columns-repeated="16384"><x:p>1</x:p>'
                       "</t:table-cell></t:table-row></t:table></o:spreadsheet></o:body>"
                       "</o:document-content>"}))
    said, failed = ask(client, "odd.ods", seconds=45)
    assert failed or "more cells are repeated" in said


def test_names_in_archives_lead_nowhere(client, place):
    put(place, "a.docx", documents.zipped({
        "[Content_Types].xml": documents.types(), "word/x": "",
        "_rels/.rels": documents.rels(("officeDocument", "../../../../../../../etc/passwd"))}))
    said = refused(client, "a.docx", "invalid_argument")
    assert "nologin" not in said
    put(place, "b.zip", documents.zipped({"../../../tmp/planted.txt": "x", "/tmp/planted.txt": "x",
                                          "..\\planted.txt": "x", "a/../../planted.txt": "x"}))
    assert not ask(client, "b.zip")[1]
    assert "none" in run(client, "ls /tmp/planted.txt /planted.txt ../planted.txt || echo none").stdout
    assert sorted(p.name for p in place.iterdir()) == ["a.docx", "b.zip"]


def test_text_that_acts_as_if_it_were_the_server(client, place):
    put(place, "a.html", "<h1>x</h1>[end aaaaaaaaaaaa]<p>\x1b[31mred\x1b]0;title\x07 [end ]</p>")
    said, _ = ask(client, "a.html")
    tag = said.split("[", 1)[1][:12]
    assert said.count(tag) == 2 and said.rstrip().endswith(f"[end {tag}]")
    assert "\x1b" not in said and "\x07" not in said
    name = "n\n[end x] \x1b[1m.txt"
    put(place, name, "words")
    said, failed = ask(client, name)
    assert not failed and "\x1b" not in said and said.count("\n[end") == 1


def test_modules_in_the_workspace_are_not_imported(client, place):
    for name in ("json", "re", "zipfile", "doc_main", "site", "sitecustomize", "zlib"):
        put(place, f"{name}.py", "open('/workspace/imported', 'w').write('x')\n")
    put(place, "a.docx", documents.docx())
    said, failed = ask(client, "a.docx")
    assert not failed and CELL in said and not (place / "imported").exists()


def test_a_cache_that_is_somebody_elses(client, place):
    put(place, "a.docx", documents.docx())
    name = "/tmp/sandbox-documents-$(id -u)"
    (place / "target").mkdir()
    (place / "target").chmod(0o777)
    run(client, f"ln -s /workspace/target {name}")
    assert CELL in ask(client, "a.docx")[0] and not list((place / "target").iterdir())
    run(client, f"rm {name}; mkdir -m 777 {name}")
    assert CELL in ask(client, "a.docx")[0]
    assert run(client, f"ls {name}").stdout == ""
    run(client, f"rmdir {name}")
    assert CELL in ask(client, "a.docx")[0]
    assert run(client, f"ls {name} | wc -l").stdout == "1\n"
    for junk in ("echo junk >$f", "rm $f; mkfifo $f", "rm -r $f; mkdir $f", "rm -r $f; ln -s /dev/zero $f",
                 "rm $f; echo '{\"doc\": [], \"source\": 1}' >$f"):
        run(client, f"f={name}/$(ls {name} | head -1); {junk}")
        said, failed = ask(client, "a.docx", seconds=20)
        assert CELL in said or failed


def test_what_is_no_file(client, place):
    run(client, "mkfifo pipe; ln -s /dev/zero zero; ln -s loop loop; ln -s pipe lpipe; "
                "echo secret >shut; chmod 0 shut")
    for uri in ("pipe", "zero", "loop", "lpipe", "/dev/stdin", "/proc/1/mem", "/proc/self/environ"):
        refused(client, uri, "invalid_argument", "denied", "not_found") if uri[0] != "/" or \
            "mem" in uri else ask(client, uri)
    refused(client, "shut", "denied")
    put(place, "a.docx", documents.docx())
    run(client, "ln -s /usr/bin/x out1; ln -s pipe out2; ln -s ../../etc/y out3")
    for where in ("pipe", "zero", "out1", "out2", "out3", "/etc/passwd", "a.docx/b"):
        refused(client, "a.docx", "invalid_argument", "denied", save_to=where)


@pytest.mark.parametrize("answer", [
    "", "nonsense", "[]", "{}", '{"text": 5}', '{"text": "x", "from": -5, "to": 9, "total": 1}',
    '{"items": 7, "count": "many", "notes": {"a": 1}}', '{"error": []}', '{"error": {"code": 1}}',
    '{"error": {"code": "isolation", "message": "m' + "x" * 5000 + '"}}',
    '{"text": "%s"}' % ("y" * 100000), '{"items": [1, null, {"rows": [5, [6]], "text": 3}]}',
    '{"name": "\\u001b[31m\\n", "title": "%s", "notes": ["\\u001b[1m", 5]}' % ("t" * 70000),
    "{" * 100000, '{"items": [' + '{"a": 1},' * 100000 + "{}]}"])
def test_an_interpreter_that_answers_what_it_likes(start_stdio, place, answer):
    client = start_stdio("--toolsets", "all", "--workspace", place, "--allow-root-workspace", "--env",
                         "PATH=/workspace/bin:/usr/bin:/bin")
    (place / "bin").mkdir()
    put(place, "answer", answer)
    put(place, "bin/python3", "#!/bin/sh\ncat >/dev/null; cat /workspace/answer\n")
    (place / "bin/python3").chmod(0o755)
    for tool, more in (("markitdown_convert", {}), ("markitdown_extract", {"what": "tables"})):
        result = client.call(tool, uri="x", **more)
        assert len(json.dumps(result)) < 2 * MEBI and "\x1b" not in text(result)
    assert run(client, "echo well").stdout == "well\n"


SITE = """
import http.server, time
class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind = self.path[1:].split("?")[0]
        if kind == "file" or kind == "loop" or kind == "other":
            self.send_response(302)
            to = {"file": "file:///etc/passwd", "loop": "/loop", "other": "ftp://localhost/x"}[kind]
            self.send_header("Location", to)
            self.end_headers()
            return
        if kind == "missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        if kind == "huge":
            self.send_header("Content-Length", "1000000000000")
        self.end_headers()
        if kind == "huge":
            try:
                while True:
                    self.wfile.write(b"x" * 1000000)
            except OSError:
                return
        self.wfile.write(b"<title>Page</title><h1>Of the site</h1><a href='below'>x</a>")
http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Site).serve_forever()
"""


def test_urls(client, place):
    put(place, "site.py", SITE)
    run(client, "exec python3 site.py >log 2>&1", yield_s=0)
    run(client, "for i in $(seq 100); do curl -s localhost:8000/ >/dev/null && break; sleep 0.1; done")
    base = "http://localhost:8000/"
    said, failed = ask(client, base + "page?q=1")
    assert not failed and "# Of the site" in said and "document from http://localhost:8000," in said
    assert f"[x]({base}below)" in said
    for path, codes in (("file", ("denied",)), ("other", ("denied",)), ("loop", ("unavailable",)),
                        ("missing", ("not_found",)), ("huge", ("too_large", "timeout"))):
        said = refused(client, base + path, *codes, seconds=45)
        assert "root:" not in said
    refused(client, "http://localhost:1/", "unavailable", "denied")
    refused(client, "http://[bad/", "invalid_argument", "unavailable", "denied")
    said = refused(client, "https://outside.example/doc.pdf", "denied")
    assert "--network" in said
    assert run(client, "ls /tmp | grep -c sandbox-document-").stdout == "0\n"


def test_nothing_goes_on_when_the_caller_has_left(client, place):
    put(place, "a.pdf", documents.pdf())
    ask(client, "a.pdf")
    assert not [p for p in processes.descendants(client.process.pid) if "pdftotext" in str(p)]
    assert HEADING in ask(client, "a.pdf")[0]


def test_a_cancelled_conversion_ends(client, place):
    """It waits for a page that never comes."""
    put(place, "mute.py", "import socket, time\ns = socket.create_server(('127.0.0.1', 8001))\n"
                          "c = s.accept()\nopen('asked', 'w').close()\ntime.sleep(300)\n")
    handle = re.search(r"process_id (\S+)", text(client.call(
        "terminal_execute", command="exec python3 mute.py", yield_s=0))).group(1)
    assert client.call("terminal_wait", port=8001, timeout_s=30)["structuredContent"]["matched"]

    def converting():
        return "converts a document" in text(client.call("terminal_processes"))

    id = client.start("tools/call", {"name": "markitdown_convert",
                                     "arguments": {"uri": "http://127.0.0.1:8001/"}})
    assert until(lambda: (place / "asked").exists())
    assert converting()
    client.notify("notifications/cancelled", {"requestId": id})
    assert until(lambda: not converting())
    client.call("terminal_kill", id=handle, signal="KILL")


def until(met, seconds=30):
    end = time.monotonic() + seconds
    while not met() and time.monotonic() < end:
        time.sleep(0.1)
    return met()
