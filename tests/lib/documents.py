"""
Documents made by code, of two pages each (sheets, slides, chapters): the heading HEADING, a table
with the cell CELL, and on the second page the text SECOND and the link LINK where there can be one.
"""

import io
import json
import struct
import zipfile
import zlib

HEADING, CELL, SECOND = "Annual report", "beta", "Words of the second page"
LINK = "https://example.org/more"
ROWS = [["Name", "Value"], ["alpha", "1"], [CELL, "22"]]

REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"


def zipped(members, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in members.items():
            z.writestr(name, data)
    return out.getvalue()


def rels(*targets):
    """(type, target) pairs as r1, r2, ...; what is a URL is external."""
    return ('<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/'
            '2006/relationships">' + "".join(
                f'<Relationship Id="r{i}" Type="{REL}/{kind}" Target="{target}"'
                + (' TargetMode="External"' if "://" in target else "") + "/>"
                for i, (kind, target) in enumerate(targets, 1)) + "</Relationships>")


def types(*parts):
    """[Content_Types].xml of (part, content type) pairs."""
    return ('<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
            'content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-'
            'package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
            + "".join(f'<Override PartName="/{part}" ContentType="application/vnd.openxmlformats-'
                      f'officedocument.{kind}+xml"/>' for part, kind in parts) + "</Types>")


def w_p(text, style="", extra=""):
    style = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f'<w:p>{style}{extra}<w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def docx(body=None, more=()):
    link = '<w:hyperlink r:id="r1"><w:r><w:t>more</w:t></w:r></w:hyperlink>'
    table = "<w:tbl><w:tblPr/><w:tblGrid><w:gridCol w:w=\"2000\"/><w:gridCol w:w=\"2000\"/></w:tblGrid>" + "".join(
        "<w:tr>" + "".join(f"<w:tc>{w_p(cell)}</w:tc>" for cell in row) + "</w:tr>"
        for row in ROWS) + "</w:tbl>"
    body = body or (w_p(HEADING, "H1") + w_p("First words.") + table + w_p("Next", "H2",
                    '<w:r><w:br w:type="page"/></w:r>') + w_p(SECOND)
                    + f"<w:p>{link}</w:p>")
    style = "".join(f'<w:style w:type="paragraph" w:styleId="H{n}"><w:name w:val="heading {n}"/>'
                    "</w:style>" for n in (1, 2))
    return zipped({
        "[Content_Types].xml": types(("word/document.xml", "wordprocessingml.document.main"),
                                     ("word/styles.xml", "wordprocessingml.styles")),
        "_rels/.rels": rels(("officeDocument", "word/document.xml")),
        "word/_rels/document.xml.rels": rels(("hyperlink", LINK), ("styles", "styles.xml")),
        "word/styles.xml": f'<w:styles xmlns:w="{W}">{style}</w:styles>',
        "word/document.xml": f'<w:document xmlns:w="{W}" xmlns:r="{REL}"><w:body>{body}'
                             "<w:sectPr/></w:body></w:document>", **dict(more)})


def x_rows(rows, first=1):
    out = []
    for r, row in enumerate(rows, first):
        cells = []
        for c, cell in enumerate(row):
            at = f"{chr(65 + c)}{r}"
            if isinstance(cell, (int, float)):
                cells.append(f'<c r="{at}"><v>{cell}</v></c>')
            elif isinstance(cell, tuple):
                cells.append(f'<c r="{at}" s="{cell[0]}"><v>{cell[1]}</v></c>')
            else:
                cells.append(f'<c r="{at}" t="inlineStr"><is><t>{cell}</t></is></c>')
        out.append(f'<row r="{r}">{"".join(cells)}</row>')
    return "".join(out)


def xlsx(first=None, second=None):
    sheet = f'<worksheet xmlns="{S}"><sheetData>%s</sheetData></worksheet>'
    names = (HEADING, "Second sheet")
    return zipped({
        "[Content_Types].xml": types(
            ("xl/workbook.xml", "spreadsheetml.sheet.main"),
            ("xl/styles.xml", "spreadsheetml.styles"),
            ("xl/worksheets/sheet1.xml", "spreadsheetml.worksheet"),
            ("xl/worksheets/sheet2.xml", "spreadsheetml.worksheet")),
        "_rels/.rels": rels(("officeDocument", "xl/workbook.xml")),
        "xl/_rels/workbook.xml.rels": rels(("worksheet", "worksheets/sheet1.xml"),
                                           ("worksheet", "worksheets/sheet2.xml"),
                                           ("styles", "styles.xml")),
        "xl/styles.xml": f'<styleSheet xmlns="{S}"><fonts count="1"><font/></fonts><fills count="1">'
                         '<fill><patternFill/></fill></fills><borders count="1"><border/></borders><cellStyleXfs '
                         'count="1"><xf numFmtId="0"/></cellStyleXfs><cellXfs count="3"><xf '
                         'numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="10"/></cellXfs>'
                         "</styleSheet>",
        "xl/workbook.xml": f'<workbook xmlns="{S}" xmlns:r="{REL}"><sheets>' + "".join(
            f'<sheet name="{name}" sheetId="{i}" r:id="r{i}"/>'
            for i, name in enumerate(names, 1)) + "</sheets></workbook>",
        "xl/worksheets/sheet1.xml": sheet % (first or x_rows([
            ["Name", "Value", "When", "Part"],
            ["alpha", 1, (1, 45000), (2, 0.125)], [CELL, 22.5, (1, 45000.5), (2, 1)]])),
        "xl/worksheets/sheet2.xml": sheet % (second or x_rows([["Text"], [SECOND]]))})


def pptx():
    def text(words):
        return f"<p:txBody><a:bodyPr/><a:p><a:r><a:t>{words}</a:t></a:r></a:p></p:txBody>"

    def shape(n, words, kind):
        return (f'<p:sp><p:nvSpPr><p:cNvPr id="{n}" name="s{n}"/><p:cNvSpPr/><p:nvPr><p:ph '
                f'type="{kind}"/></p:nvPr></p:nvSpPr><p:spPr/>{text(words)}</p:sp>')

    table = ('<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="9" name="t"/><p:cNvGraphicFramePr/>'
             '<p:nvPr/></p:nvGraphicFramePr><p:xfrm><a:off x="0" y="0"/><a:ext cx="9" cy="9"/>'
             '</p:xfrm><a:graphic><a:graphicData uri="http://schemas.openxmlformats.org/drawingml/'
             '2006/table"><a:tbl><a:tblPr/><a:tblGrid><a:gridCol w="9"/><a:gridCol w="9"/>'
             "</a:tblGrid>" + "".join('<a:tr h="9">' + "".join(
                 f"<a:tc><a:txBody><a:bodyPr/><a:p><a:r><a:t>{cell}</a:t></a:r></a:p></a:txBody>"
                 "<a:tcPr/></a:tc>" for cell in row) + "</a:tr>" for row in ROWS)
             + "</a:tbl></a:graphicData></a:graphic></p:graphicFrame>")
    slide = (f'<p:sld xmlns:p="{P}" xmlns:a="{A}" xmlns:r="{REL}"><p:cSld><p:spTree><p:nvGrpSpPr>'
             '<p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>%s'
             "</p:spTree></p:cSld></p:sld>")
    layout = slide.replace("p:sld ", "p:sldLayout ").replace("</p:sld>", "</p:sldLayout>") % ""
    main = "presentationml"
    return zipped({
        "[Content_Types].xml": types(
            ("ppt/presentation.xml", main + ".presentation.main"),
            *((f"ppt/slides/slide{i}.xml", main + ".slide") for i in (1, 2)),
            ("ppt/slideLayouts/slideLayout1.xml", main + ".slideLayout"),
            ("ppt/notesSlides/n.xml", main + ".notesSlide")),
        "_rels/.rels": rels(("officeDocument", "ppt/presentation.xml")),
        "ppt/_rels/presentation.xml.rels": rels(("slide", "slides/slide1.xml"),
                                                ("slide", "slides/slide2.xml")),
        "ppt/presentation.xml": f'<p:presentation xmlns:p="{P}" xmlns:r="{REL}"><p:sldIdLst>'
                                '<p:sldId id="256" r:id="r1"/><p:sldId id="257" r:id="r2"/>'
                                "</p:sldIdLst></p:presentation>",
        "ppt/slideLayouts/slideLayout1.xml": layout,
        "ppt/slides/slide1.xml": slide % (shape(2, HEADING, "title") + table),
        "ppt/slides/_rels/slide1.xml.rels": rels(("slideLayout", "../slideLayouts/slideLayout1.xml")),
        "ppt/slides/slide2.xml": slide % (shape(2, "Next", "title") + shape(3, SECOND, "body")),
        "ppt/slides/_rels/slide2.xml.rels": rels(("slideLayout", "../slideLayouts/slideLayout1.xml"),
                                                 ("notesSlide", "../notesSlides/n.xml")),
        "ppt/notesSlides/n.xml": slide % shape(2, "Said aloud", "body")})


def html(title="The title"):
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in ROWS)
    return (f"<!doctype html><title>{title}</title><script>var hidden = 1</script><h1>{HEADING}</h1>"
            f"<p>First words.</p><ul><li>one<ul><li>below</li></ul></li><li>two</li></ul>"
            f"<table>{rows}</table><h2>Next</h2><p>{SECOND} <a href='{LINK}'>more</a></p>"
            "<pre>code  here</pre>").encode()


