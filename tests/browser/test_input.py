import time

import pytest

from browser.harness import Failed


def fails(call, *args, **more):
    with pytest.raises(Failed) as e:
        call(*args, **more)
    return e.value


def opened(page, site, html):
    page.goto(site.add("/", "<!doctype html><title>t</title>" + html))
    return page


LOG = ("<script>log=[];for(const t of['mousedown','mouseup','click','dblclick','contextmenu',"
       "'auxclick','keydown','keyup','input'])addEventListener(t,e=>log.push([t,e.key??e.button,"
       "e.isTrusted,e.shiftKey,e.ctrlKey,e.detail]),true)</script>")


def test_clicks_are_real(page, site):
    opened(page, site, LOG + "<button id=b>Press</button>")
    page.click("css=#b")
    assert page.eval("log") == [[t, 0, True, False, False, 1]
                                for t in ("mousedown", "mouseup", "click")]
    page.eval("log = []")
    page.click("#b", count=2, modifiers=["Shift", "Control"])
    assert [e[0] for e in page.eval("log")] == ["mousedown", "mouseup", "click", "mousedown",
                                                "mouseup", "click", "dblclick"]
    assert page.eval("log.every(e => e[2] && e[3] && e[4])")
    page.eval("log = []; 0")
    page.click("text=Press", button="right")
    assert "contextmenu" in [e[0] for e in page.eval("log")]
    assert page.eval("log[0][1]") == 2
    assert fails(page.click, "#b", button="other").code == "invalid_argument"
    assert fails(page.click, "#b", modifiers=["Hyper"]).code == "invalid_argument"


@pytest.mark.parametrize("target", [
    "css=#save", "#save", "text=Save all", "text=\"Save all\"", "text=save ALL",
    "role=button[name=\"Save all\"]", "role=button[name='save all']", "role=button[name*=all]",
    "xpath=//button[2]", "xpath=//b[text()='Save all']",
])
def test_selectors(page, site, target):
    opened(page, site, "<button>Save</button><button id=save onclick=\"document.title='hit'\">"
                       "<b>Save all</b></button><button hidden>Save all</button>")
    page.click(target)
    assert page.eval("document.title") == "hit"


def test_selectors_that_do_not_work(page, site):
    opened(page, site, "<button>One</button><button>Two</button>")
    e = fails(page.click, "css=button")
    assert e.code == "invalid_argument" and "2 elements" in e.message and '"Two"' in e.message
    assert fails(page.click, "css=[[").code == "invalid_argument"
    assert fails(page.click, "xpath=//[").code == "invalid_argument"
    assert fails(page.click, "role=").code == "invalid_argument"
    began = time.monotonic()
    assert fails(page.click, "#nothing").code == "not_found"
    assert time.monotonic() - began < 8


def test_what_comes_late_is_waited_for(page, site):
    opened(page, site, "<script>setTimeout(()=>document.body.innerHTML="
                       "'<button id=b disabled onclick=\"document.title=1\">Late</button>',400);"
                       "setTimeout(()=>b.disabled=false,900)</script>")
    page.click("text=Late")
    assert page.eval("document.title") == "1"


def test_a_moving_target_is_hit(page, site):
    opened(page, site, "<style>@keyframes m{from{left:0}to{left:700px}}#b{position:absolute;"
                       "animation:m .6s linear forwards}</style>"
                       "<button id=b onclick=\"document.title='hit'\">Catch</button>")
    page.click("#b")
    assert page.eval("document.title") == "hit"


def test_what_covers_is_named(page, site):
    opened(page, site, "<button onclick=\"document.title='hit'\">Under</button>"
                       "<div id=cover class='modal big' style='position:fixed;inset:0;"
                       "background:#0008'>Cookies?</div>")
    e = fails(page.click, "text=Under")
    assert e.code == "covered" and "<div#cover.modal.big>" in e.message and "Cookies" in e.message
    assert page.eval("document.title") == "t"
    page.eval("document.querySelector('#cover').style.pointerEvents = 'none'")
    page.click("text=Under")
    assert page.eval("document.title") == "hit"


