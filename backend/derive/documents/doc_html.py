"""HTML, whatever its state: first a tree, then blocks."""

import re
from html.parser import HTMLParser

from doc_model import Doc, Refused, link, one_line, picture, table

DEPTH_MAX = 120
NODES_MAX = 1000000
QUOTES_MAX = 8
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param",
        "source", "track", "wbr"}
SKIPPED = {"script", "style", "title", "noscript", "template", "svg", "math", "iframe", "object",
           "canvas", "select", "button", "head", "video", "audio"}
BLOCKS = {"address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dialog",
          "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3",
          "h4", "h5", "h6", "header", "hgroup", "hr", "html", "li", "main", "menu", "nav", "ol",
          "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr",
          "ul", "caption", "colgroup"}
ENDS = {"li": {"li"}, "dt": {"dt", "dd"}, "dd": {"dt", "dd"}, "tr": {"tr", "td", "th"},
        "td": {"td", "th"}, "th": {"td", "th"}, "tbody": {"tr", "td", "th", "thead", "tbody"},
        "option": {"option"}}
STOPS = {"table", "ul", "ol", "dl", "div", "body", "html", "section", "article", "td", "th"}


class Tree(HTMLParser):
    """Elements are [name, attributes, children]; a child that is a str is text."""

    def __init__(self, name="html"):
        HTMLParser.__init__(self, convert_charrefs=True)
        self.root = ["html", {}, []]
        self.stack, self.count = [self.root], 0

    def handle_starttag(self, tag, attrs):
        self.count += 1
        if self.count > NODES_MAX:
            raise Refused("too_large", "the HTML has too many elements")
        if tag in BLOCKS and self.stack[-1][0] == "p":
            self.stack.pop()
        ends = ENDS.get(tag)
        if ends:
            for i in range(len(self.stack) - 1, 0, -1):
                if self.stack[i][0] in ends:
                    del self.stack[i:]
                    if tag in ("li", "dt", "dd", "td", "th"):
                        break
                elif self.stack[i][0] in STOPS:
                    break
        node = [tag, dict(attrs), []]
        self.stack[-1][2].append(node)
        if tag not in VOID and len(self.stack) < DEPTH_MAX:
            self.stack.append(node)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID and self.stack[-1][0] == tag and len(self.stack) > 1:
            self.stack.pop()

    def handle_endtag(self, tag):
        for i in range(len(self.stack) - 1, 0, -1):
            if self.stack[i][0] == tag:
                del self.stack[i:]
                return
            if self.stack[i][0] == "table" and tag not in ("div", "body", "html", "section"):
                return

    def handle_data(self, data):
        self.stack[-1][2].append(data)


