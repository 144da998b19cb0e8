"""browser_pdf: a page as a file in the sandbox."""

import re
import shutil
import subprocess


def show(web, site, body, title="T"):
    web("browser_navigate", wait_until="load",
        url=site.add("/", f"<!doctype html><meta charset=utf-8><title>{title}</title>{body}"))


def printed(web, **how):
    """The document and what the tool said of it."""
    data = web.data("browser_pdf", **how)
    path = f"'{data['path']}'"
    told = web.text("terminal_execute", command=f"wc -c < {path}; head -c 8 {path}; echo; "
                    f"grep -aoE '/Type ?/Page\\b' {path} | wc -l")
    size, whole = told.split("\n--- stdout\n")[-1].split("\n", 1)
    assert int(size) == data["bytes"] and whole.startswith("%PDF-1.")
    return data, int(whole.split("\n")[1])


def test_a_page_is_printed(web, site):
    show(web, site, "<h1>Printed words</h1>" + "<p style='break-after:page'>one page</p>" * 3,
         title="Quarterly: report/2026 …")
    data, pages = printed(web)
    assert re.search(r"downloads/Quarterly-report-2026-…\.pdf$", data["path"]) and pages >= 3
    again, _ = printed(web)
    assert again["path"].endswith("-2.pdf")
    link = [part for part in web("browser_pdf", path="x/ä b.pdf")["content"]
            if part["type"] == "resource_link"]
    assert link[0]["mimeType"] == "application/pdf" and link[0]["uri"].endswith("/x/%C3%A4%20b.pdf")
    if shutil.which("pdftotext"):
        text = subprocess.run(["pdftotext", data["path"], "-"], capture_output=True, text=True)
        assert "Printed words" in text.stdout


def test_some_of_its_pages_across(web, site):
    show(web, site, "<p style='break-after:page'>one page</p>" * 5)
    _, pages = printed(web, path="a.pdf", pages="2-3", landscape=True)
    assert pages == 2
    box = web.text("terminal_execute", command="grep -ao 'MediaBox *\\[[^]]*' a.pdf | head -1")
    width, height = map(float, re.search(r"\[0 0 (\S+) (\S+)", box).groups())
    assert width > height


def test_ranges_that_are_none_are_refused(web, site):
    show(web, site, "<p>one page</p>")
    assert "no list of page ranges" in web.fails("browser_pdf", pages="first")
    assert "invalid_argument" in web.fails("browser_pdf", pages="7-9")


def test_a_long_document_is_written_in_parts(web, site):
    """More than one write takes."""
    show(web, site, "<canvas id=c width=2000 height=2000></canvas><script>"
         "const x=c.getContext('2d'),d=x.createImageData(2000,2000);for(let i=0;i<d.data.length;"
         "i++)d.data[i]=i&3^3?"
         "Math.random()*256:255;x.putImageData(d,0,0)</script>")
    data, _ = printed(web, path="long.pdf")
    assert data["bytes"] > 8 * 1024 * 1024
