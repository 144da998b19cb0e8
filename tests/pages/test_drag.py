"""browser_drag: HTML5 drag and drop, pointers, and files that are dropped."""

import json

import pytest

PAGE = "<!doctype html><title>d</title><style>li,div{min-height:30px;width:200px}</style>"
ITEMS = "<ul id=l><li>One<li>Two<li>Three<li>Four</ul>"

HTML5 = PAGE + ITEMS + """<script>let held;for(const i of l.children){i.draggable=true;
i.ondragstart=e=>{held=i;e.dataTransfer.setData('text/plain',i.textContent)};
i.ondragover=e=>{e.preventDefault()};
i.ondrop=e=>{e.preventDefault();i.before(held);
document.title='dropped '+e.dataTransfer.getData('text/plain')};
i.ondragend=()=>ended=true}</script>"""

POINTER = PAGE + ITEMS + """<script>let held,from;l.style.userSelect='none';
l.onpointerdown=e=>{held=e.target;from=[e.clientX,e.clientY]};
onpointermove=e=>{if(held&&Math.hypot(e.clientX-from[0],e.clientY-from[1])>8)
held.dataset.drag=1;if(held&&held.dataset.drag){const o=document.elementsFromPoint(
e.clientX,e.clientY).find(x=>x!==held&&x.parentElement===l);if(o)o.before(held)}};
onpointerup=()=>{held=null}</script>"""


@pytest.fixture
def show(web, site):
    return lambda html: web("browser_navigate", url=site.add("/", html))


def order(web):
    return web.text("browser_evaluate", script="[...document.querySelectorAll('li')]"
                                               ".map(i=>i.textContent.trim()).join(' ')")


def became(web, want):
    script = ("new Promise(r=>{const t=Date.now();(function f(){document.title==="
              + json.dumps(want) + "||Date.now()-t>5000?r(document.title):setTimeout(f,20)})()})")
    return want in web.text("browser_evaluate", script=script)


def test_html5(web, show):
    show(HTML5)
    text = web.text("browser_drag", **{"from": "text=Four", "to": "text=One"})
    assert text.startswith("dragged") and "drop_refused" not in text
    assert "Four One Two Three" in order(web)
    assert became(web, "dropped Four")
    assert "true" in web.text("browser_evaluate", script="ended")
    web.text("browser_drag", **{"from": "text=One", "to": "text=Three"})
    assert "Four Two One Three" in order(web)


def test_the_page_can_be_clicked_afterwards(web, show):
    show(HTML5 + "<button onclick=\"document.title='clicked'\">Press</button>")
    web("browser_drag", **{"from": "text=Four", "to": "text=One"})
    web("browser_click", target="text=Press")
    assert became(web, "clicked")


def test_pointers(web, show):
    show(POINTER)
    web.text("browser_drag", **{"from": "text=Four", "to": "text=Two"})
    assert order(web).count("One Four Two Three") == 1


def test_a_slider(web, show):
    show(PAGE + """<div id=track style="width:300px;background:#ddd;position:relative">
<div id=knob style="width:20px;height:30px;background:red;position:absolute;left:0"></div></div>
<div id=end style="margin-left:250px;width:20px">|</div><script>
knob.onmousedown=e=>{const x=e.clientX;onmousemove=e=>knob.style.left=e.clientX-x+'px';
onmouseup=()=>onmousemove=null}</script>""")
    web("browser_drag", **{"from": "#knob", "to": "#end"})
    assert "250px" in web.text("browser_evaluate", script="knob.style.left")


def test_a_goal_that_is_far_away(web, show):
    show(HTML5.replace("<li>Four", "<li style='margin-top:3000px'>Four"))
    web("browser_drag", **{"from": "text=One", "to": "text=Four"})
    assert "Two Three One Four" in order(web)


def test_a_drop_that_is_not_taken(web, show):
    show(HTML5 + "<div id=no>No zone</div>")
    assert "drop_refused" in web.text("browser_drag", **{"from": "text=One", "to": "#no"})


ZONE = PAGE + """<div id=z style="height:100px">Drop here</div><script>
z.ondragover=e=>e.preventDefault();
z.ondrop=async e=>{e.preventDefault();const out=[];for(const f of e.dataTransfer.files)
out.push(f.name+'='+await f.text());document.title=out.join(';')}</script>"""


def test_files(web, show):
    web("file_write", path="d/a.txt", content="A")
    web("file_write", path="d/b.txt", content="B")
    show(ZONE + "<input type=file id=f multiple onchange=\"document.title=this.files.length\">")
    text = web.text("browser_drag", to="#z", paths=["d/a.txt", "d/b.txt"])
    assert text.startswith("dropped files on") and "drop_refused" not in text
    assert became(web, "a.txt=A;b.txt=B")
    web("browser_drag", to="#f", paths=["d/a.txt", "d/b.txt"])
    assert became(web, "2")


def test_into_a_frame_of_another_site(web, show, site):
    site.add("/in", ZONE.replace("document.title=", "parent.postMessage(")
             .replace("out.join(';')}", "out.join(';'),'*')}"))
    web("file_write", path="d/a.txt", content="A")
    show(PAGE + f"<p>above</p><iframe src={site.other('/in')}></iframe>"
                "<script>onmessage=e=>document.title=e.data</script>")
    web("browser_drag", to="#z", paths=["d/a.txt"])
    assert became(web, "a.txt=A")


def test_what_is_refused(web, show):
    show(HTML5)
    assert "from is missing" in web.fails("browser_drag", to="text=One")
    assert "exclude" in web.fails("browser_drag", **{"from": "text=One", "to": "text=Two",
                                                     "paths": ["x"]})
    assert "not_found" in web.fails("browser_drag", to="text=One", paths=["none.txt"])
    assert "not_found" in web.fails("browser_drag", **{"from": "#nope", "to": "text=One"})


@pytest.mark.parametrize("kind, want", [(HTML5, "Four One Two Three"),
                                        (POINTER, "Four One Two Three")])
def test_within_a_frame_of_another_site(web, show, site, kind, want):
    site.add("/in", kind + "<script>onmessage=e=>e.source.postMessage([...l.children].map(i=>"
                           "i.textContent.trim()).join(' '),'*')</script>")
    show(PAGE + f"<p style=height:50px>above</p><iframe width=300 height=300 "
                f"src={site.other('/in')}></iframe>")
    web("browser_drag", **{"from": "text=Four", "to": "text=One"})
    assert want in web.text("browser_evaluate", script=(
        "new Promise(r=>{onmessage=e=>r(e.data);frames[0].postMessage('','*')})"))


def test_a_dialog_in_the_drop(web, show):
    show(HTML5.replace("document.title=", "confirm('sure?');document.title="))
    text = web.text("browser_drag", **{"from": "text=Four", "to": "text=One"})
    assert "confirm" in text and "browser_dialog" in text
    web("browser_dialog", action="accept")
    web.text("browser_click", target="text=Two")
