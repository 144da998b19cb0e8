"""Spreadsheets of Excel. A sheet is a page; cells are as they are shown, dates in ISO form."""

import re

from doc_model import CELLS_MAX, Doc, Refused, broken, link
from doc_zip import Archive, core_properties, feed, parser

BUILT_IN_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
TEXTS_MAX = 64 << 20


def column_number(letters):
    n = 0
    for c in letters:
        n = n * 26 + ord(c) - 64
    return n


def column_name(n):
    name = ""
    while n:
        n, rest = divmod(n - 1, 26)
        name = chr(65 + rest) + name
    return name


def parse_range(text):
    """A1:C10, A:C, 2:5 or B7 as (first column, first row, last column, last row)."""
    found = re.fullmatch(r"\$?([A-Za-z]{0,3})\$?(\d{0,7})(?::\$?([A-Za-z]{0,3})\$?(\d{0,7}))?",
                         text.strip())
    if not found or not (found[1] or found[2]) or text.strip()[-1:] == ":" or (
            found[3] is not None and not (found[3] or found[4])):
        raise Refused("invalid_argument", "range: %.40s is not a range of cells" % text,
                      "write it like A1:C10, A:C or 2:20")
    left, top, right, bottom = found[1], found[2], found[3], found[4]
    if right is None and bottom is None:
        right, bottom = left, top
    box = (column_number(left.upper()) if left else 1, int(top) if top else 1,
           column_number(right.upper()) if right else 1 << 20,
           int(bottom) if bottom else 1 << 24)
    return (min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]), max(box[1], box[3]))


