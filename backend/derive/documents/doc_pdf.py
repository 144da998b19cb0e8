"""PDF: the words and their places come from poppler, what they mean is found out here."""

import re
import shutil
from html import unescape

import doc_run
from doc_model import Doc, Refused, broken, one_line

RESERVE_S = 6
TAG = re.compile(r'<(page|block|line|word) ([^>]*)>(?:([^<]*)</word>)?')
PLACE = re.compile(r'(\w+)="([-\d.]+)"')
BULLET = re.compile(r"^([•▪◦‣●○■□–*·-]|\(?(?:\d{1,3}|[a-z])[.)])\s+(?=\S)")


class Word:
    __slots__ = ("x", "y", "right", "bottom", "text", "row")

    def __init__(self, box, text):
        self.x, self.y, self.right, self.bottom = box
        self.text, self.row = text, None


def read_pages(stream):
    """Each page as its blocks of lines of words."""
    page = None
    for raw in stream:
        for tag, attrs, text in TAG.findall(raw.decode("utf-8", "replace")):
            if tag == "page":
                if page is not None:
                    yield page
                page = []
            elif page is None:
                continue
            elif tag == "block":
                page.append([])
            elif tag == "line" and page:
                page[-1].append([])
            elif tag == "word" and page and page[-1] and text:
                box = dict(PLACE.findall(attrs))
                try:
                    box = [float(box[each]) for each in ("xMin", "yMin", "xMax", "yMax")]
                except (KeyError, ValueError):
                    continue
                page[-1][-1].append(Word(box, unescape(text)))
    if page is not None:
        yield page


def joined(words):
    """Leaders of dots are shortened."""
    return re.sub(r"(?: ?\.){5,}", " ... ", " ".join(word.text for word in words))