def epub():
    chapter = '<?xml version="1.0"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"><head>' \
              "<title>c</title></head><body>%s</body></html>"
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in ROWS)
    return zipped({
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"'
                                  ' version="1.0"><rootfiles><rootfile full-path="OPS/p.opf" '
                                  'media-type="application/oebps-package+xml"/></rootfiles>'
                                  "</container>",
        "OPS/p.opf": '<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier='
                     '"i"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>The title'
                     '</dc:title><dc:identifier id="i">x</dc:identifier><dc:language>en'
                     '</dc:language></metadata><manifest><item id="n" href="n.xhtml" properties='
                     '"nav" media-type="application/xhtml+xml"/><item id="a" href="a.xhtml" '
                     'media-type="application/xhtml+xml"/><item id="b" href="b.xhtml" media-type='
                     '"application/xhtml+xml"/></manifest><spine><itemref idref="a"/><itemref '
                     'idref="b"/></spine></package>',
        "OPS/n.xhtml": chapter % '<nav epub:type="toc" xmlns:epub="http://www.idpf.org/2007/ops">'
                                 '<ol><li><a href="a.xhtml">One</a></li><li><a href="b.xhtml">Two'
                                 "</a></li></ol></nav>",
        "OPS/a.xhtml": chapter % f"<h1>{HEADING}</h1><table>{rows}</table>",
        "OPS/b.xhtml": chapter % f"<h1>Next</h1><p>{SECOND} <a href='{LINK}'>more</a></p>"})


