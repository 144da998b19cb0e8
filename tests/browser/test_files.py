"""Downloads within their bounds, bytes that go over the connection, and states of checkboxes."""

import time

import pytest

from browser.harness import Failed
from browser.test_input import fails, opened

SECONDS = 20


def until(look, what=bool):
    end = time.monotonic() + SECONDS
    while not what(found := look()):
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def download(name, body):
    return lambda h: h.answer(body, kind="application/x-thing",
                              Content_Disposition=f'attachment; filename="{name}"')


def endless(site):
    def serve(h):
        h.send_response(200)
        h.send_header("Content-Type", "application/x-thing")
        h.send_header("Content-Disposition", 'attachment; filename="endless.bin"')
        h.end_headers()
        h.close_connection = True
        try:
            while not site.released.is_set():
                h.wfile.write(b"\0" * 65536)
                time.sleep(0.005)
        except OSError:
            h.stopped = site.seen.append("stopped")
    return serve


def over(browser, name):
    return until(lambda: [d for d in browser("downloaded")
                          if d["name"] == name and d["state"] not in ("running", "claimed")])[-1]


def go(page, url):
    try:
        page.goto(url)
    except Failed as e:
        assert "ERR_ABORTED" in e.message


def test_an_endless_body_is_cut(own_browser, site, tmp_path):
    own_browser("downloads", dir=str(tmp_path), file_max=1_000_000)
    page = own_browser.open()
    go(page, site.add("/e", endless(site)))
    one = over(own_browser, "endless.bin")
    assert one["state"] == "cancelled" and "larger than" in one["reason"]
    until(lambda: "stopped" in site.seen)
    until(lambda: list((tmp_path / ".incoming").iterdir()), lambda left: not left)


def test_a_length_that_is_too_much_is_not_begun(own_browser, site, tmp_path):
    own_browser("downloads", dir=str(tmp_path), file_max=1000)
    page = own_browser.open()

    def huge(h):
        h.send_response(200)
        h.send_header("Content-Type", "application/x-thing")
        h.send_header("Content-Disposition", 'attachment; filename="huge.bin"')
        h.send_header("Content-Length", str(10**12))
        h.end_headers()
        h.wfile.write(b"x")
        site.released.wait(SECONDS)

    go(page, site.add("/h", huge))
    assert over(own_browser, "huge.bin")["state"] == "cancelled"


def test_all_together_are_bounded(own_browser, site, tmp_path):
    own_browser("downloads", dir=str(tmp_path), all_max=100_000)
    page = own_browser.open()
    go(page, site.add("/a", download("a.bin", b"x" * 90_000)))
    assert over(own_browser, "a.bin")["state"] == "ready"
    go(page, site.add("/e", endless(site)))
    assert "together" in over(own_browser, "endless.bin")["reason"]


def test_too_many_at_once_are_refused(own_browser, site, tmp_path):
    own_browser("downloads", dir=str(tmp_path))
    page = own_browser.open(site.add("/", "<title>many</title>"))
    site.add("/e", endless(site))
    page.eval("for(let i=0;i<24;i++){const a=document.createElement('a');a.download='x';"
              "a.href='/e?'+i;document.body.append(a);setTimeout(()=>a.click(),i*20)}")
    until(lambda: len([d for d in own_browser("downloaded") if d["state"] == "running"]),
          lambda n: n > 4)
    time.sleep(0.6)
    assert len(own_browser("downloaded")) <= 16
    site.released.set()


def test_the_context_goes(own_browser, site, tmp_path):
    own_browser("downloads", dir=str(tmp_path))
    page = own_browser.open(context="jar")
    go(page, site.add("/e", endless(site)))
    until(lambda: own_browser("downloaded"))
    page.close()
    assert over(own_browser, "endless.bin")["state"] == "cancelled"


@pytest.mark.parametrize("context", [None, "jar"])
def test_bodies_go_over_the_connection(own_browser, site, context):
    own_browser("downloads")
    page = own_browser.open(site.add("/", "<title>t</title>"),
                            **({"context": context} if context else {}))
    go(page, site.add("/t", download("t.bin", b"abc" * 700_000)))
    assert over(own_browser, "t.bin")["state"] == "ready"
    assert own_browser("take") == {"name": "t.bin", "size": 2_100_000, "head": "abc" * 21 + "a"}
    page.eval("{const a=document.createElement('a');a.download='b.txt';a.href=URL.createObjectURL("
              "new Blob(['blob'.repeat(300000)]));document.body.append(a);a.click()}")
    over(own_browser, "b.txt")
    assert own_browser("take")["size"] == 1_200_000
    assert {d["state"] for d in own_browser("downloaded")} == {"done"}


