"""Archives and their XML, within bounds: what a hostile one can cost is stated here."""

import posixpath
import struct
import zipfile
import zlib
from xml.parsers import expat

from doc_model import Refused, broken

MEMBERS_MAX = 20000
PART_MAX = 48 << 20     # of one member that is read whole
STREAM_MAX = 512 << 20  # of one that is read in pieces
TOTAL_MAX = 768 << 20   # of all that is unpacked
DEPTH_MAX = 200
NODES_MAX = 4000000


def too_large(what):
    return Refused("too_large", "%s unpacks to more than is converted" % what,
                   "unpack it with a command and convert a part of it")


class Archive:
    """Read-only. Names are never used as paths of the system."""

    def __init__(self, path, what="the archive"):
        self.what, self.left = what, TOTAL_MAX
        with open(path, "rb") as f:
            self._check_end(f)
        try:
            self.zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, ValueError, struct.error, OSError, NotImplementedError) as e:
            raise broken(what, e)
        self.infos = self.zip.infolist()
        if len(self.infos) > MEMBERS_MAX:
            raise self._members()
        self.names = {}
        for info in self.infos:
            self.names.setdefault(info.filename.lstrip("/"), info)

    def _members(self):
        return Refused("too_large", "%s has more than %d members" % (self.what, MEMBERS_MAX),
                       "unpack it with a command and convert a part of it")

    def _check_end(self, f):
        f.seek(0, 2)
        size = f.tell()
        f.seek(max(0, size - 65557))
        tail = f.read(65557)
        at = tail.rfind(b"PK\5\6")
        if at < 0 or len(tail) < at + 22:
            raise broken(self.what, "its end is missing")
        count, length = struct.unpack("<HI", tail[at + 10:at + 16])
        if length == 0xFFFFFFFF or count == 0xFFFF or length > MEMBERS_MAX * 400:
            raise self._members()

    def has(self, name):
        return name in self.names

    def chunks(self, name, most=STREAM_MAX):
        info = self.names.get(name)
        if info is None:
            raise broken(self.what, "%s is missing in it" % name)
        if info.flag_bits & 1:
            raise Refused("denied", "%s is encrypted" % self.what, "take the password off it first")
        if info.file_size > most:
            raise too_large("%s in %s" % (name, self.what))
        try:
            with self.zip.open(info) as member:
                while True:
                    data = member.read(1 << 18)
                    if not data:
                        return
                    most -= len(data)
                    self.left -= len(data)
                    if most < 0 or self.left < 0:
                        raise too_large(self.what)
                    yield data
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error,
                OSError, ValueError, RuntimeError) as e:
            raise broken(self.what, e)

    def read(self, name, most=PART_MAX):
        return b"".join(self.chunks(name, most))

    def xml(self, name):
        """The root of a part; None when there is no such part."""
        if name not in self.names:
            return None
        return parse(self.chunks(name, PART_MAX), "%s in %s" % (name, self.what))

    def rels(self, name):
        """Relationships of a part: id -> (type's last word, target, is external)."""
        folder, base = posixpath.split(name)
        root = self.xml(posixpath.join(folder, "_rels", base + ".rels"))
        found = {}
        for rel in root.children if root is not None else ():
            target = rel.attrs.get("Target", "")
            external = rel.attrs.get("TargetMode") == "External"
            if not external:
                target = inside(folder, target)
            found[rel.attrs.get("Id", "")] = (
                rel.attrs.get("Type", "").rpartition("/")[2], target, external)
        return found


def inside(folder, target):
    """The name of a member that a part in `folder` names; it cannot lead out of the archive."""
    target = target.partition("#")[0]
    if target.startswith("/"):
        return posixpath.normpath(target).lstrip("/")
    path = posixpath.normpath(posixpath.join("/", folder, target))
    return path.lstrip("/")


class Node:
    """
    An element: its name and attributes without their prefixes (with them, too), its children, and
    the text before the first of these; text behind one is a child "#".
    """

    __slots__ = ("tag", "attrs", "children", "text")

    def __init__(self, tag, attrs):
        self.tag, self.attrs, self.children, self.text = tag, attrs, [], ""

    def find(self, *path):
        node = self
        for tag in path:
            for child in node.children:
                if child.tag == tag:
                    node = child
                    break
            else:
                return None
        return node

    def all(self, tag):
        """Every descendant of that name, in order."""
        stack = list(reversed(self.children))
        while stack:
            node = stack.pop()
            if node.tag == tag:
                yield node
            stack.extend(reversed(node.children))

    def get(self, *path):
        """The attribute that the last word names, of the child at the path before; "" without."""
        node = self.find(*path[:-1])
        return node.attrs.get(path[-1], "") if node is not None else ""

    def strings(self):
        """All text in it, joined."""
        out, stack = [], [self]
        while stack:
            node = stack.pop()
            out.append(node.text)
            stack.extend(reversed(node.children))
        return "".join(out)


def parser(what):
    """Expat without anything that a document can define: it cannot grow what it is given."""
    p = expat.ParserCreate()
    p.buffer_text = True
    p.buffer_size = 65536

    def doctype(name, system, public, internal):
        if internal:
            raise Refused("denied", "%s declares entities, which are not expanded" % what,
                          "take its DOCTYPE out")

    p.StartDoctypeDeclHandler = doctype
    return p


def feed(p, chunks, what):
    try:
        for data in chunks:
            p.Parse(data, False)
        p.Parse(b"", True)
    except expat.ExpatError as e:
        raise broken(what, e)


def local(attrs):
    if not any(":" in name for name in attrs):
        return attrs
    return {**{name.rpartition(":")[2]: value for name, value in attrs.items()}, **attrs}


def parse(chunks, what):
    root = Node("", {})
    stack, count = [root], [0]

    def start(name, attrs):
        count[0] += 1
        if len(stack) > DEPTH_MAX or count[0] > NODES_MAX:
            raise Refused("too_large", "%s is nested too deeply or has too many elements" % what)
        node = Node(name.rpartition(":")[2], local(attrs) if attrs else attrs)
        stack[-1].children.append(node)
        stack.append(node)

    def end(name):
        stack.pop()

    def text(data):
        top = stack[-1]
        if not top.children:
            top.text += data
        elif top.children[-1].tag == "#":
            top.children[-1].text += data
        else:
            start("#", {})
            stack.pop().text = data

    p = parser(what)
    p.StartElementHandler, p.EndElementHandler, p.CharacterDataHandler = start, end, text
    feed(p, chunks, what)
    if not root.children:
        raise broken(what, "it is empty")
    return root.children[0]


def core_properties(doc, archive):
    """docProps of Office files."""
    root = archive.xml("docProps/core.xml")
    names = {"title": "title", "creator": "author", "subject": "subject", "keywords": "keywords",
             "description": "description", "lastModifiedBy": "last_modified_by",
             "created": "created", "modified": "modified", "category": "category",
             "language": "language"}
    for node in root.children if root is not None else ():
        if node.tag in names:
            doc.add_meta(names[node.tag], node.text)
            if node.tag == "title":
                doc.title = " ".join(node.text.split())
    root = archive.xml("docProps/app.xml")
    for node in root.children if root is not None else ():
        if node.tag in ("Application", "Company", "Pages", "Words", "Slides"):
            doc.add_meta(node.tag.lower(), node.text)