def height(words):
    sizes = sorted(word.bottom - word.y for word in words)
    return sizes[len(sizes) // 2] if sizes else 0


def visual_rows(words):
    """Words side by side, from the top, whichever block they are in."""
    rows = []
    for word in sorted(words, key=lambda w: (w.y + w.bottom) / 2):
        middle = (word.y + word.bottom) / 2
        if rows and rows[-1][0].y <= middle <= rows[-1][0].bottom and \
                abs(middle - (rows[-1][0].y + rows[-1][0].bottom) / 2) < 0.6 * (
                    rows[-1][0].bottom - rows[-1][0].y):
            rows[-1].append(word)
        else:
            rows.append([word])
    for row in rows:
        row.sort(key=lambda w: w.x)
    return rows


def segments(row):
    """Stretches of a row with wide gaps between them."""
    parts = [[row[0]]]
    for word in row[1:]:
        gap = max(0.55 * (parts[-1][-1].bottom - parts[-1][-1].y), 3)
        if word.x - parts[-1][-1].right > gap:
            parts.append([word])
        else:
            parts[-1].append(word)
    return parts


def columns_of(rows):
    """The stretches of x that all rows leave between each other."""
    spans = sorted([part[0].x, max(word.right for word in part)] for row in rows for part in row)
    columns = []
    for left, right in spans:
        if columns and left <= columns[-1][1] + 1:
            columns[-1][1] = max(columns[-1][1], right)
        else:
            columns.append([left, right])
    return columns


def is_prose(rows, columns):
    """Text in columns, or a list whose marks stand apart."""
    marks = [" ".join(word.text for word in row[0]) for row in rows
             if row[0][0].x < columns[0][1] + 1]
    if len(columns) == 2 and sum(map(len, marks)) <= 8 * len(marks):
        return all(BULLET.match(mark + " x") for mark in marks)
    sizes = [sum(len(word.text) + 1 for word in part) for row in rows for part in row]
    return len(columns) < 4 and sum(sizes) / len(sizes) > (24 if len(columns) == 2 else 34)


def to_cells(rows, columns):
    out = []
    for row in rows:
        cells = [""] * len(columns)
        for part in row:
            for i, (left, right) in enumerate(columns):
                if left - 1 <= part[0].x <= right + 1:
                    cells[i] = (cells[i] + " " + joined(part)).strip()
                    break
        # A row that goes on with the one above, as its cells do not fit a line each.
        above = out[-1] if out else None
        near = out and row[0][0].y - last_bottom < 0.35 * (row[0][0].bottom - row[0][0].y)
        if above and near and not cells[0] and sum(map(bool, cells)) < len(columns):
            for i, text in enumerate(cells):
                above[i] = (above[i] + " " + text).strip()
        else:
            out.append(cells)
        last_bottom = max(word.bottom for part in row for word in part)
    return out


def find_tables(words):
    """Tables, each as its cells; their words are marked with it."""
    run, tables = [], []

    def close():
        while run and len(run[-1]) < 2:
            run.pop()
        if len(run) >= 2:
            columns = columns_of(run)
            full = sum(len(row) >= 2 for row in run)
            if len(columns) >= 2 and full >= 2 and not is_prose(run, columns):
                found = to_cells(run, columns)
                tables.append(found)
                for row in run:
                    for part in row:
                        for word in part:
                            word.row = found
        run.clear()

    bottom = None
    for row in visual_rows(words):
        parts = segments(row)
        size = height(row)
        near = bottom is not None and row[0].y - bottom < 1.6 * size
        if run and not near:
            close()
        if len(parts) >= 2:
            if run and len(columns_of(run + [parts])) < 2:
                close()
            run.append(parts)
        elif run:
            left, right = parts[0][0].x, parts[0][-1].right
            inside = [i for i, (a, b) in enumerate(columns_of(run)) if a - 2 <= left
                      and right <= b + size]
            if inside and inside[0] and row[0].y - bottom < 0.35 * size:
                run.append(parts)
            else:
                close()
        bottom = max(word.bottom for word in row)
    close()
    return tables


class Page:
    def __init__(self, blocks, body, levels, outline):
        self.out, self.body, self.levels, self.outline = [], body, levels, outline
        words = [word for block in blocks for line in block for word in line]
        find_tables(words)
        self.shown = []
        edges = [(min(line[0].x for line in block if line), max(
            line[-1].right for line in block if line)) for block in blocks if any(block)]
        for block in blocks:
            self.block(block, edges)

    def block(self, lines, edges):
        kept, size, last_line = [], 0, None
        start = min((line[0].x for line in lines if line), default=0)
        edge = max((right for left, right in edges if abs(left - start) < 40), default=0)
        for line in lines:
            table = next((word.row for word in line if word.row is not None), None)
            if table is not None:
                self.flush(kept)
                if not any(each is table for each in self.shown):
                    self.shown.append(table)
                    self.out.append(["table", table])
                line = [word for word in line if word.row is None]
            if not line:
                continue
            text = joined(line)
            level = self.heading(line, text)
            if level:
                self.flush(kept)
                last = self.out[-1] if self.out else [""]
                if last[0] == "h" and last[1] == level and size == level and kept == []:
                    last[2] += " " + text
                else:
                    self.out.append(["h", level, text])
                size = level
                continue
            size = 0
            if kept and (BULLET.match(text) or last_line[-1].right + line[0].right - line[0].x
                         + height(line) < edge):
                self.flush(kept)  # its first word had room on the line above
            kept.append(text)
            last_line = line
        self.flush(kept)

    def heading(self, line, text):
        known = self.outline.get(re.sub(r"\W+", "", text).lower())
        if known:
            return min(known, 6)
        size = round(height(line), 1)
        return self.levels.get(size, 0) if len(text) < 200 and re.search(r"\w", text) else 0

    def flush(self, kept):
        if not kept:
            return
        text = kept[0]
        for line in kept[1:]:
            if re.search(r"[^\W\d_]-$", text) and line[:1].islower():
                text = text[:-1] + line
            else:
                text += " " + line
        kept.clear()
        found = BULLET.match(text)
        if found:
            mark = found[1] if found[1][0].isalnum() else "-"
            item = "%s %s" % (mark, text[found.end():])
            if self.out and self.out[-1][0] == "md":
                self.out[-1][1] += "\n" + item
            else:
                self.out.append(["md", item])
        else:
            self.out.append(["p", text])


def sizes_of(pages):
    """Of headings: height -> level; and of the text."""
    count = {}
    for page in pages:
        for block in page:
            for line in block:
                if line:
                    size = round(height(line), 1)
                    count[size] = count.get(size, 0) + sum(len(word.text) for word in line)
    if not count:
        return 0, {}
    total, body = sum(count.values()), max(count, key=count.get)
    larger = sorted((size for size in count if size > body * 1.12 and count[size] < total * 0.3),
                    reverse=True)
    levels, level, last = {}, 0, None
    for size in larger:
        if last is None or size < last * 0.95:
            level, last = level + 1, size
        levels[size] = min(level, 4)
    return body, levels


def info(doc, source):
    if not shutil.which("pdfinfo"):
        return
    try:
        said = doc_run.run(["pdfinfo", "-enc", "UTF-8", "--", source.path])
    except Refused as e:
        raise e if e.code != "invalid_argument" else refusal(e.message)
    for line in said.split("\n"):
        name, _, value = line.partition(":")
        value = value.strip()
        if name == "Pages" and value.isdigit():
            doc.total = int(value)
        if name == "Title":
            doc.title = one_line(value)
        doc.add_meta(name.strip().lower().replace(" ", "_"), value)


def outline_of(source):
    """[level, title, page] of the bookmarks; their order in time is poppler's."""
    if not shutil.which("pdftohtml"):
        return []
    try:
        said = doc_run.run(["pdftohtml", "-xml", "-i", "-q", "-stdout", "-f", "1", "-l", "1", "--",
                            source.path])
    except Refused:
        return []
    found, level = [], 0
    for tag, page, title in re.findall(
            r"<(/?outline|item)(?: page=\"(\d+)\")?>(?:([^<]*)</item>)?", said):
        if tag == "item":
            found.append([max(level, 1), one_line(unescape(title)), int(page or 0)])
        else:
            level += -1 if tag[0] == "/" else 1
    return found[:5000]


def add_links(doc, source):
    try:
        said = doc_run.run(["pdfinfo", "-url", "--", source.path])
    except Refused:
        doc.note("this pdfinfo cannot list links")
        return
    for line in said.split("\n"):
        found = re.match(r"\s*(\d+)\s+\S+\s+(\S+)$", line)
        if found and len(doc.links) < 20000:
            doc.links.append([int(found[1]), "", found[2]])


def add_images(doc, source):
    if not shutil.which("pdfimages"):
        return
    for line in doc_run.run(["pdfimages", "-list", "--", source.path]).split("\n")[2:20002]:
        parts = line.split()
        if len(parts) > 8 and parts[2] == "image":
            doc.images.append({"page": int(parts[0]), "name": "image-" + parts[1],
                               "width": int(parts[3]), "height": int(parts[4]),
                               "format": {"jpeg": "jpeg", "jpx": "jp2"}.get(parts[8], "png")})


def poppler(source, wanted):
    if not shutil.which("pdftotext"):
        return None
    doc = Doc("pdf")
    info(doc, source)
    doc.outline = outline_of(source)
    if wanted.what == "links":
        add_links(doc, source)
    if wanted.what == "images":
        add_images(doc, source)
    if wanted.is_apart() and (doc.outline or wanted.what != "outline"):
        doc.pages = [[n + 1, "", []] for n in range(min(doc.total or 1, 20000))]
        doc.partial = True
        return doc
    first, last = wanted.span(doc.total) if doc.total else (1, 0)
    doc.partial = first > 1 or (doc.total and last < doc.total)
    read(doc, source, first, last)
    return doc


def read(doc, source, first, last):
    process = doc_run.spawn(["pdftotext", "-bbox-layout", "-enc", "UTF-8", "-f", str(first), "-l",
                             str(last or 100000), "--", source.path, "-"], 1024)
    pages, letters = [], 0
    try:
        for page in read_pages(process.stdout):
            pages.append(page)
            letters += sum(len(line) for block in page for line in block)
            if doc_run.left() < RESERVE_S + 12 or letters > 3000000:
                doc.note("stopped after page %d: pass pages=%d- for what follows" % (
                    first + len(pages) - 1, first + len(pages)))
                doc.partial = True
                break
        else:
            said = process.stderr.read(4096).decode("utf-8", "replace")
            if process.wait() and not pages:
                raise refusal(said)
    finally:
        doc_run.stop(process)
    body, levels = sizes_of(pages)
    known = {}
    for level, title, number in doc.outline or ():
        known.setdefault(number, {})[re.sub(r"\W+", "", title).lower()] = level
    for number, page in enumerate(pages, first):
        blocks = Page(page, body, levels, known.get(number, {})).out
        doc.page_at(number).extend(blocks)
        doc.room(sum(len(str(block)) for block in blocks))
        if not doc.title:
            doc.title = next((block[2] for block in blocks if block[0] == "h"), "")[:300]
    if pages and not letters:
        doc.note("no page has text: these are pictures, perhaps scanned; text in pictures is not "
                 "recognised here")


def refusal(said):
    if "password" in said.lower():
        return Refused("denied", "the PDF is encrypted", "take the password off it first, e.g. "
                       "with qpdf --decrypt --password=...")
    return broken("the PDF", one_line(said))