def is_date(code):
    code = re.sub(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.', "", code[:500].split(";")[0])
    return bool(re.search(r"[ymdhs]", code, re.I)) and not re.search(r"[0#?]\s*[.,]?[0#?]*%", code)


def date_text(value, epoch_1904):
    import datetime

    if not 0 <= value < 2958466:
        return None
    if value < 1 and not epoch_1904:
        seconds = round(value * 86400)
        return "%02d:%02d:%02d" % (seconds // 3600, seconds // 60 % 60, seconds % 60)
    start = datetime.datetime(1904, 1, 1) if epoch_1904 else datetime.datetime(
        1899, 12, 31 if value < 60 else 30)
    when = start + datetime.timedelta(seconds=round(value * 86400))
    text = when.isoformat(" ")
    return text[:10] if text.endswith("00:00:00") else text


def number_text(text):
    try:
        value = float(text)
    except ValueError:
        return text
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return "%.15g" % value


class Book:
    def __init__(self, path):
        self.archive = Archive(path, "the workbook")
        self.doc = Doc("xlsx", "sheet")
        self.part = "xl/workbook.xml"
        for kind, target, external in self.archive.rels("").values():
            if kind == "officeDocument" and not external:
                self.part = target
        self.rels = self.archive.rels(self.part)
        self.root = self.archive.xml(self.part)
        if self.root is None:
            raise broken("the workbook", "%s is missing" % self.part)
        self.epoch_1904 = self.root.get("workbookPr", "date1904") in ("1", "true")
        self.texts, self.cells = [], 0

    def sheets(self):
        """(number, name, part, is hidden) of those that have cells."""
        found = []
        sheets = self.root.find("sheets")
        for node in sheets.children if sheets is not None else ():
            if node.tag != "sheet":
                continue
            rel = self.rels.get(node.attrs.get("r:id") or node.attrs.get("id", ""), ("", "", True))
            found.append((len(found) + 1, node.attrs.get("name", ""), rel[1] if rel[0] in (
                "worksheet", "") or "worksheets" in rel[1] else "",
                node.attrs.get("state", "visible") != "visible"))
        return found

    def part_of(self, kind):
        for rel, target, external in self.rels.values():
            if rel == kind and not external and self.archive.has(target):
                return target
        return None

    def read_texts(self):
        part = self.part_of("sharedStrings")
        if not part:
            return
        state = {"on": False, "skip": 0, "text": [], "left": TEXTS_MAX}

        def start(name, attrs):
            name = name.rpartition(":")[2]
            if name == "si":
                state["text"] = []
            elif name == "rPh":
                state["skip"] += 1
            state["on"] = name == "t" and not state["skip"]

        def end(name):
            name = name.rpartition(":")[2]
            if name == "si":
                self.texts.append("".join(state["text"]))
            elif name == "rPh":
                state["skip"] -= 1
            state["on"] = False

        def text(data):
            if state["on"]:
                state["left"] -= len(data)
                if state["left"] < 0:
                    raise Refused("too_large", "the workbook has more text than is converted")
                state["text"].append(data)

        p = parser("the workbook")
        p.StartElementHandler, p.EndElementHandler, p.CharacterDataHandler = start, end, text
        feed(p, self.archive.chunks(part), "the workbook's texts")

    def read_styles(self):
        self.formats = []
        part = self.part_of("styles")
        root = self.archive.xml(part) if part else None
        if root is None:
            return
        codes = {}
        formats = root.find("numFmts")
        for node in formats.children if formats is not None else ():
            codes[node.attrs.get("numFmtId")] = node.attrs.get("formatCode", "")
        xfs = root.find("cellXfs")
        for node in xfs.children if xfs is not None else ():
            if node.tag != "xf":
                continue
            number = node.attrs.get("numFmtId", "0")
            code = codes.get(number, "")
            self.formats.append(
                "date" if is_date(code) or (not code and number.isdigit()
                                            and int(number) in BUILT_IN_DATES)
                else "percent" if "%" in code or number in ("9", "10") else "")

    def shown(self, kind, style, value, formula):
        if kind == "s":
            known = value.isdigit() and int(value) < len(self.texts)
            return self.texts[int(value)] if known else ""
        if kind == "b":
            return {"1": "TRUE", "0": "FALSE"}.get(value, value)
        if kind in ("str", "inlineStr", "e"):
            return value
        if kind == "d":
            return value.replace("T", " ")
        if not value:
            return "=" + formula if formula else ""
        how = self.formats[int(style)] if style.isdigit() and int(style) < len(self.formats) else ""
        try:
            if how == "date":
                return date_text(float(value), self.epoch_1904) or number_text(value)
            if how == "percent":
                return "%.10g%%" % (float(value) * 100)
        except (ValueError, OverflowError):
            return value
        return number_text(value)

    def read_sheet(self, part, box):
        """Rows as {row: {column: text}} of what lies in the box, and where the links lead."""
        rows, links, merged = {}, [], []
        now = {"row": 0, "column": 0, "cell": None, "on": None}

        def start(name, attrs):
            name = name.rpartition(":")[2]
            if name == "row":
                number = attrs.get("r", "")
                now["row"] = int(number) if number.isdigit() else now["row"] + 1
                now["column"] = 0
            elif name == "c":
                letters = re.match(r"[A-Z]{1,3}", attrs.get("r", ""))
                now["column"] = column_number(letters[0]) if letters else now["column"] + 1
                now["cell"] = [attrs.get("t", "n"), attrs.get("s", ""), [], []]
            elif name in ("v", "t") and now["cell"]:
                now["on"] = 2
            elif name == "f" and now["cell"]:
                now["on"] = 3
            elif name == "rPh":
                now["cell"] = None
            elif name == "hyperlink" and len(links) < 20000:
                links.append((attrs.get("ref", ""), attrs.get("r:id", "")))
            elif name == "mergeCell":
                merged.append(attrs.get("ref", ""))

        def end(name):
            name = name.rpartition(":")[2]
            now["on"] = None
            if name != "c" or not now["cell"]:
                return
            kind, style, value, formula = now["cell"]
            now["cell"] = None
            row, column = now["row"], now["column"]
            if not (box[0] <= column <= box[2] and box[1] <= row <= box[3]):
                return
            text = self.shown(kind, style, "".join(value), "".join(formula)).strip()
            if not text or self.cells > CELLS_MAX:
                return
            self.cells += 1
            if self.cells > CELLS_MAX or not self.doc.room(len(text) + 3):
                self.cells = CELLS_MAX + 1
                self.doc.note("the workbook has more cells than are converted: pass a range")
                return
            rows.setdefault(row, {})[column] = text

        def text(data):
            if now["on"] and now["cell"]:
                now["cell"][now["on"]].append(data)

        p = parser("the workbook")
        p.StartElementHandler, p.EndElementHandler, p.CharacterDataHandler = start, end, text
        feed(p, self.archive.chunks(part), "the sheet")
        return rows, links, merged

    def add_sheet(self, number, name, part, hidden, box):
        blocks = self.doc.page_at(number, name)
        if not part or not self.archive.has(part):
            blocks.append(["h", 2, name])
            blocks.append(["p", "(a sheet without cells, e.g. a chart)"])
            return
        rows, links, merged = self.read_sheet(part, box)
        rels = self.archive.rels(part)
        for ref, rel in links:
            place = re.match(r"([A-Z]{1,3})(\d+)", ref)
            target = rels.get(rel, ("", "", False))
            if place and target[2]:
                at = rows.get(int(place[2]), {})
                column = column_number(place[1])
                if column in at:
                    self.doc.add_link(at[column], target[1])
                    at[column] = link(at[column], target[1])
        blocks.append(["h", 2, name + (" (hidden)" if hidden else "")])
        if not rows:
            return
        columns = sorted({column for row in rows.values() for column in row})
        numbers = sorted(rows)
        blocks.append(["table", [[rows[row].get(column, "") for column in columns]
                                 for row in numbers],
                       "%s%d:%s%d" % (column_name(columns[0]), numbers[0],
                                      column_name(columns[-1]), numbers[-1])])
        if columns[-1] - columns[0] >= len(columns) or numbers[-1] - numbers[0] >= len(numbers):
            self.doc.note("empty rows and columns are left out")

    def convert(self, wanted):
        core_properties(self.doc, self.archive)
        sheets = self.sheets()
        self.doc.total = len(sheets)
        names = [sheet[1] for sheet in sheets]
        chosen = wanted.sheets(names)
        self.doc.partial = len(chosen) < len(sheets) or bool(wanted.range)
        self.doc.add_meta("sheets", ", ".join(names))
        box = parse_range(wanted.range) if wanted.range else (1, 1, 1 << 20, 1 << 24)
        self.read_texts()
        self.read_styles()
        for number, name, part, hidden in sheets:
            if number in chosen:
                self.add_sheet(number, name, part, hidden, box)
        return self.doc


def convert(source, wanted):
    return Book(source.path).convert(wanted)
