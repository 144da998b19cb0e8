"""What is told of a converted document: a part of its Markdown, or the things in it."""

import json
import os
import tempfile

from doc_model import LINK, Refused, block_text, markdown, one_line, plain


def make(request, wanted, doc, facts):
    if doc.unit == "sheet" and wanted.sheet:
        pages = doc.pages if doc.partial else [
            page for page in doc.pages if page[0] in wanted.sheets([each[1] for each in doc.pages])]
    else:
        wanted.check(doc.count(), doc.unit)
        pages = [page for page in doc.pages if wanted.has(page[0])]
    said = {"name": facts["name"], "url": facts["url"], "format": doc.kind,
            "title": doc.title[:300], "pages": doc.count(), "unit": doc.unit,
            "converter": doc.converter, "notes": doc.notes}
    if wanted.what == "markdown":
        said.update(part(request, markdown(doc, pages).encode("utf-8", "replace")))
    else:
        said.update(listed(request, wanted, ITEMS[wanted.what](doc, pages, wanted)))
    return said


def part(request, data):
    if request.get("save_to"):
        return {"total": len(data), "saved": write(request["save_to"], data)}
    offset, most = request.get("offset", 0), request.get("max_bytes", 24576)
    if offset and offset >= len(data):
        raise Refused("invalid_argument", "offset: the Markdown has %d bytes only" % len(data),
                      "pass the offset that the part before named")
    while offset and data[offset] & 0xC0 == 0x80:
        offset -= 1
    end = cut(data, offset, most)
    return {"total": len(data), "from": offset, "to": end,
            "text": data[offset:end].decode("utf-8", "replace")}


def cut(data, offset, most):
    """Where a part of at most so many bytes ends: behind a block, a line, a character."""
    end = offset + most
    if end >= len(data):
        return len(data)
    for mark, least in ((b"\n\n", offset + most // 2), (b"\n", offset + most // 2)):
        at = data.rfind(mark, least, end)
        if at >= 0:
            return at + len(mark)
    while end > offset + 1 and data[end] & 0xC0 == 0x80:
        end -= 1
    return end


def write(path, data):
    """Atomically, as file_write does; returns the path."""
    path = os.path.abspath(os.path.expanduser(path))
    try:
        if os.path.isdir(path):
            raise Refused("invalid_argument", "save_to: %s is a folder" % path)
        if os.path.lexists(path) and not os.path.isfile(path):
            raise Refused("invalid_argument", "save_to: %s is no regular file" % path)
        path = os.path.realpath(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o644
        fd, fresh = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".sandbox-")
        try:
            with open(fd, "wb") as f:
                f.write(data)
            os.chmod(fresh, mode)
            os.rename(fresh, path)
        except BaseException:
            os.unlink(fresh)
            raise
    except OSError as e:
        raise Refused("denied" if isinstance(e, PermissionError) else "invalid_argument",
                      "save_to: %s: %s" % (path, e.strerror or e))
    return path


# ---- extract ----

def metadata(doc, pages, wanted):
    facts = [["format", doc.kind], [doc.unit + "s", str(doc.count())]]
    seen = set()
    items = []
    for name, value in facts + ([["title", doc.title]] if doc.title else []) + doc.meta:
        if name not in seen:
            seen.add(name)
            items.append({"name": name, "value": value})
    return items


def outline(doc, pages, wanted):
    if doc.outline:
        return [{"level": level, "title": title, doc.unit: number}
                for level, title, number in doc.outline if wanted.has(number)]
    return [{"level": block[1], "title": plain(block[2]), doc.unit: number}
            for number, name, blocks in pages for block in blocks if block[0] == "h"]


def tables(doc, pages, wanted):
    items = []
    for number, name, blocks in pages:
        for block in blocks:
            if block[0] != "table":
                continue
            item = {doc.unit: number}
            if doc.unit == "sheet":
                item["name"] = name
            if len(block) > 2:
                item["range"] = block[2]
            item["rows"] = [[plain(text) for text in row] for row in block[1]]
            items.append(item)
    return items


def links(doc, pages, wanted):
    items = [{"text": plain(text), "url": url, doc.unit: number}
             for number, text, url in doc.links if wanted.has(number)]
    if items or doc.links:
        return items
    for number, name, blocks in pages:
        for block in blocks:
            for bang, text, url in LINK.findall(block[1] if block[0] == "md" else ""):
                if not bang:
                    items.append({"text": one_line(text), "url": url, doc.unit: number})
    return items


def images(doc, pages, wanted):
    items = []
    for image in doc.images:
        if wanted.has(image["page"]):
            item = {doc.unit if key == "page" else key: value for key, value in image.items()
                    if value not in ("", None) and key != "member"}
            items.append(item)
    return items


def text(doc, pages, wanted):
    return [{doc.unit: number, "text": "\n\n".join(filter(None, map(block_text, blocks)))}
            for number, name, blocks in pages]


ITEMS = {"metadata": metadata, "outline": outline, "tables": tables, "links": links,
         "images": images, "text": text}


def listed(request, wanted, items):
    said = {"count": len(items)}
    path = request.get("save_to")
    if path:
        said["saved"] = write(path, table_file(items) if wanted.what == "tables"
                              and path.lower().endswith(".csv") else
                              "\n".join(item["text"] for item in items).encode("utf-8", "replace")
                              if wanted.what == "text" and not path.lower().endswith(".json") else
                              json.dumps(items, indent=1, ensure_ascii=False).encode(
                                  "utf-8", "replace"))
        said.update(items=[], truncated=False)
        return said
    kept, left = [], request.get("max_bytes", 24576)
    for item in items:
        size = len(json.dumps(item, ensure_ascii=False).encode("utf-8", "replace")) + 1
        if size > left:
            item = shorter(item, left)
            if item:
                kept.append(item)
            break
        left -= size
        kept.append(item)
    said.update(items=kept, truncated=len(kept) < len(items) or bool(kept and (
        "rows_left" in kept[-1] or "bytes_left" in kept[-1])))
    return said


def shorter(item, left):
    """A part of what does not fit, when that is worth something."""
    left -= 200
    if left < 500:
        return None
    if "rows" in item:
        rows, kept = item["rows"], []
        for row in rows:
            left -= len(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace")) + 1
            if left < 0:
                break
            kept.append(row)
        return {**item, "rows": kept, "rows_left": len(rows) - len(kept)} if kept else None
    if len(item.get("text", "")) > 1000:
        data = item["text"].encode("utf-8", "replace")
        data = data[:cut(data, 0, left * 9 // 10)]
        return {**item, "text": data.decode("utf-8", "replace"),
                "bytes_left": len(item["text"].encode("utf-8", "replace")) - len(data)}
    return None


def table_file(items):
    import csv
    import io

    out = io.StringIO()
    for i, item in enumerate(items):
        if i:
            out.write("\n")
        csv.writer(out, lineterminator="\n").writerows(item["rows"])
    return out.getvalue().encode("utf-8", "replace")
