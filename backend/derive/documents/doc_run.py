"""Programs that convert: found on PATH, run with bounds of memory, time and output."""

import os
import shutil
import signal
import subprocess
import time

from doc_model import Doc, Refused, from_markdown, one_line

OUTPUT_MAX = 64 << 20
END = time.monotonic() + 38  # of all work on one call
PANDOC = {"docx": "docx", "epub": "epub", "html": "html", "odt": "odt", "rtf": "rtf",
          "ipynb": "ipynb", "rst": "rst", "org": "org", "tex": "latex", "fb2": "fb2",
          "mediawiki": "mediawiki", "textile": "textile", "opml": "opml", "csv": "csv"}


def left():
    return END - time.monotonic()


def spawn(args, memory_mb):
    """Its output is read by the caller, and is bounded by nothing but its time."""
    limited = "ulimit -S -v %d 2>/dev/null; exec \"$@\"" % (memory_mb << 10)
    return subprocess.Popen(["sh", "-c", limited, "sh", *args], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            start_new_session=True)


def stop(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.stdout.close()
    process.stderr.close()
    process.wait()


def run(args, memory_mb=1024):
    """What it printed; Refused with the end of its complaint when it failed."""
    import threading

    process, name, said = spawn(args, memory_mb), os.path.basename(args[0]), []
    reader = threading.Thread(target=lambda: said.append(process.stderr.read(65536)), daemon=True)
    timer = threading.Timer(max(1, left()), process.kill)
    reader.start()
    timer.start()
    try:
        out = process.stdout.read(OUTPUT_MAX + 1)
        if len(out) > OUTPUT_MAX:
            raise Refused("too_large", "%s made more than %d MiB of it" % (
                name, OUTPUT_MAX >> 20), "pass pages")
        status = process.wait()
    finally:
        timer.cancel()
        process.kill()
        reader.join(1)
        stop(process)
    if status and left() <= 0:
        raise Refused("timeout", "%s did not end in time" % name, "pass pages, e.g. 1-20")
    if status:
        lines = b"".join(said).decode("utf-8", "replace").strip().split("\n")
        raise Refused("invalid_argument", "%s failed: %s" % (name, (
            lines[-1] or "status %d" % status)[:300]), "")
    return out.decode("utf-8", "replace")


def pandoc(source, wanted):
    program, form = shutil.which("pandoc"), PANDOC.get(source.kind)
    if not program or not form:
        return None
    doc = Doc(source.kind)
    text = run([program, "--sandbox", "-f", form, "-t", "gfm", "--wrap=none", "--", source.path],
               2048)
    blocks = doc.page()
    blocks.extend(from_markdown(text))
    first = [block[2] for block in blocks if block[0] == "h"]
    doc.title = one_line(first[0]) if first else ""
    return doc


def has_module(name):
    """-S was given to start quickly: the packages are looked for only now."""
    import importlib.util
    import site
    import sys

    if "PYTHONPATH" in os.environ:
        sys.path.extend(p for p in os.environ["PYTHONPATH"].split(":") if p and p not in sys.path)
    if not any(path.endswith("-packages") for path in sys.path):
        site.main()
    return importlib.util.find_spec(name) is not None


MARKITDOWN = ("import sys, os; out = os.fdopen(os.dup(1), 'w', encoding='utf-8'); os.dup2(2, 1); "
              "from markitdown import MarkItDown; "
              "out.write(MarkItDown(enable_plugins=False).convert_local(sys.argv[1], "
              "file_extension=sys.argv[2]).text_content)")


def markitdown(source, wanted):
    import sys

    program = shutil.which("markitdown")
    if program:
        args = [program, "-x", "." + source.kind, source.path]
    elif has_module("markitdown"):
        args = [sys.executable, "-c", MARKITDOWN, source.path, "." + source.kind]
    else:
        return None
    text = run(args, 4096)
    doc = Doc(source.kind, {"xlsx": "sheet", "xls": "sheet", "pptx": "slide"}.get(
        source.kind, "page"))
    split(doc, text)
    return doc


def split(doc, text):
    """Pages by the marks that it leaves."""
    import re

    marks = {"slide": r"^<!-- Slide number: \d+ -->$", "sheet": r"^(?=## )", "page": r"\f"}
    for part in re.split(marks[doc.unit], text, flags=re.M):
        if not part.strip() and (doc.pages or doc.unit != "page"):
            continue
        blocks = doc.page()
        blocks.extend(from_markdown(part))
        first = [block[2] for block in blocks if block[0] == "h"]
        if first:
            doc.pages[-1][1] = one_line(first[0]) if doc.unit != "page" else ""
            doc.title = doc.title or one_line(first[0])


def pdf_library(source, wanted):
    """Python packages that know PDF; text only."""
    import re

    if has_module("pypdf"):
        import pypdf
        try:
            reader = pypdf.PdfReader(source.path)
            texts = [page.extract_text() for page in reader.pages]
        except Exception as e:  # its errors have no common class
            raise Refused("invalid_argument", "pypdf failed: %.200s" % e, "")
        name = "pypdf"
    elif has_module("pdfminer"):
        from pdfminer.high_level import extract_text
        try:
            texts = extract_text(source.path).rstrip("\f").split("\f")
        except Exception as e:
            raise Refused("invalid_argument", "pdfminer failed: %.200s" % e, "")
        name = "pdfminer"
    else:
        return None
    doc = Doc("pdf")
    doc.converter = name
    for text in texts:
        blocks = doc.page()
        blocks.extend(["p", part] for part in re.split(r"\n\s*\n", text) if part.strip())
    return doc