def test_sticky_headers_do_not_cover(page, site):
    opened(page, site, "<div style='position:sticky;top:0;height:150px;background:#ccc'>Head</div>"
                       "<div style='height:3000px'></div>"
                       "<button onclick=\"document.title+='x'\">Deep</button>"
                       "<div style='height:3000px'></div>")
    page.click("text=Deep")
    page.eval("scrollTo(0, document.querySelector('button').offsetTop - 20)")
    page.click("text=Deep")
    assert page.eval("document.title") == "txx"


def test_a_label_stands_for_its_box(page, site):
    opened(page, site, "<style>input{position:absolute;left:0;top:0}label{position:absolute;"
                       "left:0;top:0;width:200px;height:40px;background:#eee;z-index:2}</style>"
                       "<input type=checkbox id=c><label for=c>Agree</label>")
    page.click("#c")
    assert page.eval("document.querySelector('#c').checked") is True


def test_disabled_and_hidden_are_said(page, site):
    opened(page, site, "<button disabled>Off</button><button id=h style='display:none'>Gone"
                       "</button>")
    e = fails(page.click, "text=Off")
    assert e.code == "invalid_argument" and "disabled" in e.message
    assert "hidden" in fails(page.click, "#h").message


def test_shadow_roots(page, site):
    opened(page, site, "<div id=host></div><script>const r=host.attachShadow({mode:'open'});"
                       "r.innerHTML='<button>Inner</button><input id=i>';r.querySelector('button')"
                       ".onclick=()=>document.title='hit'</script>")
    page.click("text=Inner")
    assert page.eval("document.title") == "hit"
    page.type("typed", "css=#i")
    assert page.eval("host.shadowRoot.querySelector('#i').value") == "typed"


def test_frames_in_frames(page, site):
    site.add("/one", f"<p style='height:900px'>tall</p><iframe src={site.url('/two')} "
                     f"style='border:7px solid;padding:5px'></iframe>")
    site.add("/two", "<p style='height:400px'></p><button onclick=\"this.textContent='Done'\">"
                     "Inmost</button><input id=field>")
    opened(page, site, f"<p style='height:1500px'></p><iframe height=300 "
                       f"src={site.other('/one')}></iframe>")
    page.click("text=Inmost")
    page.type("deep", "#field")
    inner = next(f for f in page.frames() if f["url"].endswith("/two"))
    assert page.eval("document.querySelector('button').textContent", frame=inner["id"]) == "Done"
    assert page.eval("document.querySelector('#field').value", frame=inner["id"]) == "deep"


def test_a_covered_frame_is_named(page, site):
    site.add("/in", "<button>Inside</button>")
    opened(page, site, f"<iframe src={site.other('/in')}></iframe>"
                       f"<div id=cover style='position:fixed;inset:0'></div>")
    e = fails(page.click, "text=Inside")
    assert e.code == "covered" and "cover" in e.message


def test_typing(page, site):
    opened(page, site, LOG + "<input id=i value=old><textarea id=t>old</textarea>"
                             "<div id=d contenteditable>old</div><input id=n type=number>"
                             "<input id=r readonly><input id=date type=date>"
                             "<input id=c type=checkbox>")
    value = "document.querySelector('#{}').value"
    page.type("new é😀", "#i")
    assert page.eval(value.format("i")) == "new é😀"
    page.type("+more", "#i", clear=False)
    assert page.eval(value.format("i")) == "new é😀+more"
    page.type("", "#i")
    assert page.eval(value.format("i")) == ""
    page.type("two\nlines", "#t")
    assert page.eval(value.format("t")) == "two\nlines"
    page.type("rich", "#d")
    assert page.eval("document.querySelector('#d').textContent") == "rich"
    page.type("42", "#n")
    assert page.eval(value.format("n")) == "42"
    page.type("2026-11-21", "#date")
    assert page.eval(value.format("date")) == "2026-11-21"
    assert fails(page.type, "soon", "#date").code == "invalid_argument"
    assert "read-only" in fails(page.type, "x", "#r").message
    assert "takes no text" in fails(page.type, "x", "#c").message
    assert page.eval("log.filter(e => e[0] === 'input').length > 4")


def test_typing_slowly_presses_keys(page, site):
    opened(page, site, LOG + "<input id=i>")
    page.type("aB1 ?é", "#i", slowly=True)
    assert page.eval("document.querySelector('#i').value") == "aB1 ?é"
    downs = [e[1] for e in page.eval("log") if e[0] == "keydown"]
    assert downs == ["a", "B", "1", " ", "?"]


