"""Documents on a service that only runs commands for it."""

from lib import documents
from lib.documents import CELL, HEADING, SECOND


def test_documents_are_converted_there(start_aio, folder):
    aio = start_aio("--toolsets", "all")
    for name, data in (("a.docx", documents.docx()), ("b.xlsx", documents.xlsx())):
        with open(folder.path(name), "wb") as f:
            f.write(data)
        said = aio.ok("markitdown_convert", uri=f"{folder.there}/{name}")
        assert HEADING in said and f"| {CELL} |" in said and SECOND in said
    said = aio.ok("markitdown_extract", uri=f"{folder.there}/a.docx", what="outline")
    assert f"title {HEADING}" in said
    code, said = aio.refused("markitdown_convert", uri=f"{folder.there}/none.docx")
    assert code == "not_found"
