"""browser_click, _type, _press_key, _hover and _scroll, as an agent sees them."""

import os
import signal
from pathlib import Path

import pytest

from lib import processes

FORM = """<title>Form</title><form onsubmit="event.preventDefault();out.textContent='sent '+q.value">
<input id=q value=old><button>Send</button></form><p id=out></p>
<div id=rich contenteditable style="min-height:20px">rich</div><input id=ro readonly value=fixed>
<input type=date id=day><input id=off disabled><textarea id=area></textarea>"""


def value(web, script):
    return web.text("browser_evaluate", script=script).splitlines()[2]


@pytest.fixture
def form(web, site):
    web("browser_navigate", url=site.add("/form", FORM))
    return web


def test_text_replaces_what_a_field_holds(form):
    assert "typed into" in form.text("browser_type", target="#q", text="new")
    assert value(form, "q.value") == '"new"'


def test_text_is_added_when_clear_is_false(form):
    form("browser_type", target="#q", text="er", clear=False)
    assert value(form, "q.value") == '"older"'


def test_enter_submits(form):
    form("browser_type", target="#q", text="it", submit=True)
    assert value(form, "out.textContent") == '"sent it"'


def test_empty_text_empties_the_field(form):
    assert "cleared" in form.text("browser_type", target="#q", text="")
    assert value(form, "q.value") == '""'


def test_nothing_to_type_is_refused(form):
    assert "invalid_argument" in form.fails("browser_type", target="#q", text="", clear=False)


def test_keys_are_pressed_one_by_one_when_slowly(form):
    form("browser_evaluate", script="window.n=0;q.onkeydown=()=>n++")
    form("browser_type", target="#q", text="abc", slowly=True)
    assert value(form, "[n, q.value]") == '[3,"abc"]'


def test_typing_into_contenteditable_and_textarea(form):
    form("browser_type", target="#rich", text="bold")
    form("browser_type", target="#area", text="two\nlines")
    assert value(form, "[rich.innerText, area.value]") == '["bold","two\\nlines"]'


def test_a_date_is_set(form):
    form("browser_type", target="#day", text="2026-11-21")
    assert value(form, "day.value") == '"2026-11-21"'
    assert "YYYY-MM-DD" in form.fails("browser_type", target="#day", text="tomorrow")


def test_text_goes_where_the_focus_is_without_a_target(form):
    form("browser_click", target="#q")
    form("browser_type", text="here")
    assert value(form, "q.value") == '"here"'


@pytest.mark.parametrize("target, why", [
    ("#ro", "read-only"), ("#off", "disabled"), ("button", "takes no text"),
    ("#none", "not_found"), ("css=:::", "invalid_argument"), ("role=???", "invalid_argument"),
    ("xpath=//[", "invalid_argument")])
def test_what_cannot_be_typed_into_is_said(form, target, why):
    text = form.fails("browser_type", target=target, text="x")
    assert why in text and "Next:" in text or why == "takes no text"


def test_chords(form):
    told = form.text("browser_press_key", target="#q", keys=["Control+A", "Delete", "h", "Shift+I"])
    assert "pressed Control+A, Delete, h, Shift+I in" in told
    assert value(form, "q.value") == '"hI"'


def test_an_unknown_key_names_the_known_ones(form):
    assert "ArrowLeft" in form.fails("browser_press_key", keys=["Entr"])


def test_hovering_opens_a_menu(web, site):
    web("browser_navigate", url=site.add("/menu", """<style>#m{display:none}
        #b:hover+#m{display:block}</style><button id=b>menu</button><div id=m>items</div>"""))
    web("browser_hover", target="#b")
    assert value(web, "getComputedStyle(m).display") == '"block"'


def test_what_is_in_frames_and_shadow_roots_is_found(web, site):
    site.add("/in", "<button onclick=\"parent.postMessage('frame','*')\">in frame</button>")
    web("browser_navigate", url=site.add("/deep", f"""<div id=h></div>
        <iframe src={site.other('/in')}></iframe><script>window.got=[];onmessage=e=>got.push(e.data);
        const r=h.attachShadow({{mode:'open'}});r.innerHTML='<button>in shadow</button>';
        r.firstChild.onclick=()=>got.push('shadow')</script>"""))
    web("browser_click", target="text=in shadow")
    web("browser_click", target="text=in frame")
    web("browser_evaluate",
        script="new Promise(r=>{const f=()=>got.length>1?r(1):setTimeout(f,20);f()})")
    assert value(web, "got") == '["shadow","frame"]'


