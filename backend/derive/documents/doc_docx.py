"""Word documents. Pages are those that Word drew last, else those of explicit breaks."""

import re

from doc_model import Doc, broken, link, one_line, picture, stripped
from doc_zip import Archive, core_properties

SKIPPED = {"del", "moveFrom", "instrText", "delText", "pPr", "rPr", "tblPr", "trPr", "tcPr",
           "sectPr", "Fallback", "proofErr", "commentRangeStart", "commentRangeEnd"}
ORDERED = {"decimal", "decimalZero", "lowerLetter", "upperLetter", "lowerRoman", "upperRoman",
           "ordinal"}
BREAK = "\f"


def rel_id(attrs, name="id"):
    return attrs.get("r:" + name) or attrs.get(name, "")


class Word:
    def __init__(self, path):
        self.archive = Archive(path, "the Word document")
        self.doc = Doc("docx")
        self.part = "word/document.xml"
        for kind, target, external in self.archive.rels("").values():
            if kind == "officeDocument" and not external:
                self.part = target
        self.rels = self.archive.rels(self.part)
        self.styles, self.levels, self.counters = {}, {}, {}
        self.notes, self.used = {}, []

    def named(self, kind, otherwise):
        for rel, target, external in self.rels.values():
            if rel == kind and not external:
                return target
        return "word/" + otherwise

    def convert(self):
        core_properties(self.doc, self.archive)
        self.read_styles()
        self.read_numbering()
        for kind, part in (("footnote", "footnotes.xml"), ("endnote", "endnotes.xml")):
            root = self.archive.xml(self.named(kind + "s", part))
            for note in root.children if root is not None else ():
                if note.attrs.get("type") in (None, "normal"):
                    self.notes[kind, note.attrs.get("id")] = note
        root = self.archive.xml(self.part)
        body = root.find("body") if root is not None else None
        if body is None:
            raise broken("the Word document", "it has no body")
        self.hints = any(True for _ in body.all("lastRenderedPageBreak"))
        self.blocks = self.doc.page()
        self.walk(body)
        self.add_notes()
        comments = self.archive.xml(self.named("comments", "comments.xml"))
        if comments is not None and comments.children:
            self.doc.note("%d comments are not shown" % len(comments.children))
        if not self.doc.title and self.doc.pages[0][2] and self.doc.pages[0][2][0][0] == "h":
            self.doc.title = one_line(self.doc.pages[0][2][0][2])
        return self.doc

    # ---- styles and lists ----

    def read_styles(self):
        root = self.archive.xml(self.named("styles", "styles.xml"))
        for style in root.children if root is not None else ():
            if style.tag != "style":
                continue
            name = style.get("name", "val").lower()
            level = style.get("pPr", "outlineLvl", "val")
            found = re.fullmatch(r"heading (\d)", name)
            self.styles[style.attrs.get("styleId", "")] = {
                "base": style.get("basedOn", "val"),
                "level": int(found[1]) if found else 1 if name == "title" else
                int(level) + 1 if level.isdigit() and int(level) < 9 else 0,
                "num": style.find("pPr", "numPr"),
                "code": "code" in name or "preformatted" in name or name == "macro text",
            }

    def style(self, name, what):
        for _ in range(12):
            style = self.styles.get(name)
            if style is None:
                return None
            if style[what]:
                return style[what]
            name = style["base"]
        return None

    def read_numbering(self):
        root = self.archive.xml(self.named("numbering", "numbering.xml"))
        abstract = {}
        for node in root.children if root is not None else ():
            if node.tag == "abstractNum":
                abstract[node.attrs.get("abstractNumId")] = {
                    level.attrs.get("ilvl"): (level.get("numFmt", "val"), level.get("start", "val"))
                    for level in node.children if level.tag == "lvl"}
            elif node.tag == "num":
                self.levels[node.attrs.get("numId")] = abstract.get(
                    node.get("abstractNumId", "val"), {})

    def list_mark(self, properties, style):
        number = properties.find("numPr") if properties is not None else None
        given = number if number is not None else self.style(style, "num")
        if given is None:
            return None
        number_id, level = given.get("numId", "val"), given.get("ilvl", "val") or "0"
        if number_id in ("", "0") or number_id not in self.levels:
            return None
        kind, first = self.levels[number_id].get(level, ("bullet", "1"))
        depth = int(level) if level.isdigit() else 0
        counts = self.counters.setdefault(number_id, {})
        for deeper in [each for each in counts if each > depth]:
            del counts[deeper]
        counts[depth] = counts.get(depth, (int(first) if first.isdigit() else 1) - 1) + 1
        if kind in ORDERED:
            return "   " * min(depth, 8) + "%d. " % counts[depth]
        return None if kind == "none" else "   " * min(depth, 8) + "- "

    # ---- blocks ----

    def walk(self, parent, depth=0):
        for node in parent.children:
            if node.tag == "p":
                self.paragraph(node)
            elif node.tag == "tbl":
                self.table(node)
            elif node.tag not in SKIPPED and depth < 60:
                self.walk(node, depth + 1)

    def new_page(self):
        self.blocks = self.doc.page()

    def paragraph(self, node):
        properties = node.find("pPr")
        style = properties.get("pStyle", "val") if properties is not None else ""
        if properties is not None and properties.find("pageBreakBefore") is not None \
                and not self.hints and self.blocks:
            self.new_page()
        parts = self.inline(node).split(BREAK)
        own = properties.get("outlineLvl", "val") if properties is not None else ""
        level = int(own) + 1 if own.isdigit() and int(own) < 9 else self.style(style, "level")
        mark = None if level else self.list_mark(properties, style)
        for i, text in enumerate(parts):
            if i:
                self.new_page()
            if text.strip() and self.doc.room(len(text)):
                self.add(text, level, mark if not i else None, self.style(style, "code"))
        section = properties.find("sectPr") if properties is not None else None
        if section is not None and not self.hints and section.get("type", "val") != "continuous":
            self.new_page()

    def add(self, text, level, mark, code):
        last = self.blocks[-1] if self.blocks else [""]
        if level:
            self.blocks.append(["h", level, one_line(text)])
        elif mark:
            text = mark + " ".join(stripped(text))
            if last[0] == "md":
                last[1] += "\n" + text
            else:
                self.blocks.append(["md", text])
        elif code:
            if last[0] == "code":
                last[1] += "\n" + text
            else:
                self.blocks.append(["code", text, ""])
        else:
            self.blocks.append(["p", text.strip()])

    def table(self, node):
        rows = []
        for row in self.rows(node):
            cells = []
            for each in row:
                properties = each.find("tcPr")
                span = properties.get("gridSpan", "val") if properties is not None else ""
                merge = properties.find("vMerge") if properties is not None else None
                continued = merge is not None and merge.attrs.get("val", "continue") == "continue"
                cells.append("" if continued else self.cell_text(each))
                cells.extend([""] * (min(int(span), 64) - 1 if span.isdigit() else 0))
            if not self.doc.room(sum(map(len, cells)) + 8):
                break
            rows.append(cells)
        if len(rows) == 1 and len(rows[0]) == 1:
            self.blocks.append(["p", rows[0][0]])
        elif rows:
            self.blocks.append(["table", rows])

    def rows(self, node):
        for row in node.children:
            if row.tag == "tr":
                yield [each for each in self.unwrapped(row) if each.tag == "tc"]
            elif row.tag in ("sdt", "sdtContent", "ins", "customXml"):
                yield from self.rows(row)

    def unwrapped(self, row):
        for each in row.children:
            if each.tag in ("sdt", "sdtContent", "customXml"):
                yield from self.unwrapped(each)
            else:
                yield each

    def cell_text(self, node):
        lines = []
        for p in node.all("p"):
            text = self.inline(p).replace(BREAK, "\n").strip()
            if text:
                mark = self.list_mark(p.find("pPr"), p.get("pPr", "pStyle", "val"))
                lines.append((mark or "") + text)
        return "\n".join(lines)

    def add_notes(self):
        lines = []
        for i, key in enumerate(self.used, 1):
            text = " ".join(one_line(self.inline(p)) for p in self.notes[key].all("p"))
            lines.append("[^%d]: %s" % (i, text.strip()))
        if lines:
            self.blocks.append(["md", "\n".join(lines)])

    # ---- text ----

    def inline(self, node, depth=0):
        out = []
        for child in node.children:
            tag = child.tag
            if tag == "t":
                out.append(child.strings())
            elif tag in SKIPPED:
                continue
            elif tag == "tab":
                out.append("\t")
            elif tag in ("br", "cr"):
                page = child.attrs.get("type") == "page"
                out.append(("" if self.hints else BREAK) if page else "\n")
            elif tag == "lastRenderedPageBreak":
                out.append(BREAK)
            elif tag == "noBreakHyphen":
                out.append("-")
            elif tag == "hyperlink":
                out.append(self.hyperlink(child, depth))
            elif tag in ("footnoteReference", "endnoteReference"):
                out.append(self.note_mark(tag[:-9], child.attrs.get("id")))
            elif tag in ("drawing", "pict", "object"):
                out.append(self.drawing(child))
            elif tag == "p":  # of a text box
                out.append("\n" + self.inline(child, depth + 1) + "\n")
            elif child.children and depth < 60:
                out.append(self.inline(child, depth + 1))
        return "".join(out)

    def hyperlink(self, node, depth):
        text = self.inline(node, depth + 1)
        kind, target, external = self.rels.get(rel_id(node.attrs), ("", "", False))
        if not external or not text.strip():
            return text
        self.doc.add_link(one_line(text), target)
        return link(text, target)

    def note_mark(self, kind, number):
        key = kind, number
        if key not in self.notes:
            return ""
        if key not in self.used:
            self.used.append(key)
        return "[^%d]" % (self.used.index(key) + 1)

    def drawing(self, node):
        out, alt = [], ""
        for child in node.all("docPr"):
            alt = child.attrs.get("descr") or child.attrs.get("title") or ""
        for blip in list(node.all("blip")) + list(node.all("imagedata")):
            name = self.rels.get(rel_id(blip.attrs, "embed") or rel_id(blip.attrs), ("", ""))[1]
            if name:
                self.doc.add_image(name=name, alt=one_line(alt), member=name)
                out.append(picture(alt, name.rpartition("/")[2]))
        for box in node.all("txbxContent"):
            out.extend("\n" + self.inline(p, 1) for p in box.children if p.tag == "p")
            break
        return " ".join(out)


def convert(source, wanted):
    return Word(source.path).convert()