class Blocks:
    def __init__(self, doc, blocks, resolve=None, depth=0):
        self.doc, self.blocks, self.depth = doc, blocks, depth
        self.resolve = resolve or (lambda url: url)
        self.pending = []

    def flush(self):
        text = tidy("".join(self.pending))
        self.pending = []
        if text and self.doc.room(len(text)):
            self.blocks.append(["p", text])

    def walk(self, node):
        for child in node[2]:
            if isinstance(child, str):
                self.pending.append(child)
            elif child[0] in SKIPPED or "hidden" in child[1]:
                continue
            elif child[0] in BLOCKS:
                self.flush()
                self.block(child)
                self.flush()
            elif self.holds_blocks(child):
                self.walk(child)
            else:
                self.pending.append(self.inline(child))

    def holds_blocks(self, node):
        stack = [node]
        while stack:
            for child in stack.pop()[2]:
                if not isinstance(child, str):
                    if child[0] in BLOCKS:
                        return True
                    stack.append(child)
        return False

    def block(self, node):
        tag = node[0]
        if re.fullmatch(r"h[1-6]", tag):
            text = one_line(self.inside(node))
            if text:
                self.blocks.append(["h", int(tag[1]), text])
        elif tag in ("ul", "ol", "menu"):
            text = "\n".join(self.items(node, 0))
            if text and self.doc.room(len(text)):
                self.blocks.append(["md", text])
        elif tag == "pre":
            text = text_of(node).strip("\n")
            found = re.search(r"lang(?:uage)?-([\w+-]+)", classes(node))
            if text.strip():
                self.blocks.append(["code", text, found[1] if found else ""])
        elif tag == "table":
            self.table(node)
        elif tag == "blockquote" and self.depth < QUOTES_MAX:
            inner = Blocks(self.doc, [], self.resolve, self.depth + 1)
            inner.walk(node)
            inner.flush()
            self.quote(inner.blocks)
        elif tag == "dt":
            self.blocks.append(["p", "**%s**" % one_line(self.inside(node))])
        elif tag != "hr":
            self.walk(node)

    def quote(self, blocks):
        from doc_model import block_markdown

        text = "\n\n".join(block_markdown(block) for block in blocks)
        if text:
            self.blocks.append(["md", "> " + text.replace("\n", "\n> ")])

    def items(self, node, depth):
        lines, number = [], 0
        start = node[1].get("start") or "1"
        first = int(start) if start.isdigit() and len(start) < 9 else 1
        for child in node[2]:
            if isinstance(child, str) or child[0] in SKIPPED:
                continue
            if child[0] in ("ul", "ol"):
                lines.extend(self.items(child, depth + 1))
            if child[0] != "li":
                continue
            mark = "%d. " % (first + number) if node[0] == "ol" else "- "
            number += 1
            text, below = self.item(child, depth)
            lines.append("   " * min(depth, 12) + mark + text)
            lines.extend(below)
        return lines

    def item(self, node, depth):
        out, below = [], []

        def walk(part):
            for child in part[2]:
                if isinstance(child, str):
                    out.append(child)
                elif child[0] in ("ul", "ol", "menu"):
                    below.extend(self.items(child, depth + 1))
                elif child[0] == "table":
                    below.extend(table(self.rows(child)).split("\n"))
                elif child[0] in SKIPPED:
                    continue
                elif child[0] in BLOCKS or self.holds_blocks(child):
                    out.append(" ")
                    walk(child)
                    out.append(" ")
                else:
                    out.append(self.inline(child))

        walk(node)
        return one_line("".join(out)), below

    def rows(self, node):
        rows, spans = [], {}
        for row in elements(node, "tr", "table"):
            cells, column = [], 0
            for each in row[2]:
                if isinstance(each, str) or each[0] not in ("td", "th"):
                    continue
                while spans.get(column, 0):
                    spans[column] -= 1
                    cells.append("")
                    column += 1
                wide, high = span(each, "colspan"), span(each, "rowspan")
                cells.append(tidy(self.inside(each)))
                cells.extend([""] * (wide - 1))
                for i in range(column, column + wide):
                    if high > 1:
                        spans[i] = high - 1
                column += wide
            if cells:
                if not self.doc.room(sum(map(len, cells)) + 8):
                    break
                rows.append(cells)
        return rows

    def table(self, node):
        for caption in elements(node, "caption", "table"):
            self.blocks.append(["p", one_line(self.inside(caption))])
        wide = max((sum(not isinstance(each, str) and each[0] in ("td", "th") for each in row[2])
                    for row in elements(node, "tr", "table")), default=0)
        if wide <= 1 or any(True for _ in elements(node, "table", None)):
            self.layout(node)
            return
        rows = self.rows(node)
        if rows:
            self.blocks.append(["table", rows])

    def layout(self, node):
        """A table that only places things."""
        for child in node[2]:
            if isinstance(child, str):
                continue
            if child[0] in ("tr", "tbody", "thead", "tfoot"):
                self.layout(child)
            elif child[0] in ("td", "th"):
                self.flush()
                self.walk(child)
                self.flush()

    def inside(self, node):
        return "".join(child if isinstance(child, str) else self.inline(child)
                       for child in node[2])

    def inline(self, node):
        tag = node[0]
        if tag in SKIPPED:
            return ""
        if tag == "br":
            return "\v"
        if tag == "img":
            return self.image(node[1])
        if tag == "input":
            return {"checkbox": "[x] " if "checked" in node[1] else "[ ] "}.get(
                node[1].get("type"), "")
        text = self.inside(node)
        if tag == "a":
            return self.anchor(node[1], text)
        if tag in ("code", "kbd", "samp", "tt") and text.strip() and "`" not in text:
            return "`%s`" % one_line(text)
        if tag in ("strong", "b", "em", "i") and text.strip():
            mark = "**" if tag in ("strong", "b") else "*"
            if mark[0] not in text and "\v" not in text:
                inner = text.strip()
                start = text[:len(text) - len(text.lstrip())]
                return start + mark + inner.replace("\n", " ") + mark + text[len(text.rstrip()):]
        if tag in ("li", "p", "div", "tr") or re.fullmatch("h[1-6]", tag):
            return text + "\v"
        if tag in ("td", "th"):
            return text + " "
        return text

    def anchor(self, attrs, text):
        url = (attrs.get("href") or "").strip()
        if not url or url.startswith(("#", "javascript:")) or not text.strip():
            return text
        url = self.resolve(url)
        if text.lstrip().startswith("!["):
            return text
        self.doc.add_link(one_line(text), url)
        return link(text.replace("\v", " "), url)

    def image(self, attrs):
        source, alt = (attrs.get("src") or "").strip(), one_line(attrs.get("alt") or "")
        if source.startswith("data:"):
            source = source.partition(",")[0][:60]
        elif source:
            source = self.resolve(source)
        if not source:
            return alt
        facts = {each: int(attrs[each]) for each in ("width", "height")
                 if (attrs.get(each) or "").isdigit() and len(attrs[each]) < 7}
        self.doc.add_image(name=source, alt=alt, **facts)
        return picture(alt, source)


