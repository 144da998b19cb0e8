"""Formats of text: plain, Markdown and source, CSV, JSON, notebooks, mail."""

import re

from doc_model import CELLS_MAX, Doc, broken, from_markdown, one_line

TEXT_MAX = 32 << 20
MARKDOWN = {"md", "markdown", "mdx", "rmd", "qmd"}


def decode(data, charset=None):
    """The text, and the name of its encoding."""
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"),
                       (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(name, "replace"), name.replace("-sig", "")
    if not charset:
        found = re.search(rb"(?:charset|encoding)\s*=\s*[\"']?([A-Za-z0-9_-]+)", data[:2048])
        charset = found[1].decode() if found and data.lstrip()[:1] == b"<" else None
    for name in (charset, "utf-8"):
        try:
            if name:
                return data.decode(name), name.lower()
        except (LookupError, UnicodeDecodeError, ValueError):
            continue
    if data[:4000].count(0) * 3 > len(data[:4000]):
        order = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
        return data.decode(order, "replace"), order
    return data.decode("cp1252", "replace"), "windows-1252"


def read(source, doc):
    data = source.read(TEXT_MAX + 1)
    if len(data) > TEXT_MAX:
        data = data[:TEXT_MAX]
        doc.note("the file is larger than is converted: only its first %d MiB are here"
                 % (TEXT_MAX >> 20))
    text, encoding = decode(data, source.charset)
    doc.add_meta("encoding", encoding)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def text(source, wanted):
    doc = Doc("text")
    content = read(source, doc)
    doc.add_meta("lines", content.count("\n") + (not content.endswith("\n")))
    parts = content.split("\f")
    for part in parts if len(parts) < 10000 else [content]:
        blocks = doc.page()
        if source.extension in MARKDOWN:
            doc.kind = "markdown"
            blocks.extend(from_markdown(part))
        elif part.strip("\n"):
            blocks.append(["md", part])
    for number, _, blocks in doc.pages:
        for block in blocks:
            if block[0] == "h" and not doc.title:
                doc.title = one_line(block[2])
    return doc


def csv(source, wanted):
    import csv as reader

    doc = Doc("csv")
    content = read(source, doc)
    delimiter = "\t" if source.extension in ("tsv", "tab") else guess_delimiter(content)
    reader.field_size_limit(1 << 24)
    rows, cells = [], 0
    try:
        for row in reader.reader(content.split("\n"), delimiter=delimiter):
            cells += len(row) + 1
            if cells > CELLS_MAX or not doc.room(sum(map(len, row)) + 3 * len(row)):
                doc.note("there are more rows than are converted: %d are here" % len(rows))
                break
            if row:
                rows.append(row)
    except reader.Error as e:
        raise broken("the table", e)
    doc.add_meta("delimiter", {"\t": "tab"}.get(delimiter, delimiter))
    doc.add_meta("rows", len(rows))
    doc.add_meta("columns", max(map(len, rows), default=0))
    if wanted.range:
        from doc_xlsx import parse_range
        left, top, right, bottom = parse_range(wanted.range)
        rows = [row[left - 1:right] for row in rows[top - 1:bottom]]
        doc.partial = True
    blocks = doc.page()
    if rows:
        blocks.append(["table", rows])
    return doc


def guess_delimiter(content):
    """The one that splits the first lines into the most equal parts."""
    lines = [line for line in content[:20000].split("\n")[:20] if line.strip()][:-1] or [content]
    best = (0, ",")
    for delimiter in (",", ";", "\t", "|"):
        counts = [re.sub(r'"[^"]*"', "", line).count(delimiter) for line in lines]
        same = sum(count == counts[0] for count in counts) if counts and counts[0] else 0
        best = max(best, (same * 10 + min(counts[0], 9) if same else 0, delimiter),
                   key=lambda pair: pair[0])
    return best[1]


def json(source, wanted):
    import json as parser

    doc = Doc("json")
    content = read(source, doc)
    try:
        value = parser.loads(content)
    except RecursionError:
        raise broken("the JSON", "it is nested too deeply")
    except ValueError as e:
        if source.extension not in ("jsonl", "ndjson") and "Extra data" not in str(e):
            raise broken("the JSON", e)
        doc.page().append(["code", content, "json"])
        return doc
    doc.add_meta("type", type(value).__name__)
    if isinstance(value, (dict, list)):
        doc.add_meta("entries", len(value))
        if isinstance(value, dict):
            doc.add_meta("keys", ", ".join(map(str, list(value)[:100])))
    if isinstance(value, dict) and "cells" in value and "nbformat" in value:
        return notebook(value, doc)
    blocks = doc.page()
    rows = records(value)
    if rows:
        blocks.append(["table", rows])
    else:
        pretty = parser.dumps(value, indent=2, ensure_ascii=False)
        blown = len(pretty) > 2 * len(content) + 4096
        blocks.append(["code", content if blown else pretty, "json"])
    return doc


def records(value):
    """An array of flat objects with the same names is a table."""
    if not isinstance(value, list) or len(value) < 2 or not isinstance(value[0], dict):
        return None
    names = list(value[0])
    if not names or len(names) > 50 or len(value) * len(names) > CELLS_MAX:
        return None
    rows = [names]
    for entry in value:
        if not isinstance(entry, dict) or list(entry) != names or any(
                isinstance(each, (dict, list)) for each in entry.values()):
            return None
        rows.append(["" if each is None else str(each).lower() if isinstance(each, bool) else
                     str(each) for each in entry.values()])
    return rows


def joined(value):
    return "".join(map(str, value)) if isinstance(value, list) else str(value or "")


def notebook(value, doc):
    doc.kind = "ipynb"
    meta = value.get("metadata") if isinstance(value.get("metadata"), dict) else {}
    language = meta.get("language_info") if isinstance(meta.get("language_info"), dict) else {}
    language = str(language.get("name", "python"))[:20]
    doc.add_meta("language", language)
    blocks = doc.page()
    for cell in value["cells"] if isinstance(value["cells"], list) else ():
        if not isinstance(cell, dict):
            continue
        content = joined(cell.get("source"))
        if cell.get("cell_type") == "markdown":
            blocks.extend(from_markdown(content))
        elif content.strip():
            blocks.append(["code", content, language if cell.get("cell_type") == "code" else ""])
        for output in cell.get("outputs") or ():
            if not isinstance(output, dict):
                continue
            data = output.get("data") if isinstance(output.get("data"), dict) else {}
            said = joined(output.get("text") or data.get("text/plain")
                          or output.get("traceback"))
            said = re.sub(r"\x1b\[[0-9;]*m", "", said)
            if said.strip():
                blocks.append(["code", said, ""])
            for kind in data:
                if str(kind).startswith("image/"):
                    blocks.append(["p", "(picture: %s)" % kind])
    for block in blocks:
        if block[0] == "h" and not doc.title:
            doc.title = one_line(block[2])
    return doc


def mail(source, wanted):
    import email
    import email.policy

    doc = Doc("eml", "message")
    message = email.message_from_bytes(source.read(TEXT_MAX), policy=email.policy.default)
    blocks = doc.page()
    for name in ("Subject", "From", "To", "Cc", "Date"):
        try:
            value = message.get(name)
        except (ValueError, LookupError, IndexError, AttributeError):
            continue
        if value:
            doc.add_meta(name.lower(), str(value))
    doc.title = one_line(dict(map(tuple, doc.meta)).get("subject", ""))
    blocks.append(["h", 1, doc.title or "(no subject)"])
    blocks.append(["table", [["header", "value"]] + [pair for pair in doc.meta]])
    part = message.get_body(("plain", "html"))
    if part is not None:
        content = decode(part.get_payload(decode=True) or b"", part.get_content_charset())[0]
        if part.get_content_type() == "text/html":
            import doc_html
            doc_html.add(doc, blocks, doc_html.parse(content))
        else:
            blocks.append(["md", content])
    names = [str(part.get_filename() or part.get_content_type())
             for part in message.iter_attachments()]
    if names:
        blocks.append(["md", "Attachments:\n\n" + "\n".join("- " + one_line(name)
                                                            for name in names[:200])])
    return doc
