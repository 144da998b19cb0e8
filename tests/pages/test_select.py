"""browser_select: native selects, and the lists that scripts make of other elements."""

import json

import pytest

PAGE = "<!doctype html><meta charset=utf-8><title>s</title>"
LOG = ("<script>events=[];for(const t of['input','change'])addEventListener(t,e=>"
       "events.push(t+' '+e.target.id),true)</script>")
NATIVE = PAGE + LOG + """<label for=s>Fruit</label><select id=s><option value=a>Apple
  <option value=b>Bread roll<option value=0>Zero<option disabled>Gone
  <optgroup label=More><option value=c>Cherry</optgroup>
  <optgroup label=Off disabled><option>Never</optgroup></select>
<select id=m multiple><option selected>One<option>Two<option>Three</select>
<select id=off disabled><option>x</select>"""


def evaluate(web, script):
    text = web.text("browser_evaluate", script=script)
    return json.loads(text[text.index("{"):text.rindex("}") + 1])["v"]


def state(web, script):
    return evaluate(web, "({v:" + script + "})")


@pytest.fixture
def show(web, site):
    return lambda html: web("browser_navigate", url=site.add("/", html))


@pytest.mark.parametrize("value, chosen", [
    ("Apple", "a"), ("Bread roll", "b"), ("bread  roll", "b"), ("c", "c"), ("Cherry", "c"),
    ("0", "0"), ("1", "b"),
])
def test_one_by_label_value_or_index(web, show, value, chosen):
    show(NATIVE)
    text = web.text("browser_select", target="#s", values=[value])
    assert text.startswith('selected ["')
    assert state(web, "s.value") == chosen
    assert state(web, "events") == ([] if chosen == "a" else ["input s", "change s"])


def test_several(web, show):
    show(NATIVE)
    assert 'selected ["Two", "Three"]' in web.text("browser_select", target="#m",
                                                  values=["Three", "Two"])
    assert state(web, "[...m.selectedOptions].map(o => o.text)") == ["Two", "Three"]
    assert "nothing is selected" in web.text("browser_select", target="#m", values=[])
    assert state(web, "m.selectedOptions.length") == 0


def test_what_cannot_be_chosen(web, show):
    show(NATIVE + "<button>No list</button>")
    assert '"Apple", "Bread roll"' in web.fails("browser_select", target="#s", values=["Pear"])
    assert "disabled" in web.fails("browser_select", target="#s", values=["Gone"])
    assert "disabled" in web.fails("browser_select", target="#s", values=["Never"])
    assert "disabled" in web.fails("browser_select", target="#off", values=["x"])
    assert "one option" in web.fails("browser_select", target="#s", values=["Apple", "Cherry"])
    assert "one option" in web.fails("browser_select", target="#s", values=[])
    assert "no select" in web.fails("browser_select", target="text=No list", values=["x"])
    assert state(web, "s.value") == "a"


def test_by_its_label_hidden_and_in_a_shadow_root(web, show):
    show(NATIVE + "<select id=h hidden><option>a<option>b</select><div id=host></div><script>"
                  "host.attachShadow({mode:'open'}).innerHTML='<select class=deep><option>x<option>y</select>'"
                  "</script>")
    web("browser_select", target="text=Fruit", values=["Cherry"])
    assert state(web, "s.value") == "c"
    web("browser_select", target="#h", values=["b"])
    assert state(web, "h.value") == "b"
    web("browser_select", target="css=select.deep", values=["y"])
    assert state(web, "host.shadowRoot.firstChild.value") == "y"


def test_in_a_frame_of_another_site(web, show, site):
    site.add("/in", PAGE + "<select id=i onchange=\"document.title=this.value\">"
                           "<option>x<option>y</select>")
    show(PAGE + f"<iframe src={site.other('/in')}></iframe>")
    assert 'selected ["y"]' in web.text("browser_select", target="#i", values=["y"])


def test_options_that_come_late(web, show):
    show(PAGE + "<select id=s></select><script>setTimeout(()=>"
                "s.innerHTML='<option>a<option>late',500)</script>")
    assert 'selected ["late"]' in web.text("browser_select", target="#s", values=["late"])


def test_a_change_that_navigates(web, show, site):
    site.add("/next", "<title>Next</title>")
    show(PAGE + "<select id=s onchange=\"location='/next'\"><option>a<option>b</select>")
    text = web.text("browser_select", target="#s", values=["b"])
    assert "navigated" in text and "Next" in text


COMBO = PAGE + """<div role=combobox id=c tabindex=0 aria-expanded=false aria-controls=l>Pick</div>
<ul role=listbox id=l hidden><li role=option data-value=r>Red<li role=option>Green
<li role=option aria-disabled=true>Grey</ul><script>clicks=0;
c.onclick=()=>{clicks++;setTimeout(()=>{l.hidden=!l.hidden;c.ariaExpanded=String(!l.hidden)},100)};
for(const o of l.children)o.onclick=e=>{if(!e.isTrusted||o.ariaDisabled)return;
c.textContent=o.textContent;l.hidden=true;c.ariaExpanded='false'}</script>"""


def test_a_combobox_is_opened(web, show):
    show(COMBO)
    assert 'selected ["Green"]' in web.text("browser_select", target="#c", values=["Green"])
    assert state(web, "c.textContent.trim()") == "Green" and state(web, "clicks") == 1
    web("browser_select", target="#c", values=["r"])
    assert state(web, "c.textContent.trim()") == "Red"
    assert "disabled" in web.fails("browser_select", target="#c", values=["Grey"])
    assert '"Red", "Green"' in web.fails("browser_select", target="#c", values=["Blue"])


def test_a_combobox_that_is_typed_into(web, show):
    show(PAGE + """<input role=combobox id=c aria-controls=l aria-autocomplete=list>
<ul role=listbox id=l></ul><script>const all=['Amsterdam','Berlin','Bern','Cairo'];
c.oninput=()=>setTimeout(()=>{l.innerHTML='';for(const t of all)if(c.value&&
t.toLowerCase().startsWith(c.value.toLowerCase())){const o=document.createElement('li');
o.role='option';o.textContent=t;o.onclick=()=>{c.value=t;l.innerHTML=''};l.append(o)}},200)
</script>""")
    assert 'selected ["Bern"]' in web.text("browser_select", target="#c", values=["Bern"])
    assert state(web, "c.value") == "Bern" and state(web, "l.children.length") == 0


def test_a_listbox_of_several(web, show):
    show(PAGE + """<ul role=listbox id=l aria-multiselectable=true>
<li role=option aria-selected=true>A<li role=option aria-selected=false>B
<li role=option aria-selected=false>C</ul><script>for(const o of l.children)
o.onclick=()=>o.ariaSelected=String(o.ariaSelected!=='true')</script>""")
    web("browser_select", target="#l", values=["B", "C"])
    assert state(web, "[...l.children].map(o => o.ariaSelected)") == ["false", "true", "true"]


def test_a_button_with_a_menu(web, show):
    show(PAGE + """<button id=b aria-haspopup=listbox>Sort</button><div id=host></div><script>
b.onclick=()=>{host.innerHTML='<div role=listbox><div role=option>Name</div>'+
'<div role=option>Date</div></div>';host.querySelectorAll('[role=option]').forEach(o=>
o.onclick=()=>{b.textContent=o.textContent;host.innerHTML=''})}</script>""")
    web("browser_select", target="#b", values=["Date"])
    assert state(web, "b.textContent") == "Date"