def test_a_body_that_is_gone_is_said(own_browser, site):
    own_browser("downloads")
    page = own_browser.open(site.add("/", "<title>t</title>"))
    page.eval("{const a=document.createElement('a');a.download='r.txt';const u=URL.createObjectURL("
              "new Blob(['x']));a.href=u;a.click();setTimeout(()=>URL.revokeObjectURL(u),200)}")
    over(own_browser, "r.txt")
    time.sleep(0.4)
    assert "no longer" in fails(own_browser, "take").message
    go(page, site.add("/once", download("once.bin", b"x")))
    over(own_browser, "once.bin")
    page.close()
    assert fails(own_browser, "take").code == "gone"


def test_content_into_an_input(page, site):
    opened(page, site, "<input type=file id=f multiple onchange=\"document.title='changed'\">")
    big = "x" * 700_000
    assert page.upload(target="#f", files={"a.txt": "hello", "b.bin": big}) == [
        "a.txt, 5 bytes", "b.bin, 700000 bytes"]
    assert page.eval("document.title") == "changed"
    assert page.eval("(async () => [await f.files[0].text(), f.files[0].type, (await "
                     "f.files[1].text()).length])()") == ["hello", "text/plain", 700000]


def test_content_is_dropped(page, site):
    opened(page, site, "<div id=z style=height:99px>Zone</div><script>z.ondragover=e=>"
                       "e.preventDefault();z.ondrop=async e=>{e.preventDefault();"
                       "document.title=await e.dataTransfer.files[0].text()}</script>")
    page.upload(target="#z", files={"a.txt": "dropped"}, drop=True)
    until(lambda: page.eval("document.title"), lambda t: t == "dropped")


CHECKS = """<input type=checkbox id=a><label><input type=checkbox id=b style='position:absolute;
opacity:0;width:0;height:0'> Hidden box</label><input type=radio name=r id=r1 checked>
<input type=radio name=r id=r2><div role=switch id=s aria-checked=false tabindex=0>Switch</div>
<input type=checkbox id=d disabled><input type=checkbox id=no onclick='return false'>
<button>Plain</button><input type=checkbox id=i><script>i.indeterminate=true;
s.onclick=e=>setTimeout(()=>s.ariaChecked=String(s.ariaChecked!=='true'),150);
trusted=[];addEventListener('click',e=>trusted.push(e.isTrusted))</script>"""


def test_checkboxes(page, site):
    opened(page, site, CHECKS)
    state = "[a.checked, b.checked, r2.checked, s.ariaChecked, i.checked]"
    for one in "#a", "#b", "#r2", "#s", "#i", "text=Hidden box":
        page.check(target=one)
    assert page.eval(state) == [True, True, True, "true", True]
    assert page.eval("trusted.every(t => t)")
    assert not page.check(target="#a") and not page.check(target="#s")
    for one in "#a", "#b", "#s":
        assert page.check(target=one, checked=False)
    assert page.eval(state) == [False, False, True, "false", True]


def test_checkboxes_that_cannot_be_set(page, site):
    opened(page, site, CHECKS)
    assert "radio button" in fails(page.check, target="#r1", checked=False).message
    assert "disabled" in fails(page.check, target="#d").message
    assert not page.check(target="#d", checked=False)
    assert "stays unchecked" in fails(page.check, target="#no").message
    assert "no checkbox" in fails(page.check, target="text=Plain").message


def test_rich_text_is_typed(page, site):
    opened(page, site, "<div contenteditable id=e><p>old <b>bold</b></p></div><script>kinds=[];"
                       "e.addEventListener('input',v=>kinds.push(v.inputType))</script>")
    page.type("new\ntext", "#e")
    assert page.eval("e.innerText.trim().split(/\\n+/)") == ["new", "text"]
    page.type(" more", "#e", clear=False)
    assert page.eval("e.innerText.trim()").endswith("text more")
    assert "insertText" in page.eval("kinds")