def test_what_covers_an_element_is_named(web, site):
    web("browser_navigate", url=site.add("/cover", """<button>buy</button>
        <div id=banner style="position:fixed;inset:0;background:#eee">cookies?</div>"""))
    told = web.fails("browser_click", target="text=buy")
    assert "covered" in told and "#banner" in told


def test_a_sticky_header_is_scrolled_away_from(web, site):
    web("browser_navigate", url=site.add("/sticky", """<div style="position:sticky;top:0;height:200px;
        background:#eee">head</div><div style="height:2000px"></div>
        <button onclick="document.title='hit'">low</button><div style="height:2000px"></div>"""))
    web("browser_evaluate", script="scrollTo(0, 2100)")
    assert "hit" in web.text("browser_click", target="text=low")


def test_what_appears_late_is_waited_for(web, site):
    web("browser_navigate", url=site.add("/late", """<script>setTimeout(()=>{document.body.innerHTML=
        '<button onclick="document.title=\\'came\\'">late</button>'},400)</script><p>wait"""))
    assert "came" in web.text("browser_click", target="text=late")


def test_navigation_within_a_document_is_told(web, site):
    web("browser_navigate", url=site.add("/spa", """<button onclick="history.pushState(0,'','/two');
        document.title='Two'">go</button>"""))
    told = web.text("browser_click", target="text=go")
    assert "URL changed" in told and site.url("/two") in told and "Two" in told


def test_a_page_that_scrolls_on_for_ever(web, site):
    web("browser_navigate", url=site.add("/endless", """<div id=l></div><script>
        const more=()=>fetch('/more').then(r=>r.text()).then(t=>{for(let i=0;i<40;i++)
        l.insertAdjacentHTML('beforeend','<p>item</p>')});more();
        onscroll=()=>{if(innerHeight+scrollY>=document.body.offsetHeight-50)more()}</script>"""))
    site.add("/more", "x")
    web("browser_wait", text="item")
    first = web.data("browser_scroll", to="bottom")
    second = web.data("browser_scroll", to="bottom")
    assert not first["at_end"] and second["position"]["y"] > first["position"]["y"] > 0


def test_scrolling_by_pixels_to_an_end_and_to_a_target(web, site):
    web("browser_navigate", url=site.add("/tall", """<div style="height:3000px"></div>
        <p id=end>end"""))
    assert web.data("browser_scroll", dy=250)["position"] == {"x": 0, "y": 250}
    assert web.data("browser_scroll", to="bottom")["at_end"]
    assert web.data("browser_scroll", to="top")["position"]["y"] == 0
    assert web.data("browser_scroll", target="#end")["position"]["y"] > 1000


@pytest.mark.parametrize("arguments", [{}, {"dy": 5, "to": "top"}, {"to": "left"}, {"dy": "far"},
                                       {"target": "#gone"}])
def test_scrolling_nowhere_is_refused(web, arguments):
    assert "Next:" in web.fails("browser_scroll", **arguments) or arguments


def test_a_tab_that_crashed_is_said_and_revived(start_web, site):
    web = start_web("--runtime", "host")
    page = web.open(site.add("/", "<title>Fine</title>fine"))
    for pid, _ in processes.descendants(web.server.pid):
        if b"--type=renderer" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    told = web.data("browser_wait", time_s=5)["events"]
    assert [e["type"] for e in told] == ["crash"]
    assert "crashed" in web.fails("browser_click", target="body", page_id=page)
    assert web.data("browser_tabs", action="list")["pages"][0]["crashed"]
    assert web.data("browser_navigate", action="reload", page_id=page)["title"] == "Fine"


def test_what_a_field_holds_is_no_name_of_it(web, site):
    """Nothing looked at the page before: it is named by what can be told without."""
    web("browser_navigate", url=site.add("/", "<input type=password id=p value=hunter2secret>"
                                              "<input type=submit id=s value=Go>"))
    for told in (web.text("browser_hover", target="#p"), web.text("browser_click", target="#p"),
                 web.text("browser_press_key", keys=["End"], target="#p"),
                 web.fails("browser_upload", paths=[], target="#p")):
        assert "#p" in told and "hunter2" not in told
    assert '<input#s> "Go"' in web.text("browser_hover", target="#s")
