"""What is to be converted: a file of the sandbox, or what a URL gives; and which format it has."""

import os
import re
import stat

from doc_model import Refused

FILE_MAX = 1 << 30
DOWNLOAD_MAX = 128 << 20
DOWNLOAD_S = 25
ZIPS = (("word/", "docx"), ("xl/", "xlsx"), ("ppt/", "pptx"))
OPENED = {"application/epub+zip": "epub", "application/vnd.oasis.opendocument.text": "odt",
          "application/vnd.oasis.opendocument.spreadsheet": "ods",
          "application/vnd.oasis.opendocument.presentation": "odp"}
MAGIC = ((b"%PDF-", "pdf"), (b"PK\3\4", "zip"), (b"PK\5\6", "zip"), (b"{\\rtf", "rtf"),
         (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"), (b"\x89PNG\r\n\x1a\n", "png"),
         (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"), (b"II*\0", "tiff"), (b"MM\0*", "tiff"),
         (b"BM", "bmp"), (b"\0\0\1\0", "ico"), (b"\x1f\x8b", "gzip"), (b"7z\xbc\xaf", "7z"),
         (b"Rar!", "rar"), (b"\x7fELF", "a program"), (b"SQLite format 3", "an SQLite database"))
BY_NAME = {"csv": "csv", "tsv": "csv", "tab": "csv", "json": "json", "jsonl": "json",
           "ndjson": "json", "ipynb": "json", "geojson": "json", "html": "html", "htm": "html",
           "xhtml": "html", "svg": "svg", "eml": "eml", "rst": "rst", "org": "org", "tex": "tex",
           "fb2": "fb2", "opml": "opml", "textile": "textile", "mediawiki": "mediawiki"}
BY_MIME = {"text/html": "html", "application/xhtml+xml": "html", "text/csv": "csv",
           "application/json": "json", "message/rfc822": "eml", "image/svg+xml": "svg",
           "text/tab-separated-values": "csv"}


class Source:
    """path, name, size, kind; url and charset of what was fetched; key: of its state now."""

    def __init__(self, uri):
        self.url = self.charset = ""
        self.mime, self.temporary = "", None
        found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):(?=//|/)", uri)
        scheme = found[1].lower() if found else ""
        if scheme in ("http", "https"):
            self.fetch(uri)
        elif scheme and scheme != "file":
            raise Refused("invalid_argument", "uri: %s: is not read" % scheme,
                          "pass a path, a file: or an http(s): URL")
        else:
            self.open(uri if not scheme else file_path(uri))
        self.extension = os.path.splitext(self.name)[1][1:].lower()
        self.kind = self.sniff()

    def open(self, path):
        self.path = os.path.abspath(os.path.expanduser(path))
        self.name = os.path.basename(self.path)
        try:
            at = os.stat(self.path)
            if stat.S_ISDIR(at.st_mode):
                raise Refused("invalid_argument", "%s is a folder" % self.path,
                              "file_list shows what is in it")
            if not stat.S_ISREG(at.st_mode):
                raise Refused("invalid_argument", "%s is no regular file" % self.path)
            os.close(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        except FileNotFoundError:
            raise Refused("not_found", "%s does not exist" % self.path,
                          "file_search with mode=name finds files by a part of their name")
        except PermissionError:
            raise Refused("denied", "%s may not be read" % self.path)
        except (OSError, ValueError) as e:
            raise Refused("invalid_argument", "%.300s: %s" % (
                self.path, getattr(e, "strerror", None) or e))
        self.size = at.st_size
        if self.size > FILE_MAX:
            raise Refused("too_large", "%s has more than %d MiB" % (self.path, FILE_MAX >> 20))
        self.key = "%s %d %d %d %d" % (self.path, at.st_dev, at.st_ino, at.st_size, at.st_mtime_ns)

    def fetch(self, url):
        from doc_fetch import fetch, forget

        try:
            fetch(self, url, DOWNLOAD_MAX, DOWNLOAD_S)
        except BaseException:
            forget(self)
            raise
        self.key = "%s %d" % (self.url, self.size)

    def read(self, most=64 << 20):
        with open(self.path, "rb") as f:
            return f.read(most)

    def sniff(self):
        with open(self.path, "rb") as f:
            head = f.read(4096)
        for magic, kind in MAGIC:
            if head.startswith(magic):
                return self.zip_kind() if kind == "zip" else kind
        if b"%PDF-" in head[:1024]:
            return "pdf"
        if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
            return "webp"
        if head[4:8] == b"ftyp":
            return {b"avif": "avif", b"heic": "heic", b"mif1": "heic"}.get(head[8:12], "a video")
        return self.text_kind(head)

    def text_kind(self, head):
        start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:400].lower()
        if re.match(rb"(<\?xml[^>]*>\s*)?(<!--((?!-->).)*-->\s*)*(<!doctype\s+html|<html)", start, re.S):
            return "html"
        if b"<svg" in start[:300] and self.extension in ("svg", ""):
            return "svg"
        wide = head[:2] in (b"\xff\xfe", b"\xfe\xff")
        by_name = BY_NAME.get(self.extension) or BY_MIME.get(self.mime)
        if b"\0" in head and not wide and head.count(0) * 5 < len(head) * 2:
            return "binary"
        return by_name or "text"

    def zip_kind(self):
        from doc_zip import Archive

        archive = Archive(self.path, self.name)
        if archive.has("mimetype"):
            return OPENED.get(archive.read("mimetype", 1000).decode("latin-1").strip(), "zip")
        if archive.has("[Content_Types].xml"):
            for folder, kind in ZIPS:
                if any(name.startswith(folder) for name in archive.names):
                    return kind
        return "epub" if archive.has("META-INF/container.xml") else "zip"


def file_path(uri):
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(uri)
    if parts.netloc not in ("", "localhost"):
        raise Refused("invalid_argument", "uri: a file: URL names no other machine",
                      "write file:///path")
    return unquote(parts.path)
