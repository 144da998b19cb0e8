"""Refs as targets: as long as the element lives, and what happens when it does not."""

import re


def go(web, site, body, path="/"):
    web("browser_navigate", url=site.add(path, "<!doctype html>" + body), wait_until="load")
    return web.text("browser_snapshot")


def ref(text, line):
    found = re.search(re.escape(line) + r" \[((?:f\d+)?e\d+)\]", text)
    assert found, (line, text)
    return found[1]


def test_a_ref_stays_while_its_element_lives(web, site):
    text = go(web, site, """<button onclick="document.body.prepend(b)">Up</button>
        <button id=b>Mover</button>""")
    mover = ref(text, 'button "Mover"')
    web("browser_click", target=ref(text, 'button "Up"'))
    assert ref(web.text("browser_snapshot"), 'button "Mover"') == mover
    assert 'clicked button "Mover"' in web.text("browser_click", target=mover)


def test_a_replaced_element_is_found_again_once(web, site):
    text = go(web, site, """<div id=app><button onclick="n()">Save</button></div><script>
        const n = () => { document.title = 'saved' }
        const render = () => { app.innerHTML = app.innerHTML }</script>
        <button onclick="render()">Render</button>""")
    save = ref(text, 'button "Save"')
    web("browser_click", target=ref(text, 'button "Render"'))
    text = web.text("browser_click", target=save)
    assert 'clicked button "Save"' in text and "saved" in text
    assert f"{save} had left the page" in text


def test_several_that_look_like_it_are_listed(web, site):
    text = go(web, site, """<div id=app><button>Del</button></div>
        <button onclick="app.innerHTML='<button>Del</button><button>Del</button>'">More</button>""")
    gone = ref(text, 'button "Del"')
    web("browser_click", target=ref(text, 'button "More"'))
    error = web.fails("browser_click", target=gone)
    assert "stale_ref" in error
    fresh = re.findall(r'button "Del" \[(e\d+)\]', error)
    assert len(set(fresh)) == 2 and gone not in fresh
    assert "clicked" in web.text("browser_click", target=fresh[1])


def test_what_is_gone_is_said(web, site):
    text = go(web, site, '<button id=b>Bye</button><button onclick="b.remove()">Drop</button>')
    gone = ref(text, 'button "Bye"')
    web("browser_click", target=ref(text, 'button "Drop"'))
    error = web.fails("browser_click", target=gone)
    assert "stale_ref" in error and 'button "Bye"' in error and "browser_snapshot" in error


def test_a_ref_of_another_document_is_never_another_element(web, site):
    first = go(web, site, "<button>One</button><button>Keep</button>")
    second = go(web, site, "<button>Two</button><button>Keep</button>", path="/second")
    one, keep = ref(first, 'button "One"'), ref(first, 'button "Keep"')
    assert not set(re.findall(r"\[(e\d+)\]", first)) & set(re.findall(r"\[(e\d+)\]", second))
    assert "stale_ref" in web.fails("browser_click", target=one)
    again = web.text("browser_click", target=keep)
    assert 'clicked button "Keep"' in again and "had left the page" in again


def test_refs_come_back_with_the_document(web, site):
    text = go(web, site, "<button onclick=\"document.title='back'\">Here</button>")
    here = ref(text, 'button "Here"')
    go(web, site, "<button>There</button><button>Here</button>", path="/second")
    web("browser_navigate", action="back")
    assert "back" in web.text("browser_click", target=here)


def test_refs_in_frames(web, site):
    site.add("/in", "<button onclick=\"this.textContent='Hit'\">Inner</button>")
    text = go(web, site, f'<button>Outer</button><iframe src="{site.other("/in")}"></iframe>'
              '<iframe src="/in"></iframe>')
    both = re.findall(r'button "Inner" \[(f\d+e\d+)\]', text)
    assert len(both) == 2
    for each in both:
        assert 'clicked button "Inner"' in web.text("browser_click", target=each)
    assert web.text("browser_snapshot").count('button "Hit"') == 2


def test_a_ref_of_a_frame_that_went_is_stale(web, site):
    site.add("/in", "<button>Inner</button>")
    text = go(web, site, '<iframe id=f src="/in"></iframe><button onclick="f.remove()">Drop</button>')
    inner = ref(text, 'button "Inner"')
    web("browser_click", target=ref(text, 'button "Drop"'))
    error = web.fails("browser_click", target=inner)
    assert "stale_ref" in error and "Inner" in error


def test_a_ref_in_a_frame_that_loads_anew_is_found_again(web, site):
    site.add("/in", "<button>Inner</button>")
    text = go(web, site, """<iframe id=f src="/in"></iframe>
        <button onclick="f.contentWindow.location.reload()">Again</button>""")
    inner = ref(text, 'button "Inner"')
    web("browser_click", target=ref(text, 'button "Again"'))
    assert 'clicked button "Inner"' in web.text("browser_click", target=inner)


def test_other_ways_of_writing_a_target(web, site):
    web("browser_navigate", url=site.add("/", "<title>W</title><button>Go</button>"))
    ref = web.data("browser_find", text="Go")["matches"][0]["ref"]
    for target in (f"ref={ref}", "//button", "(//button)[1]", "xpath=//button", "button"):
        assert 'button "Go"' in web.text("browser_hover", target=target)


def test_unknown_refs_and_bad_selectors_are_said(web, site):
    go(web, site, "<button>A</button><button>B</button>")
    for target in ("e4711", "f99e1"):
        error = web.fails("browser_click", target=target)
        assert "stale_ref" in error and "browser_snapshot" in error
    assert "invalid_argument" in web.fails("browser_click", target="css=[")
    assert "invalid_argument" in web.fails("browser_click", target="xpath=//[")
    assert "invalid_argument" in web.fails("browser_click", target="role=button[name")
    assert "browser_snapshot" in web.fails("browser_click", target="e12+")


def test_roles_are_those_of_the_snapshot(web, site):
    text = go(web, site, """<label><input type=checkbox>Tick</label><button>Save</button>
        <button>Save as</button><div onclick="document.title='div'" style="cursor:pointer">Div</div>
        <a href="#x"><img src=x alt=Logo></a>""")
    for line in ('checkbox "Tick"', 'button "Save"', 'clickable "Div"', 'link "Logo"'):
        role, name = line.split(" ", 1)
        assert f"clicked {line}" in web.text("browser_click", target=f"role={role}[name={name}]")
    error = web.fails("browser_click", target="role=button")
    assert '[' + ref(text, 'button "Save"') + ']' in error
    assert "[e" in web.fails("browser_click", target="css=button")
