"""Pictures: what they are, not what they show."""

import re
import struct

from doc_model import Doc, broken

TAGS = {0x010E: "description", 0x010F: "make", 0x0110: "model", 0x0112: "orientation",
        0x0131: "software", 0x0132: "date", 0x013B: "artist", 0x8298: "copyright",
        0x829A: "exposure_time", 0x829D: "f_number", 0x8827: "iso", 0x9003: "taken",
        0x920A: "focal_length", 0xA434: "lens"}
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8}


def value(order, kind, count, data):
    if kind == 2:
        return data.split(b"\0")[0].decode("utf-8", "replace")
    if kind in (5, 10):
        parts = []
        for i in range(0, min(len(data), 24), 8):
            a, b = struct.unpack(order + ("II" if kind == 5 else "ii"), data[i:i + 8])
            parts.append(a / b if b else 0)
        return parts[0] if len(parts) == 1 else parts
    if kind in (3, 4, 9) and count == 1:
        return struct.unpack(order + {3: "H", 4: "I", 9: "i"}[kind], data)[0]
    return None


def directory(data, order, at, depth, found):
    if depth > 3 or at + 2 > len(data):
        return
    count, = struct.unpack(order + "H", data[at:at + 2])
    for i in range(min(count, 200)):
        entry = data[at + 2 + i * 12:at + 14 + i * 12]
        if len(entry) < 12:
            return
        tag, kind, number = struct.unpack(order + "HHI", entry[:8])
        size = SIZES.get(kind, 0) * number
        if not size or size > 65536:
            continue
        start = 8 if size <= 4 else None
        raw = entry[8:8 + size] if start else data[struct.unpack(order + "I", entry[8:])[0]:][:size]
        if len(raw) < size:
            continue
        if tag in (0x8769, 0x8825):
            directory(data, order, struct.unpack(order + "I", entry[8:])[0], depth + 1, found)
        else:
            found[tag] = value(order, kind, number, raw)


def exif(data):
    """Of a TIFF structure: tag -> value; {} when it is none."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    found = {}
    if order:
        try:
            directory(data, order, struct.unpack(order + "I", data[4:8])[0], 0, found)
        except struct.error:
            pass
    return found


def degrees(parts, reference):
    if not isinstance(parts, list) or len(parts) != 3:
        return None
    amount = parts[0] + parts[1] / 60 + parts[2] / 3600
    return "%.6f" % (-amount if reference in ("S", "W") else amount)


def add_exif(doc, found):
    for tag, name in TAGS.items():
        if found.get(tag) is not None and name:
            what = found[tag]
            doc.add_meta(name, "%.6g" % what if isinstance(what, float) else what)
    where = degrees(found.get(2), found.get(1)), degrees(found.get(4), found.get(3))
    if all(where):
        doc.add_meta("gps", ", ".join(where))


def jpeg(data, doc):
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        mark, length = data[at + 1], struct.unpack(">H", data[at + 2:at + 4])[0]
        body = data[at + 4:at + 2 + length]
        if 0xC0 <= mark <= 0xCF and mark not in (0xC4, 0xC8, 0xCC):
            high, wide = struct.unpack(">HH", body[1:5])
            return wide, high, {1: "grey", 3: "colour", 4: "CMYK"}.get(body[5], "")
        if mark == 0xE1 and body.startswith(b"Exif\0\0"):
            add_exif(doc, exif(body[6:]))
        elif mark == 0xFE:
            doc.add_meta("comment", body.decode("utf-8", "replace"))
        at += 2 + length
    return None


def png(data, doc):
    wide, high, depth, colour = struct.unpack(">IIBB", data[16:26])
    at = 8
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + min(length, 65536)]
        if kind == b"tEXt":
            name, _, text = body.partition(b"\0")
            doc.add_meta(name.decode("latin-1")[:80], text.decode("latin-1"))
        elif kind == b"eXIf":
            add_exif(doc, exif(body))
        at += 12 + length
    return wide, high, "%d bit %s" % (depth, {0: "grey", 2: "colour", 3: "palette",
                                             4: "grey, alpha", 6: "colour, alpha"}.get(colour, ""))


def webp(data, doc):
    kind, body = data[12:16], data[20:]
    if kind == b"VP8X":
        return (int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1,
                "")
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, "lossless"
    wide, high = struct.unpack("<HH", body[6:10])
    return wide & 0x3FFF, high & 0x3FFF, ""


def tiff(data, doc):
    found = exif(data)
    add_exif(doc, found)
    order = "<" if data[:2] == b"II" else ">"
    sizes = {}
    directory_sizes(data, order, sizes)
    return sizes.get(0x100, 0), sizes.get(0x101, 0), ""


def directory_sizes(data, order, sizes):
    found = {}
    directory(data, order, struct.unpack(order + "I", data[4:8])[0], 0, found)
    sizes.update({tag: found[tag] for tag in (0x100, 0x101) if isinstance(found.get(tag), int)})


def svg(data, doc):
    from doc_zip import parse

    root = parse([data], "the picture")
    for node in root.children:
        if node.tag in ("title", "desc"):
            doc.add_meta(node.tag, node.strings())
    box = (root.attrs.get("viewBox") or "").split()
    sizes = [re.match(r"[\d.]+", root.attrs.get(each, "")) for each in ("width", "height")]
    if all(sizes):
        return (*(float(size[0]) for size in sizes), "vector")
    return (float(box[2]), float(box[3]), "vector") if len(box) == 4 else None


READERS = {"jpeg": jpeg, "png": png, "webp": webp, "tiff": tiff, "svg": svg,
           "gif": lambda data, doc: (*struct.unpack("<HH", data[6:10]), ""),
           "bmp": lambda data, doc: (*map(abs, struct.unpack("<ii", data[18:26])), ""),
           "ico": lambda data, doc: (data[6] or 256, data[7] or 256, "")}


def convert(source, wanted):
    doc, data = Doc(source.kind), source.read(24 << 20)
    facts = Doc(source.kind)
    try:
        size = READERS[source.kind](data, facts) if source.kind in READERS else None
    except (struct.error, IndexError, ValueError) as e:
        raise broken("the picture", e)
    doc.add_meta("format", source.kind)
    image = {"name": source.name, "format": source.kind, "bytes": source.size}
    if size:
        doc.add_meta("size", "%g x %g" % (size[0], size[1]))
        doc.add_meta("colours", size[2])
        image.update(width=int(size[0]), height=int(size[1]))
    doc.add_meta("bytes", source.size)
    doc.meta.extend(facts.meta)
    blocks = doc.page()
    doc.add_image(**image)
    blocks.append(["h", 1, source.name])
    blocks.append(["table", [["name", "value"]] + doc.meta])
    if source.path and not source.url:
        doc.note("file_read shows the picture itself")
    return doc