def tidy(text):
    text = re.sub(r"[ \t\r\n\xa0]+", " ", text)
    return re.sub(r" *\v+ *", "\n", text).strip()


def classes(node):
    own = node[1].get("class") or ""
    return own + " " + " ".join((child[1].get("class") or "") for child in node[2]
                                if not isinstance(child, str))


def text_of(node):
    return "".join(child if isinstance(child, str) else
                   "\n" if child[0] == "br" else text_of(child) for child in node[2])


def elements(node, tag, until):
    """Descendants of that name, not those in an `until` below."""
    stack = [child for child in reversed(node[2]) if not isinstance(child, str)]
    while stack:
        each = stack.pop()
        if each[0] == tag:
            yield each
        if each[0] != until:
            stack.extend(child for child in reversed(each[2]) if not isinstance(child, str))


def span(node, name):
    text = node[1].get(name) or "1"
    return max(1, min(50, int(text))) if text.isdigit() and len(text) < 6 else 1


def parse(text):
    """What is not closed at the end costs HTMLParser quadratic time: it is made plain before."""
    at = text.find("<!--", text.rfind("-->") + 1)
    text = text[:at] if at >= 0 else text
    at = text.rfind(">") + 1
    text = text[:at] + text[at:].replace("<", "&lt;")
    tree = Tree()
    tree.feed(text)
    tree.close()
    return tree.root


def head(doc, root):
    for node in elements(root, "title", "svg"):
        doc.title = one_line(text_of(node))[:500]
        doc.add_meta("title", doc.title)
        break
    for node in elements(root, "meta", None):
        name = node[1].get("name") or node[1].get("property")
        if name and node[1].get("content"):
            doc.add_meta(name[:100], node[1]["content"])
    for node in elements(root, "html", None):
        doc.add_meta("lang", node[1].get("lang"))


def add(doc, blocks, root, resolve=None):
    maker = Blocks(doc, blocks, resolve)
    maker.walk(root)
    maker.flush()


def convert(source, wanted):
    from doc_text import decode

    doc = Doc("html")
    root = parse(decode(source.read(), source.charset)[0])
    base = source.url

    def resolve(url):
        if not base:
            return url
        from urllib.parse import urljoin
        try:
            return urljoin(base, url)
        except ValueError:
            return url

    head(doc, root)
    add(doc, doc.page(), root, resolve)
    return doc