def odt():
    table = "<table:table>" + "".join("<table:table-row>" + "".join(
        f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in row)
        + "</table:table-row>" for row in ROWS) + "</table:table>"
    office = "urn:oasis:names:tc:opendocument:xmlns"
    return zipped({
        "mimetype": "application/vnd.oasis.opendocument.text",
        "styles.xml": f'<office:document-styles xmlns:office="{office}:office:1.0"/>',
        "content.xml": f'<office:document-content xmlns:office="{office}:office:1.0" xmlns:text='
                       f'"{office}:text:1.0" xmlns:table="{office}:table:1.0" xmlns:style="{office}'
                       f':style:1.0" xmlns:fo="{office}:xsl-fo-compatible:1.0" xmlns:xlink='
                       '"http://www.w3.org/1999/xlink"><office:automatic-styles><style:style '
                       'style:name="B"><style:paragraph-properties fo:break-before="page"/>'
                       f"</style:style></office:automatic-styles><office:body><office:text><text:h "
                       f'text:outline-level="1">{HEADING}</text:h>{table}<text:p text:style-name="B">'
                       f'{SECOND} <text:a xlink:href="{LINK}">more</text:a></text:p></office:text>'
                       "</office:body></office:document-content>"})


def pdf(pages=2, lines=0):
    """Text at places, as printed; the heading is large, the table three columns."""
    def show(x, y, size, words):
        return f"BT /F1 {size} Tf {x} {y} Td ({words}) Tj ET\n"

    streams = []
    for n in range(pages):
        words = show(72, 720, 22, HEADING if not n else f"Part {n + 1}")
        words += show(72, 690, 11, "First words." if not n else SECOND)
        for r, row in enumerate([[*each, "and more"] for each in ROWS]):
            words += "".join(show(72 + 120 * c, 640 - 16 * r, 11, cell)
                             for c, cell in enumerate(row))
        for i in range(lines):
            words += show(72, 560 - 13 * i, 11, f"Line {i} of page {n + 1} has some words of its own")
        streams.append(words.encode())
    objects = [b"<< /Type /Catalog /Pages 2 0 R /Outlines 4 0 R >>",
               b"<< /Type /Pages /Count %d /Kids [%s] >>" % (pages, b" ".join(
                   b"%d 0 R" % (6 + 2 * n) for n in range(pages))),
               b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
               b"<< /Type /Outlines /First 5 0 R /Last 5 0 R /Count 1 >>",
               b"<< /Title (%s) /Parent 4 0 R /Dest [6 0 R /Fit] >>" % HEADING.encode()]
    for n, stream in enumerate(streams):
        link = b""
        if n == 1:
            link = (b" /Annots [<< /Type /Annot /Subtype /Link /Rect [72 680 300 700] /A << /S /URI "
                    b"/URI (%s) >> >>]" % LINK.encode())
        objects.append(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
                       b"/Resources << /Font << /F1 3 0 R >> >>%s >>" % (7 + 2 * n, link))
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    objects.append(b"<< /Title (The title) /Author (Someone) >>")
    out, places = bytearray(b"%PDF-1.4\n"), []
    for i, each in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (i, each)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer << /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1, len(objects), start)
    return bytes(out)


