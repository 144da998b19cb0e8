"""OpenDocument: text, spreadsheets, presentations."""

import re

from doc_model import CELLS_MAX, Doc, broken, link, one_line, picture
from doc_zip import Archive

REPEAT_MAX = 1000
SKIPPED = {"annotation", "annotation-end", "tracked-changes", "note-citation", "bookmark",
           "sequence-decls", "forms", "notes"}


class Open:
    def __init__(self, source):
        self.archive = Archive(source.path, "the document")
        self.doc = Doc(source.kind, {"ods": "sheet", "odp": "slide"}.get(source.kind, "page"))
        self.ordered, self.breaks, self.notes, self.cells = set(), set(), [], 0
        self.blocks = []

    def convert(self, wanted):
        root = self.archive.xml("content.xml")
        body = root.find("body") if root is not None else None
        if body is None or not body.children:
            raise broken("the document", "it has no content")
        self.metadata()
        self.read_styles(root)
        content = next((node for node in body.children if node.tag in (
            "text", "spreadsheet", "presentation", "drawing")), body)
        {"sheet": self.sheets, "slide": self.slides}.get(self.doc.unit, self.text)(content, wanted)
        if self.notes:
            self.blocks.append(["md", "\n".join("[^%d]: %s" % pair for pair in enumerate(
                self.notes, 1))])
        if not self.doc.title:
            self.doc.title = next((block[2] for page in self.doc.pages[:1] for block in page[2]
                                   if block[0] == "h"), "")
        return self.doc

    def metadata(self):
        root = self.archive.xml("meta.xml")
        meta = root.find("meta") if root is not None else None
        for node in meta.children if meta is not None else ():
            if node.tag in ("title", "creator", "subject", "description", "keyword", "date",
                            "creation-date", "initial-creator", "language", "generator"):
                self.doc.add_meta(node.tag.replace("-", "_"), node.strings())
                if node.tag == "title":
                    self.doc.title = one_line(node.strings())

    def read_styles(self, root):
        for style in root.all("list-style"):
            if style.find("list-level-style-number") is not None:
                self.ordered.add(style.attrs.get("name"))
        for style in root.all("style"):
            if style.get("paragraph-properties", "break-before") == "page":
                self.breaks.add(style.attrs.get("name"))

    # ---- text ----

    def text(self, content, wanted):
        self.blocks = self.doc.page()
        self.walk(content)

    def walk(self, parent, depth=0):
        for node in parent.children:
            if node.tag in ("h", "p"):
                style = node.attrs.get("style-name")
                soft = any(True for _ in node.all("soft-page-break"))
                if self.blocks and self.doc.unit == "page" and (style in self.breaks):
                    self.blocks = self.doc.page()
                self.paragraph(node)
                if soft and self.doc.unit == "page" and not self.breaks:
                    self.blocks = self.doc.page()
            elif node.tag == "soft-page-break":
                if self.blocks and not self.breaks:
                    self.blocks = self.doc.page()
            elif node.tag == "list":
                lines = self.items(node, 0, None)
                if lines:
                    self.blocks.append(["md", "\n".join(lines)])
            elif node.tag == "table":
                rows = self.rows(node)
                if rows:
                    self.blocks.append(["table", rows])
            elif node.tag not in SKIPPED and depth < 60:
                self.walk(node, depth + 1)

    def paragraph(self, node):
        text = self.inline(node).strip()
        if not text or not self.doc.room(len(text)):
            return
        if node.tag == "h":
            level = node.attrs.get("outline-level", "1")
            self.blocks.append(["h", int(level) if level.isdigit() else 1, one_line(text)])
        elif node.attrs.get("style-name") == "Title":
            self.blocks.append(["h", 1, one_line(text)])
        else:
            self.blocks.append(["p", text])

    def items(self, node, depth, ordered):
        style = node.attrs.get("style-name")
        ordered = style in self.ordered if style else ordered
        lines, number = [], 0
        for item in node.children:
            if item.tag not in ("list-item", "list-header"):
                continue
            number += 1
            first = True
            for part in item.children:
                if part.tag == "list" and depth < 12:
                    lines.extend(self.items(part, depth + 1, ordered))
                elif part.tag in ("p", "h"):
                    text = one_line(self.inline(part))
                    if text and self.doc.room(len(text)):
                        mark = ("%d. " % number if ordered else "- ") if first else "  "
                        lines.append("   " * depth + mark + text)
                        first = False
        return lines

    def inline(self, node, depth=0):
        out = [re.sub(r"\s+", " ", node.text)]
        for child in node.children:
            tag = child.tag
            if tag == "#":
                out.append(re.sub(r"\s+", " ", child.text))
            elif tag == "s":
                count = child.attrs.get("c", "1")
                out.append(" " * (min(int(count), 100) if count.isdigit() else 1))
            elif tag == "tab":
                out.append("\t")
            elif tag == "line-break":
                out.append("\n")
            elif tag == "a":
                text, url = self.inline(child, depth + 1), child.attrs.get("href", "")
                if url and not url.startswith("#") and text.strip():
                    self.doc.add_link(one_line(text), url)
                    text = link(text, url)
                out.append(text)
            elif tag == "note":
                body = child.find("note-body")
                self.notes.append("" if body is None else one_line(self.inline(body, depth + 1)))
                out.append("[^%d]" % len(self.notes))
            elif tag == "frame":
                out.append(self.frame(child, depth))
            elif tag not in SKIPPED and depth < 60:
                out.append(self.inline(child, depth + 1))
        return "".join(out)

    def frame(self, node, depth):
        image = node.get("image", "href")
        if image:
            alt = "".join(part.strings() for part in node.children if part.tag in ("title", "desc"))
            self.doc.add_image(name=image, alt=one_line(alt), member=image)
            return picture(alt, image.rpartition("/")[2])
        box = node.find("text-box")
        return self.inline(box, depth + 1) if box is not None and depth < 60 else ""

    # ---- tables ----

    def rows(self, node):
        rows, empty = [], 0
        for row in self.table_rows(node):
            cells = []
            for each in row.children:
                if each.tag not in ("table-cell", "covered-table-cell"):
                    continue
                text = "" if each.tag[0] == "c" else self.cell_text(each)
                count = each.attrs.get("number-columns-repeated", "1")
                count = min(int(count), REPEAT_MAX) if count.isdigit() else 1
                cells.extend([text] * count)
            while cells and not cells[-1]:
                cells.pop()
            count = row.attrs.get("number-rows-repeated", "1")
            if cells and count.isdigit() and int(count) > REPEAT_MAX:
                self.doc.note("more cells are repeated than are converted")
            count = min(int(count), REPEAT_MAX) if count.isdigit() and cells else 1
            for _ in range(count):
                self.cells += len(cells)
                if self.cells > CELLS_MAX or not self.doc.room(sum(map(len, cells)) + 8):
                    self.doc.note("there are more cells than are converted")
                    return rows
                empty = 0 if cells else empty + 1
                if cells:
                    rows.append(cells)
        return rows

    def table_rows(self, node):
        for child in node.children:
            if child.tag == "table-row":
                yield child
            elif child.tag in ("table-rows", "table-header-rows", "table-row-group"):
                yield from self.table_rows(child)

    def cell_text(self, node):
        kind, value = node.attrs.get("value-type"), node.attrs.get("date-value")
        if kind == "date" and value:
            return value.replace("T", " ").replace(" 00:00:00", "")
        return "\n".join(self.inline(p).strip() for p in node.children if p.tag in ("p", "h"))

    def sheets(self, content, wanted):
        from doc_xlsx import parse_range

        found = [node for node in content.children if node.tag == "table"]
        names = [node.attrs.get("name", "") for node in found]
        chosen = wanted.sheets(names)
        self.doc.total = len(found)
        self.doc.partial = len(chosen) < len(found) or bool(wanted.range)
        self.doc.add_meta("sheets", ", ".join(names))
        for number, node in enumerate(found, 1):
            if number not in chosen:
                continue
            self.blocks = self.doc.page_at(number, names[number - 1])
            self.blocks.append(["h", 2, names[number - 1]])
            rows = self.rows(node)
            if wanted.range:
                left, top, right, bottom = parse_range(wanted.range)
                rows = [row[left - 1:right] for row in rows[top - 1:bottom]]
            if rows:
                self.blocks.append(["table", rows])

    # ---- slides ----

    def slides(self, content, wanted):
        for page in content.children:
            if page.tag != "page":
                continue
            self.blocks = self.doc.page(page.attrs.get("name", ""))
            for frame in page.children:
                if frame.tag != "frame":
                    continue
                kind = frame.attrs.get("class", "")
                if kind in ("title",):
                    text = one_line(self.frame(frame, 0))
                    self.doc.pages[-1][1] = text
                    if text:
                        self.blocks.append(["h", 2, text])
                    continue
                box = frame.find("text-box")
                inner = box if box is not None else frame
                if frame.get("image", "href") and frame.find("table") is None:
                    self.blocks.append(["p", self.frame(frame, 0)])
                else:
                    self.walk(inner)
            notes = page.find("notes")
            text = one_line(self.inline(notes)) if notes is not None else ""
            if text:
                self.blocks.append(["md", "> Notes: " + text])


def convert(source, wanted):
    return Open(source).convert(wanted)
