"""EPUB books. A document of the spine is a page."""

import posixpath
import re
from urllib.parse import unquote

import doc_html
from doc_model import Doc, broken, one_line
from doc_text import decode
from doc_zip import Archive, inside

PAGES_MAX = 5000


def read_book(archive):
    container = archive.xml("META-INF/container.xml")
    for node in container.all("rootfile") if container is not None else ():
        path = node.attrs.get("full-path", "")
        root = archive.xml(path)
        if root is not None:
            return path, root
    raise broken("the book", "META-INF/container.xml names no package")


def read_contents(archive, folder, items, spine):
    """(level, title, member) of its navigation, by the old form or the new."""
    found = []
    for item in items.values():
        if "nav" in item["properties"].split():
            name = item["name"]
            root = doc_html.parse(decode(archive.read(name))[0])
            for nav in doc_html.elements(root, "nav", None):
                if nav[1].get("epub:type", "toc") == "toc":
                    walk_nav(nav, 1, posixpath.dirname(name), found)
                    return found
    item = items.get(spine.attrs.get("toc", "")) if spine is not None else None
    root = archive.xml(item["name"]) if item else None
    if root is not None and root.find("navMap") is not None:
        walk_ncx(root.find("navMap"), 1, posixpath.dirname(item["name"]), found)
    return found


def walk_nav(node, level, folder, found):
    for child in node[2]:
        if isinstance(child, str):
            continue
        if child[0] == "a" and child[1].get("href"):
            found.append([level, one_line(doc_html.text_of(child)),
                          inside(folder, unquote(child[1]["href"]))])
        elif child[0] == "ol":
            walk_nav(child, level + (node[0] == "li"), folder, found)
        else:
            walk_nav(child, level, folder, found)


def walk_ncx(node, level, folder, found):
    for child in node.children:
        if child.tag == "navPoint" and level < 20:
            label = child.find("navLabel", "text")
            found.append([level, one_line(label.strings()) if label is not None else "",
                          inside(folder, unquote(child.get("content", "src")))])
            walk_ncx(child, level + 1, folder, found)


def add_metadata(doc, root):
    metadata = root.find("metadata")
    for node in metadata.children if metadata is not None else ():
        if node.tag in ("title", "creator", "language", "publisher", "date", "subject",
                        "description", "identifier", "rights"):
            doc.add_meta(node.tag, re.sub("<[^>]*>", "", node.strings()[:4000]))
            if node.tag == "title" and not doc.title:
                doc.title = one_line(node.strings())


def convert(source, wanted):
    archive = Archive(source.path, "the book")
    path, root = read_book(archive)
    folder, doc = posixpath.dirname(path), Doc("epub", "chapter")
    items, spine = {}, root.find("spine")
    add_metadata(doc, root)
    manifest = root.find("manifest")
    for node in manifest.children if manifest is not None else ():
        if node.tag == "item":
            items[node.attrs.get("id", "")] = {
                "name": inside(folder, unquote(node.attrs.get("href", ""))),
                "type": node.attrs.get("media-type", ""),
                "properties": node.attrs.get("properties", "")}
    contents = read_contents(archive, folder, items, spine)
    pages = {}
    for node in spine.children[:PAGES_MAX] if spine is not None else ():
        item = items.get(node.attrs.get("idref", ""))
        if not item or not archive.has(item["name"]) or "html" not in item["type"]:
            continue
        if "nav" in item["properties"].split():
            continue
        titles = [title for _, title, name in contents if name == item["name"]]
        blocks, base = doc.page(titles[0] if titles else ""), posixpath.dirname(item["name"])
        body = doc_html.parse(decode(archive.read(item["name"]))[0])
        doc_html.add(doc, blocks, body, lambda url, base=base: url if re.match(
            r"[a-z][a-z0-9+.-]*:", url, re.I) else inside(base, unquote(url)))
        pages[item["name"]] = len(doc.pages)
        if not blocks and not titles:
            doc.pages.pop()
    for image in doc.images:
        if archive.has(image["name"]):
            image["member"] = image["name"]
    doc.outline = [[level, title, pages[name]] for level, title, name in contents if name in pages]
    if not doc.pages:
        raise broken("the book", "it has no chapters")
    return doc