def png(wide=3, high=2):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(
            ">I", zlib.crc32(kind + data))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0))
            + chunk(b"tEXt", b"Title\0A picture")
            + chunk(b"IDAT", zlib.compress((b"\0" + b"\xff" * 3 * wide) * high)) + chunk(b"IEND", b""))


def jpeg():
    """With Exif: a model, when it was taken, where."""
    def entry(tag, kind, count, value):
        return struct.pack("<HHI", tag, kind, count) + value

    text, date = b"Camera Nine\0", b"2024:05:06 07:08:09\0"
    after = 8 + 2 + 3 * 12 + 4
    exif = after + len(text)
    gps = exif + 2 + 12 + 4 + len(date)
    parts = gps + 2 + 4 * 12 + 4
    degrees = struct.pack("<6I", 48, 1, 30, 1, 0, 1)
    tiff = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", 3) + entry(
        0x110, 2, len(text), struct.pack("<I", after)) + entry(
        0x8769, 4, 1, struct.pack("<I", exif)) + entry(0x8825, 4, 1, struct.pack("<I", gps))
    tiff += bytes(4) + text + struct.pack("<H", 1) + entry(
        0x9003, 2, len(date), struct.pack("<I", exif + 18)) + bytes(4) + date
    tiff += struct.pack("<H", 4) + entry(1, 2, 2, b"N\0\0\0") + entry(
        2, 5, 3, struct.pack("<I", parts)) + entry(3, 2, 2, b"W\0\0\0") + entry(
        4, 5, 3, struct.pack("<I", parts)) + bytes(4) + degrees
    body = b"Exif\0\0" + tiff
    return (b"\xff\xd8\xff\xe1" + struct.pack(">H", len(body) + 2) + body + b"\xff\xc0"
            + struct.pack(">HBHHB", 17, 8, 20, 30, 3) + bytes(9) + b"\xff\xd9")


def csv():
    return ("\n".join(",".join(row) for row in ROWS) + f'\n"with, mark","a|b"\n').encode()


def notebook():
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": [f"# {HEADING}\n"]},
        {"cell_type": "code", "metadata": {}, "execution_count": 1, "source": "print(2)",
         "outputs": [{"output_type": "stream", "name": "stdout", "text": [SECOND]}]}]}).encode()


def mail():
    return (f"From: a@example.org\r\nTo: b@example.org\r\nSubject: {HEADING}\r\nMIME-Version: 1.0\r\n"
            f"Content-Type: text/plain; charset=utf-8\r\n\r\n{SECOND}\r\n").encode()


def archive():
    return zipped({"a/report.docx": docx(), "b.csv": csv(), "../up.txt": "climbing\n",
                   "/etc/passwd": "absolute\n", "pic.png": png()})
