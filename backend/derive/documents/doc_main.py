"""
One call of markitdown_convert or markitdown_extract: a request as JSON in, an answer as JSON out.

The request: what ("markdown", or of extract), uri, pages, sheet, range, offset, max_bytes, save_to.
The answer: {"error": {code, message, next}}, or the facts that are shown beside text or items.
"""

import json
import os
import re
import resource
import signal
import sys

from doc_model import Refused

MEMORY = 1536 << 20
CPU_S = 42

# By format: its converters, the best first; they answer None where they are not there.
CONVERTERS = {
    "pdf": ["poppler", "markitdown", "library"],
    "docx": ["own", "pandoc", "markitdown"], "xlsx": ["own", "markitdown"],
    "pptx": ["own", "markitdown"], "epub": ["own", "pandoc", "markitdown"],
    "html": ["own", "pandoc", "markitdown"], "csv": ["own", "pandoc", "markitdown"],
    "json": ["own", "markitdown"], "eml": ["own"], "text": ["own"], "zip": ["own"],
    "odt": ["own", "pandoc"], "ods": ["own"], "odp": ["own"],
    "rtf": ["pandoc"], "ole": ["markitdown"], "rst": ["pandoc", "text"], "org": ["pandoc", "text"],
    "tex": ["pandoc", "text"], "fb2": ["pandoc"], "opml": ["pandoc"],
    "textile": ["pandoc", "text"], "mediawiki": ["pandoc", "text"],
    **{kind: ["own"] for kind in ("png", "jpeg", "gif", "webp", "bmp", "tiff", "ico", "svg", "avif",
                                  "heic")}}
OWN = {"docx": "doc_docx.convert", "xlsx": "doc_xlsx.convert", "pptx": "doc_pptx.convert",
       "epub": "doc_epub.convert", "html": "doc_html.convert", "csv": "doc_text.csv",
       "json": "doc_text.json", "eml": "doc_text.mail", "text": "doc_text.text",
       "zip": "doc_archive.convert", "odt": "doc_odf.convert", "ods": "doc_odf.convert",
       "odp": "doc_odf.convert"}
OTHERS = {"poppler": "doc_pdf.poppler", "library": "doc_run.pdf_library",
          "pandoc": "doc_run.pandoc", "markitdown": "doc_run.markitdown", "text": "doc_text.text"}
MISSING = {
    "pdf": ("PDF needs pdftotext, markitdown or pypdf, and none is in the sandbox",
            "install the package poppler-utils on the machine, or mount a folder with markitdown "
            "(docs/configuration.md)"),
    "ole": ("this is a document of an old Office (doc, xls, ppt) or one with a password; it needs "
            "markitdown, which is not in the sandbox",
            "save it as docx, xlsx or pptx, as libreoffice --convert-to docx does, or without a "
            "password")}


def function(name):
    module, _, name = name.partition(".")
    return getattr(__import__(module), name)


def own(source):
    name = OWN.get(source.kind, "doc_image.convert")
    return function(name)


def order(kind):
    """SANDBOX_CONVERTERS names those to be tried, the first that is there is taken."""
    known = CONVERTERS.get(kind, [])
    asked = [each.strip() for each in os.environ.get("SANDBOX_CONVERTERS", "").split(",")]
    chosen = [each for each in asked if each in known]
    return chosen + [each for each in known if each not in chosen]


def convert(source, wanted):
    if source.kind not in CONVERTERS:
        what = source.kind if source.kind != "binary" else "of a format that is not known"
        raise Refused("invalid_argument", "%s is %s: it is not converted" % (source.name, what),
                      "PDF, Office, OpenDocument, EPUB, HTML, CSV, JSON, e-mail, pictures, ZIP and "
                      "text are; file_read with encoding=base64 gives bytes")
    failed = None
    for name in order(source.kind):
        try:
            run = own(source) if name == "own" else function(OTHERS[name])
            doc = run(source, wanted)
        except Refused as e:
            if e.code not in ("invalid_argument",):
                raise
            failed = failed or e
            continue
        if doc is not None:
            if doc.converter == "own" and name != "own":
                doc.converter = name
            if failed:
                doc.note("another converter failed: " + failed.message)
            return doc
    if failed:
        raise failed
    message, next = MISSING.get(source.kind, (
        "%s needs pandoc, which is not in the sandbox" % source.kind,
        "install the package pandoc on the machine"))
    raise Refused("not_supported", message, next)


def convert_member(path, name):
    """Of an archive; None when it is no document, or an archive again."""
    from doc_source import Source

    source = Source(path)
    if source.kind in ("zip", "ole", "gzip") or source.kind not in CONVERTERS:
        return None
    source.name = name
    return convert(source, Wanted({"what": "markdown"}))


