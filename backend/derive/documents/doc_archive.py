"""ZIP archives: what is in them, and the small documents among that converted."""

import os
import shutil
import tempfile

from doc_model import Doc, Refused
from doc_zip import Archive

LISTED_MAX = 2000
CONVERTED_MAX = 20
MEMBER_MAX = 2 << 20
TEXT_MAX = 400000


def convert(source, wanted):
    import doc_main

    archive, doc = Archive(source.path), Doc("zip", "member")
    infos = [info for info in archive.infos if not info.is_dir()]
    doc.add_meta("members", len(infos))
    doc.add_meta("bytes", sum(info.file_size for info in infos))
    blocks = doc.page("list")
    blocks.append(["h", 1, source.name])
    rows = [["name", "bytes", "modified"]]
    for info in infos[:LISTED_MAX]:
        rows.append([info.filename, str(info.file_size), "%04d-%02d-%02d %02d:%02d" % tuple(
            info.date_time[:5])])
    blocks.append(["table", rows])
    if len(infos) > LISTED_MAX:
        doc.note("%d more members are not listed" % (len(infos) - LISTED_MAX))
    where, left, skipped = tempfile.mkdtemp(prefix="sandbox-document-"), TEXT_MAX, 0
    try:
        for info in infos:
            if info.file_size > MEMBER_MAX or len(doc.pages) > CONVERTED_MAX or left <= 0:
                skipped += 1
                continue
            part = member(doc_main, archive, info, where)
            if part is None:
                skipped += 1
                continue
            blocks = doc.page(info.filename)
            blocks.append(["h", 1, info.filename])
            for _, _, inner in part.pages:
                for block in inner:
                    left -= len(str(block))
                    if left > 0:
                        blocks.append(block)
            if left <= 0:
                doc.note("only a part of its members is converted")
    finally:
        shutil.rmtree(where, ignore_errors=True)
    if skipped:
        doc.note("%d members are only listed: they are large, many or of no known format" % skipped)
    return doc


def member(doc_main, archive, info, where):
    """Its file has a name of ours: what the archive calls it is text."""
    path = os.path.join(where, "document" + extension(info.filename))
    try:
        with open(path, "wb") as f:
            for data in archive.chunks(info.filename.lstrip("/"), MEMBER_MAX):
                f.write(data)
        return doc_main.convert_member(path, info.filename)
    except Refused as e:
        if e.code == "timeout":
            raise
        return None
    finally:
        if os.path.exists(path):
            os.unlink(path)


def extension(name):
    ending = os.path.splitext(name)[1]
    return ending if ending[1:].isalnum() and len(ending) < 12 else ""
