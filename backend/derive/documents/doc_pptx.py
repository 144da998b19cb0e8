"""Presentations. A slide is a page: its title, texts, tables, charts, pictures and notes."""

from doc_docx import rel_id
from doc_model import Doc, broken, link, one_line, picture
from doc_zip import Archive, core_properties

TITLES = ("title", "ctrTitle")


class Slides:
    def __init__(self, path):
        self.archive = Archive(path, "the presentation")
        self.doc = Doc("pptx", "slide")
        self.part = "ppt/presentation.xml"
        for kind, target, external in self.archive.rels("").values():
            if kind == "officeDocument" and not external:
                self.part = target
        self.rels = {}

    def convert(self):
        root = self.archive.xml(self.part)
        if root is None:
            raise broken("the presentation", "%s is missing" % self.part)
        core_properties(self.doc, self.archive)
        rels = self.archive.rels(self.part)
        order = root.find("sldIdLst")
        for node in order.children if order is not None else ():
            part = rels.get(rel_id(node.attrs), ("", ""))[1]
            if part and self.archive.has(part):
                self.slide(part)
        first = self.doc.pages[0][1] if self.doc.pages else ""
        self.doc.title = self.doc.title or first
        return self.doc

    def slide(self, part):
        root = self.archive.xml(part)
        self.rels = self.archive.rels(part)
        self.blocks = self.doc.page()
        tree = root.find("cSld", "spTree")
        title = self.title(tree) if tree is not None else ""
        self.doc.pages[-1][1] = title
        if title:
            self.blocks.append(["h", 2, title])
        if root.attrs.get("show") == "0":
            self.blocks.append(["p", "(hidden)"])
        if tree is not None:
            self.shapes(tree)
        for kind, target, external in self.rels.values():
            if kind == "notesSlide" and not external:
                self.notes(target)

    def placeholder(self, shape):
        for node in shape.children:
            if node.tag.startswith("nv"):
                found = node.find("nvPr", "ph")
                if found is not None:
                    return found.attrs.get("type", "body")
        return None

    def title(self, tree):
        for shape in tree.all("sp"):
            if self.placeholder(shape) in TITLES:
                body = shape.find("txBody")
                text = one_line(" ".join(self.text(p) for p in body.all("p"))) if body else ""
                if text:
                    return text
        return ""

    def shapes(self, tree, depth=0):
        for node in tree.children:
            if node.tag == "sp" and self.placeholder(node) not in TITLES + ("sldNum", "ftr", "dt"):
                self.body(node)
            elif node.tag == "graphicFrame":
                self.frame(node)
            elif node.tag == "pic":
                self.picture(node)
            elif node.tag in ("grpSp", "AlternateContent", "Choice") and depth < 30:
                self.shapes(node, depth + 1)

    def body(self, shape):
        body = shape.find("txBody")
        if body is None:
            return
        bullets = self.placeholder(shape) in ("body", "obj", None) and \
            self.placeholder(shape) is not None
        lines = []
        for p in body.children:
            text = one_line(self.text(p)) if p.tag == "p" else ""
            if not text or not self.doc.room(len(text)):
                continue
            properties = p.find("pPr")
            level = properties.attrs.get("lvl", "0") if properties is not None else "0"
            listed = bullets
            if properties is not None:
                listed = (listed or properties.find("buChar") is not None
                          or properties.find("buAutoNum") is not None) \
                    and properties.find("buNone") is None
            numbered = properties is not None and properties.find("buAutoNum") is not None
            depth = int(level) if level.isdigit() else 0
            lines.append(("   " * min(depth, 8) + ("1. " if numbered else "- ") if listed else "",
                          text))
        if any(mark for mark, _ in lines):
            self.blocks.append(["md", "\n".join(mark + text for mark, text in lines)])
        else:
            self.blocks.extend(["p", text] for _, text in lines)

    def text(self, p, depth=0):
        out = []
        for node in p.children:
            if node.tag in ("r", "fld"):
                text = node.find("t")
                text = text.strings() if text is not None else ""
                click = node.find("rPr", "hlinkClick")
                rel = self.rels.get(rel_id(click.attrs) if click else "", ("", "", False))
                if rel[2] and text.strip():
                    self.doc.add_link(text, rel[1])
                    text = link(text, rel[1])
                out.append(text)
            elif node.tag == "br":
                out.append("\n")
            elif node.tag == "tab":
                out.append("\t")
            elif depth < 20 and node.children:
                out.append(self.text(node, depth + 1))
        return "".join(out)

    def frame(self, node):
        for table in node.all("tbl"):
            self.table(table)
            return
        for chart in node.all("chart"):
            rel = self.rels.get(rel_id(chart.attrs), ("", ""))
            root = self.archive.xml(rel[1]) if rel[1] else None
            if root is not None:
                self.chart(root)

    def table(self, node):
        rows = []
        for row in node.children:
            if row.tag != "tr":
                continue
            cells = []
            for each in row.children:
                if each.tag == "tc":
                    merged = each.attrs.get("hMerge") or each.attrs.get("vMerge")
                    cells.append("" if merged else "\n".join(
                        self.text(p) for p in each.all("p")).strip())
            if not self.doc.room(sum(map(len, cells)) + 8):
                return
            rows.append(cells)
        if rows:
            self.blocks.append(["table", rows])

    def chart(self, root):
        names, rows, heads = [], {}, [""]
        title = root.find("chart", "title")
        for series in root.all("ser"):
            head = series.find("tx")
            heads.append(one_line("".join(v.strings() for v in head.all("v"))) if head else "")
            for key, target in (("cat", names), ("xVal", names)):
                part = series.find(key)
                if part is not None and not names:
                    target.extend(v.strings() for v in part.all("v"))
            values = series.find("val") or series.find("yVal")
            for i, v in enumerate(values.all("v") if values is not None else ()):
                rows.setdefault(i, {})[len(heads) - 1] = v.strings()
        if title is not None:
            self.blocks.append(["p", "Chart: " + one_line(
                "".join(t.strings() for t in title.all("t")))])
        if rows and len(rows) <= 5000 and len(heads) <= 200:
            self.blocks.append(["table", [heads] + [
                [names[i] if i < len(names) else str(i + 1)]
                + [rows[i].get(n, "") for n in range(1, len(heads))] for i in sorted(rows)]])

    def picture(self, node):
        alt = node.get("nvPicPr", "cNvPr", "descr")
        for blip in node.all("blip"):
            name = self.rels.get(rel_id(blip.attrs, "embed"), ("", ""))[1]
            if name:
                self.doc.add_image(name=name, alt=one_line(alt), member=name)
                self.blocks.append(["p", picture(alt, name.rpartition("/")[2])])
            return

    def notes(self, part):
        root = self.archive.xml(part)
        rels, self.rels = self.rels, self.archive.rels(part)
        lines = []
        for shape in root.all("sp") if root is not None else ():
            body = shape.find("txBody")
            if self.placeholder(shape) == "body" and body is not None:
                lines.extend(one_line(self.text(p)) for p in body.children if p.tag == "p")
        self.rels = rels
        text = "\n".join(line for line in lines if line)
        if text:
            self.blocks.append(["md", "> Notes: " + text.replace("\n", "\n> ")])


def convert(source, wanted):
    return Slides(source.path).convert()