class Wanted:
    """Which part of a document is asked for."""

    def __init__(self, request):
        self.what = request.get("what") or "markdown"
        self.pages = request.get("pages") or ""
        self.sheet = request.get("sheet") or ""
        self.range = request.get("range") or ""
        self.spans = self.parse(self.pages)

    def parse(self, text):
        spans = []
        for part in text.split(",") if text.strip() else ():
            found = re.fullmatch(r"\s*(\d{1,7})?\s*(-)?\s*(\d{1,7})?\s*", part)
            if not found or not (found[1] or found[3]):
                raise Refused("invalid_argument", "pages: %.40s is no range of pages" % part,
                              "write it like 1-5 or 3,7-")
            first = int(found[1]) if found[1] else 1
            last = int(found[3]) if found[3] else first if not found[2] else 1 << 30
            if first < 1 or last < first:
                raise Refused("invalid_argument", "pages: %.40s is no range of pages" % part,
                              "the first page is 1")
            spans.append((first, last))
        return spans

    def has(self, number):
        return not self.spans or any(a <= number <= b for a, b in self.spans)

    def check(self, total, unit):
        if self.spans and not any(a <= total for a, b in self.spans):
            raise Refused("invalid_argument", "pages: %.60s is behind the end: there %s %d %s%s" % (
                self.pages, "is" if total == 1 else "are", total, unit, "" if total == 1 else "s"),
                "pass pages within 1-%d, or none" % max(total, 1))

    def span(self, total):
        """The first and last page that have to be converted."""
        self.check(total, "page")
        if not self.spans:
            return 1, total
        return min(a for a, b in self.spans), min(total, max(b for a, b in self.spans))

    def sheets(self, names):
        if self.sheet:
            for i, name in enumerate(names, 1):
                if name == self.sheet:
                    return {i}
            folded = [name.lower() for name in names]
            if self.sheet.lower() in folded:
                return {folded.index(self.sheet.lower()) + 1}
            if self.sheet.isdigit() and 1 <= int(self.sheet[:9]) <= len(names):
                return {int(self.sheet[:9])}
            raise Refused("not_found", "sheet: there is none named %.80s" % self.sheet,
                          "these are: %s" % ", ".join(names)[:300])
        self.check(len(names), "sheet")
        return {i for i in range(1, len(names) + 1) if self.has(i)}

    def is_apart(self):
        """Of a PDF: found without its text."""
        return self.what in ("links", "images", "metadata", "outline")

    def key(self):
        return "%s|%s|%s|%s" % (self.is_apart() and self.what, self.pages, self.sheet, self.range)


def document(request, wanted, cached=True):
    """The converted document; what was converted already is not converted again."""
    import doc_cache
    from doc_model import Doc
    from doc_source import Source

    uri, again = request["uri"], request.get("offset", 0) > 0
    remote = re.match(r"(?i)https?:", uri)
    rest = "%s|%s" % (request.get("version", ""), os.environ.get("SANDBOX_CONVERTERS", ""))
    if remote and again and cached:
        known = doc_cache.load("%s|%s|%s" % (uri, wanted.key(), rest))
        if known:
            return Doc.load(known["doc"]), known["source"]
    source = Source(uri)
    try:
        base = uri if remote else source.key
        keys = ["%s|%s|%s" % (base, key, rest) for key in ("", wanted.key())]
        if wanted.range or (source.kind == "pdf" and wanted.is_apart()):
            keys[0] = keys[1]  # the whole of it does not tell that
        if not remote and cached:
            for key in keys:
                known = doc_cache.load(key)
                if known:
                    return Doc.load(known["doc"]), known["source"]
        facts = {"name": source.url or source.path, "url": source.url, "kind": source.kind}
        doc = convert(source, wanted)
        doc_cache.save(keys[1] if doc.partial or remote else keys[0],
                       {"doc": doc.dump(), "source": facts})
        return doc, facts
    finally:
        if source.temporary:
            from doc_fetch import forget
            forget(source)


def limit():
    sys.setrecursionlimit(3000)
    for what, soft in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, CPU_S),
                       (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(what)[1]
        if hard == resource.RLIM_INFINITY or soft < hard:
            resource.setrlimit(what, (soft, hard))

    def over(number, frame):
        raise Refused("timeout", "the conversion takes too long",
                      "pass pages (or range), or convert a part of the document")

    signal.signal(signal.SIGALRM, over)
    signal.alarm(40)


def answer(request):
    import doc_answer

    wanted = Wanted(request)
    try:
        doc, facts = document(request, wanted)
        return doc_answer.make(request, wanted, doc, facts)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        # What was in the cache need not come from here.
        doc, facts = document(request, wanted, cached=False)
        return doc_answer.make(request, wanted, doc, facts)


def main(text, version=""):
    """version: of this program, as others make other conversions."""
    out = os.dup(1)
    os.dup2(2, 1)
    limit()
    try:
        said = answer({**json.loads(text), "version": version})
    except Refused as e:
        said = {"error": {"code": e.code, "message": e.message, "next": e.next}}
    except MemoryError:
        said = {"error": {"code": "too_large", "message": "the document needs more memory than a "
                          "conversion may have", "next": "pass pages or range"}}
    except RecursionError:
        said = {"error": {"code": "too_large", "message": "the document is nested too deeply"}}
    except OSError as e:
        said = {"error": {"code": "unavailable", "message": "the document cannot be read: %s" % (
            e.strerror or e)}}
    with open(out, "w", encoding="ascii") as f:
        json.dump(said, f)
    sys.exit(3 if "error" in said else 0)
