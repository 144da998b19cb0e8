"""What every converter makes: a document as pages of blocks, and what is made of that.

A block is a list, so that it goes into the cache as JSON: ["h", level, text], ["p", text],
["table", rows], ["code", text, language] and ["md", text], which is Markdown already. Texts of h, p
and table are Markdown of one paragraph: links and pictures are [text](url) and ![alt](name).
"""

import re

MARKDOWN_MAX = 32 << 20
CELLS_MAX = 1000000
LINK = re.compile(r"(!?)\[((?:[^\[\]\\]|\\.){0,2000})\]\(([^()\s]{0,4000})\)")


class Refused(Exception):
    """code is one of the server's error codes; next says what to do about it."""

    def __init__(self, code, message, next=""):
        Exception.__init__(self, message)
        self.code, self.message, self.next = code, message, next


def broken(what, why=""):
    why = str(why).split("\n")[0][:200]
    return Refused("invalid_argument", "%s is broken%s" % (what, ": " + why if why else ""),
                   "make or fetch the file again")


class Doc:
    FIELDS = ("kind", "unit", "title", "meta", "pages", "links", "images", "outline", "converter",
              "notes", "total", "partial")

    def __init__(self, kind, unit="page"):
        self.kind, self.unit, self.title = kind, unit, ""
        self.meta = []       # [name, value]
        self.pages = []      # [number, name, blocks]
        self.links = []      # [page, text, url]
        self.images = []     # dicts with page and name at least
        self.outline = None  # [level, title, page], when the format has one of its own
        self.converter, self.notes = "own", []
        self.total = 0       # pages there are; 0: as many as were converted
        self.partial = False  # others than the pages asked for are missing
        self.left = MARKDOWN_MAX

    def page(self, name=""):
        return self.page_at(len(self.pages) + 1, name)

    def page_at(self, number, name=""):
        self.pages.append([number, name, []])
        return self.pages[-1][2]

    def add_meta(self, name, value):
        value = str(value or "").strip()
        if value and len(self.meta) < 200:
            self.meta.append([name, value[:2000]])

    def add_link(self, text, url):
        if url and len(self.links) < 20000:
            self.links.append([len(self.pages) or 1, text[:500], url[:2000]])

    def add_image(self, **facts):
        if len(self.images) < 20000:
            self.images.append({"page": len(self.pages) or 1, **facts})

    def note(self, text):
        if text not in self.notes and len(self.notes) < 20:
            self.notes.append(text)

    def room(self, size):
        """False when no more of the document is kept; size: of the text that is to come."""
        self.left -= size
        if self.left >= 0:
            return True
        self.note("the document is larger than is converted: the rest of it is missing")
        return False

    def count(self):
        return self.total or len(self.pages)

    def dump(self):
        return {name: getattr(self, name) for name in self.FIELDS}

    @classmethod
    def load(cls, data):
        doc = cls(data["kind"])
        for name in cls.FIELDS:
            setattr(doc, name, data[name])
        return doc


def one_line(text):
    return " ".join(text.split())


def stripped(text):
    """Its lines, without blanks around them. (Expressions that do that take quadratic time.)"""
    return [line.strip() for line in text.strip().split("\n")]


def cell(text):
    return "<br>".join(filter(None, stripped(text.replace("\\|", "|").replace("|", "\\|"))))


def paragraph(text):
    """A paragraph's text, so that its first characters do not make something else of it."""
    return re.sub(r"^(#{1,6}(?=\s)|>|```|---+\s*$)", r"\\\1", "\n".join(stripped(text)),
                  flags=re.M)


def link(text, url):
    text = one_line(text).replace("[", "\\[").replace("]", "\\]")
    url = url.strip().replace(" ", "%20").replace("(", "%28").replace(")", "%29")
    return "[%s](%s)" % (text or url, re.sub(r"\s", "", url))


def picture(alt, name):
    return "!" + link(alt or "picture", name or "picture")


def table(rows):
    rows = [row for row in rows if row]
    if not rows:
        return ""
    width = max(len(row) for row in rows)
    lines = ["| %s |" % " | ".join([cell(text) for text in row] + [""] * (width - len(row)))
             for row in rows]
    lines.insert(1, "|%s" % (" --- |" * width))
    return "\n".join(lines)


def fenced(text, language=""):
    ticks = "```"
    while ticks in text:
        ticks += "`"
    return "%s%s\n%s\n%s" % (ticks, language, text.rstrip("\n"), ticks)


def block_markdown(block):
    kind = block[0]
    if kind == "h":
        return "%s %s" % ("#" * max(1, min(6, block[1])), one_line(block[2]))
    if kind == "p":
        return paragraph(block[1])
    if kind == "table":
        return table(block[1])
    if kind == "code":
        return fenced(block[1], block[2])
    return block[1].strip("\n")


def markdown(doc, pages):
    out = []
    for number, name, blocks in pages:
        if doc.count() > 1 and doc.unit != "sheet":
            out.append("<!-- %s %d%s -->" % (doc.unit, number, ": " + name.replace("--", "-")
                                             if name else ""))
        out.extend(text for text in map(block_markdown, blocks) if text)
    return "\n\n".join(out) + "\n" if out else ""


def plain(text):
    """Without the marks of links, and of what was escaped."""
    text = LINK.sub(lambda found: found[2], text)
    return re.sub(r"\\([\[\]|#>])", r"\1", text.replace("<br>", "\n"))


def block_text(block):
    if block[0] == "h":
        return plain(block[2])
    if block[0] == "table":
        return "\n".join("\t".join(one_line(plain(text)) for text in row) for row in block[1])
    return plain(block[1])


def from_markdown(text):
    """Blocks of Markdown that another program made."""
    blocks, lines, kept = [], text.split("\n"), []

    def flush():
        part = "\n".join(kept).strip("\n")
        if part.strip():
            blocks.append(["md", part])
        kept.clear()

    at, fence = 0, None
    while at < len(lines):
        line = lines[at]
        mark = re.match(r" {0,3}(```+|~~~+)", line)
        heading = re.match(r" {0,3}(#{1,6})[ \t]+(.+)", line)
        if fence or mark:
            kept.append(line)
            if not fence:
                fence = mark[1]
            elif mark and mark[1].startswith(fence):
                fence = None
        elif heading:
            flush()
            title = heading[2].strip()
            bare = title.rstrip("#")
            blocks.append(["h", len(heading[1]), bare.strip() if bare[-1:].isspace() else title])
        elif line.lstrip().startswith("|") and at + 1 < len(lines) and is_rule(lines[at + 1]):
            flush()
            rows = []
            while at < len(lines) and lines[at].lstrip().startswith("|"):
                rows.append(split_row(lines[at]))
                at += 1
            del rows[1]
            blocks.append(["table", rows])
            continue
        elif line.strip():
            kept.append(line)
        else:
            flush()
        at += 1
    flush()
    return blocks


def is_rule(line):
    return "-" in line and not line.strip(" \t:|-")


def split_row(line):
    line = line.strip()
    line = line[1:] if line.startswith("|") else line
    line = line[:-1] if line.endswith("|") and not line.endswith("\\|") else line
    return [part.strip().replace("\\|", "|") for part in re.split(r"(?<!\\)\|", line)]