def test_submitting_waits_for_the_next_page(page, site):
    site.add("/found", lambda h: (time.sleep(0.3), h.answer("<title>found</title>")))
    opened(page, site, "<form action=/found><input name=q></form>")
    report = page.type("query", "css=input", submit=True)
    assert report["navigated"] and report["url"] == site.url("/found?q=query")
    assert report["title"] == "found"


def test_keys_and_chords(page, site):
    opened(page, site, "<input id=i value=hello><input id=j><script>keys=[];"
                       "addEventListener('keydown',e=>keys.push([e.key,e.code,e.keyCode,e.ctrlKey,"
                       "e.shiftKey]))</script>")
    page.press("Control+A", "Delete", target="#i")
    assert page.eval("document.querySelector('#i').value") == ""
    page.press("x", "Shift+y", "z", "Backspace", "Home", "w")
    assert page.eval("document.querySelector('#i').value") == "wxy"
    page.press("Tab")
    assert page.eval("document.activeElement.id") == "j"
    page.eval("keys = []; 0")
    page.press("Control+Shift+K", "F5", "ArrowDown", "+", "Escape")
    keys = page.eval("keys")
    assert keys[2][1:] == ["KeyK", 75, True, True]
    assert [k[1] for k in keys[3:]] == ["F5", "ArrowDown", "Equal", "Escape"]
    for bad in "Nothing", "Control+", "a+b", "":
        assert fails(page.press, bad).code == "invalid_argument"


def test_hover(page, site):
    opened(page, site, "<style>#m{display:none}#a:hover+#m{display:block}</style>"
                       "<span id=a>Menu</span><div id=m>Item</div>")
    page.drive("hover", page=page.id, target="#a")
    assert page.eval("getComputedStyle(document.querySelector('#m')).display") == "block"


def test_scrolling(page, site):
    opened(page, site, "<body style='margin:0'><div id=box style='height:200px;width:200px;"
                       "overflow:auto'><p style='height:2000px'>x</p></div>"
                       "<div style='height:4000px'></div><p id=end>end</p>")
    at = page.scroll(dy=500)
    assert at["y"] == 500 and not at["at_end"]
    assert page.scroll(to="bottom")["at_end"]
    assert page.scroll(to="top")["y"] == 0
    assert page.scroll(target="#box", dy=300)["y"] == 300
    assert page.eval("scrollY") == 0
    page.scroll(target="#end")
    assert page.eval("document.querySelector('#end').getBoundingClientRect().top < innerHeight")
    assert fails(page.scroll, to="left").code == "invalid_argument"


def test_a_click_tells_what_it_caused(page, site):
    site.add("/data", lambda h: (time.sleep(0.4), h.answer("42")))
    site.add("/next", "<title>next</title>")
    opened(page, site, "<button onclick=\"fetch('/data').then(r=>r.text())"
                       ".then(t=>document.title=t)\">Fetch</button><a href=/next>Next</a>"
                       "<button>Nothing</button>")
    report = page.click("text=Fetch")
    assert report["requests"] == 1 and not report["navigated"] and not report["unfinished"]
    assert page.eval("document.title") == "42"
    report = page.click("text=Nothing")
    assert not report["requests"] and not report["navigated"]
    report = page.click("text=Next")
    assert report["navigated"] and report["title"] == "next" and report["url"] == site.url("/next")


def test_a_node_that_left_is_stale(page, site):
    opened(page, site, "<button>Going</button>")
    root = page.cdp(method="DOM.getDocument", params={"depth": -1})["root"]

    def find(node):
        if node["nodeName"] == "BUTTON":
            return node["backendNodeId"]
        return next(filter(None, map(find, node.get("children", []))), None)

    node = find(root)
    page.drive("click", page=page.id, node=node)
    page.eval("document.querySelector('button').remove()")
    with pytest.raises(Failed) as e:
        page.drive("click", page=page.id, node=node)
    assert e.value.code == "stale_ref"


def test_a_click_is_quick(page, site):
    opened(page, site, "<button>Fast</button>")
    page.click("text=Fast")
    times = []
    for _ in range(10):
        began = time.monotonic()
        page.click("text=Fast")
        times.append(time.monotonic() - began)
    assert sorted(times)[5] < 0.5
    print(f"median {sorted(times)[5] * 1000:.1f} ms")
