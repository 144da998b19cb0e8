"""browser_mouse: real events at coordinates."""

import pytest

PAGE = """<title>Mouse</title><canvas id=c width=400 height=300></canvas>
<div style="height:3000px"></div><script>window.log=[];
for(const t of ['mousedown','mouseup','click','dblclick','contextmenu','auxclick','wheel'])
addEventListener(t,e=>{if(!e.isTrusted)log.push('forged');
log.push(t+' '+e.clientX+','+e.clientY+' '+e.button+e.buttons)},{passive:true});
addEventListener('mousemove',e=>{if(e.buttons)log.push('drag '+e.clientX+','+e.clientY)})</script>"""


@pytest.fixture
def page(web, site):
    web("browser_navigate", url=site.add("/", PAGE))
    return web


def log(web):
    return web.text("browser_evaluate", script="log.splice(0).join('|')").split("\n")[2].strip('"')


def test_a_click_is_press_and_release(page):
    assert "clicked at 50,60" in page.text("browser_mouse", action="click", x=50, y=60)
    assert log(page) == "mousedown 50,60 01|mouseup 50,60 00|click 50,60 00"


def test_a_double_click(page):
    page("browser_mouse", action="click", x=5, y=6, count=2)
    assert log(page).endswith("dblclick 5,6 00")


def test_other_buttons(page):
    page("browser_mouse", action="click", x=5, y=6, button="right")
    assert "contextmenu 5,6 2" in log(page)
    page("browser_mouse", action="click", x=5, y=6, button="middle")
    assert "auxclick 5,6 1" in log(page)


def test_a_drag_goes_step_by_step(page):
    page("browser_mouse", action="drag", x=10, y=10, to_x=90, to_y=50)
    told = log(page)
    assert told.startswith("mousedown 10,10") and "mouseup 90,50" in told
    assert told.count("drag ") > 3 and "drag 50,30" in told


def test_a_button_stays_down_until_it_is_released(page):
    page("browser_mouse", action="down", x=10, y=10)
    page("browser_mouse", action="move", x=20, y=15)
    page("browser_mouse", action="up", x=30, y=20)
    assert "drag 20,15" in log(page)


def test_the_wheel_scrolls(page):
    page("browser_mouse", action="wheel", x=10, y=10, dy=240)
    assert "wheel 10,10" in log(page)
    assert "\n240\n" in page.text("browser_evaluate", script="scrollY")


@pytest.mark.parametrize("arguments, why", [
    ({"action": "click", "x": 5000, "y": 5}, "1280 x 720"), ({"action": "click", "x": -1, "y": 5}, "outside"),
    ({"action": "click", "x": 5}, "y"), ({"action": "fly", "x": 5, "y": 5}, "action"),
    ({"action": "drag", "x": 5, "y": 5}, "to_x"), ({"action": "wheel", "x": 5, "y": 5}, "dy"),
    ({"action": "click", "x": 5, "y": 5, "to_x": 1}, "to_x"), ({"action": "move", "x": 5, "y": 5, "dx": 1}, "dx"),
    ({"action": "click", "x": 5, "y": 5, "count": 9}, "count"),
    ({"action": "move", "x": 5, "y": 5, "count": 2}, "count"),
    ({"action": "click", "x": "left", "y": 5}, "x"), ({"action": "click", "x": 1e9, "y": 5}, "x"),
    ({"action": "click", "x": 5, "y": 5, "button": "fourth"}, "button")])
def test_what_makes_no_sense_is_refused(page, arguments, why):
    text = page.fails("browser_mouse", **arguments)
    assert text.startswith("invalid_argument") and why in text
    assert log(page) == ""
