"""Files of a browser elsewhere (--browser-cdp-url), which sees none of the sandbox's own."""

import json

import pytest
from browser.harness import chromium
from pages.conftest import started

from lib.debugged import Debugged

PAGE = "<!doctype html><title>r</title>"


@pytest.fixture(scope="module")
def web():
    if not chromium():
        pytest.skip("no Chromium here")
    browser = Debugged()
    one = started("--runtime", "host", "--browser-cdp-url", browser.url)
    yield one
    one.close()
    browser.close()


def became(web, want):
    script = ("new Promise(r=>{const t=Date.now();(function f(){document.title==="
              + json.dumps(want) + "||Date.now()-t>5000?r(document.title):setTimeout(f,20)})()})")
    return want in web.text("browser_evaluate", script=script)


def fetched(web, name):
    one = web.data("browser_downloads")["downloads"]
    if not any(d["name"] == name for d in one):
        one = web.data("browser_downloads", action="wait")["downloads"]
    return next(d for d in one if d["name"] == name)


def test_a_download_comes_over_the_connection(web, site):
    body = bytes(range(256)) * 8000
    site.add("/f", lambda h: h.answer(body, kind="application/x-thing", Content_Disposition=(
        "attachment; filename=far.bin")))
    web("browser_navigate", url=site.add("/", PAGE + "<a href=/f>get</a>"))
    web.text("browser_click", target="a")
    one = fetched(web, "far.bin")
    assert one["state"] == "completed" and one["received"] == len(body)
    assert one["path"].endswith("/downloads/far.bin")
    assert f"{len(body)} " in web.text("terminal_execute", command="wc -c downloads/far.bin")
    web.text("browser_click", target="a")
    assert fetched(web, "far.bin")
    assert "far (1).bin" in web.text("file_list", path="downloads")


def test_the_answer_to_a_form_is_not_asked_for_again(web, site):
    web("browser_navigate", url=site.add("/", PAGE + (
        "<form method=post action=/f><button>Send</button></form>")))
    site.add("/f", lambda h: h.answer(b"got", kind="application/x-thing", Content_Disposition=(
        "attachment; filename=posted.bin")))
    web.text("browser_click", target="text=Send")
    one = fetched(web, "posted.bin")
    assert one["state"] == "failed" and "form" in one["reason"]
    assert site.seen.count("/f") == 1


def test_a_blob(web, site):
    web("browser_navigate", url=site.add("/", PAGE + """<a download=b.txt>get</a><script>
        document.querySelector('a').href=URL.createObjectURL(new Blob(['from far']))</script>"""))
    web.text("browser_click", target="a")
    assert fetched(web, "b.txt")["state"] == "completed"
    assert "from far" in web.text("file_read", path="downloads/b.txt")


def test_uploads(web, site):
    web("file_write", path="u/a.txt", content="A")
    web("browser_navigate", url=site.add("/", PAGE + """<input type=file id=f>
        <button onclick=f.click()>Pick</button><div id=z style=height:50px>Zone</div><script>
        const tell=async l=>document.title=l[0].name+'='+await l[0].text();
        f.onchange=()=>tell(f.files);z.ondragover=e=>e.preventDefault();
        z.ondrop=e=>{e.preventDefault();tell(e.dataTransfer.files)}</script>"""))
    assert web.data("browser_upload", target="#f", paths=["u/a.txt"])["files"] == ["a.txt, 1 bytes"]
    assert became(web, "a.txt=A")
    web("file_write", path="u/b.txt", content="B")
    web("browser_upload", target="text=Pick", paths=["u/b.txt"])
    assert became(web, "b.txt=B")
    web("browser_drag", to="#z", paths=["u/a.txt"])
    assert became(web, "a.txt=A")
    web("terminal_execute", command="head -c 9000000 /dev/zero > u/big")
    assert "too_large" in web.fails("browser_upload", target="#f", paths=["u/big"])
