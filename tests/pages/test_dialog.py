"""Dialogs: what waits for an answer, what is blocked meanwhile, and standing rules."""

import pytest

PAGE = """<title>Dialogs</title><button onclick="out.textContent=confirm('really?')">confirm</button>
<button onclick="out.textContent=prompt('name?','Bob')">prompt</button>
<button onclick="alert('boo');out.textContent='after'">alert</button>
<button onclick="if(confirm('leave?'))location='/next'">go</button><p id=out>-</p><input id=i>"""


@pytest.fixture
def page(web, site):
    site.add("/next", "<title>Next</title>")
    web.open(site.add("/", PAGE))
    return web


def out(web):
    return web.text("browser_evaluate", script="out.textContent").split("\n")[2]


def test_an_alert_is_told_and_passed(page):
    assert "alert: boo" in page.text("browser_click", target="text=alert")
    assert out(page) == '"after"'


def test_confirm_waits_for_its_answer(page):
    assert "browser_dialog" in page.text("browser_click", target="text=confirm")
    told = page.data("browser_dialog", action="dismiss")
    assert told["dialog"] == {"type": "confirm", "message": "really?"} and not told["accepted"]
    assert out(page) == '"false"'
    page("browser_click", target="text=confirm")
    assert page.data("browser_dialog", action="accept")["accepted"]
    assert out(page) == '"true"'


def test_prompt_gets_text(page):
    page("browser_click", target="text=prompt")
    page("browser_dialog", action="accept", text="Ann ☃")
    assert out(page) == '"Ann ☃"'
    page("browser_click", target="text=prompt")
    page("browser_dialog", action="accept")
    assert out(page) in ('"Bob"', '""')


def test_what_the_answer_leads_to_is_told(page):
    page("browser_click", target="text=go")
    told = page.data("browser_dialog", action="accept")
    assert told["navigated"] and told["url"].endswith("/next")


BLOCKED = [
    ("browser_click", {"target": "#i"}), ("browser_type", {"target": "#i", "text": "x"}),
    ("browser_type", {"text": "x"}), ("browser_press_key", {"keys": ["a"]}),
    ("browser_hover", {"target": "#i"}), ("browser_scroll", {"dy": 5}),
    ("browser_evaluate", {"script": "1"}), ("browser_screenshot", {}),
    ("browser_screenshot", {"marks": True}), ("browser_mouse", {"action": "click", "x": 1, "y": 1}),
    ("browser_wait", {"text": "x"}), ("browser_wait", {"target": "#i"}),
    ("browser_navigate", {"action": "reload"}), ("browser_navigate", {"url": "about:blank"})]


def test_an_open_dialog_blocks_what_needs_the_page(page):
    page("browser_click", target="text=confirm")
    for tool, arguments in BLOCKED:
        text = page.fails(tool, **arguments)
        assert text.startswith("modal:") and "browser_dialog" in text and "really?" in text, tool
    listed = page.data("browser_tabs", action="list")["pages"]
    assert [p["dialog"] for p in listed if p["active"]] == ["confirm"]
    assert page.data("browser_wait", state="dialog")["what"] == "dialog"
    page("browser_dialog", action="accept")
    assert out(page) == '"true"'


@pytest.mark.parametrize("rule, told, result", [
    ("accept", "confirm: really? (accepted", '"true"'),
    ("dismiss", "confirm: really? (dismissed", '"false"')])
def test_a_standing_rule(page, rule, told, result):
    assert page.data("browser_dialog", action="rule", rule=rule)["rule"] == rule
    assert told in page.text("browser_click", target="text=confirm")
    assert out(page) == result


def test_a_rule_answers_prompts_with_its_text(page):
    page("browser_dialog", action="rule", rule="accept", text="by rule")
    page("browser_click", target="text=prompt")
    assert out(page) == '"by rule"'


def test_with_rule_ask_an_alert_waits_too(page):
    page("browser_dialog", action="rule", rule="ask")
    assert "alert open" in page.text("browser_click", target="text=alert")
    page("browser_dialog", action="accept")
    assert out(page) == '"after"'
    page("browser_dialog", action="rule", rule="usual")
    assert "alert: boo" in page.text("browser_click", target="text=alert")


def test_leaving_a_page_that_asks(page, site):
    page("browser_click", target="#i")
    page("browser_evaluate", script="onbeforeunload = e => e.preventDefault(); 1")
    page("browser_dialog", action="rule", rule="ask")
    assert "modal" in page.fails("browser_navigate", url=site.url("/next"))
    page("browser_dialog", action="dismiss")
    assert "Dialogs" in page.text("browser_evaluate", script="1")
    page("browser_dialog", action="rule", rule="usual")
    assert page.data("browser_navigate", url=site.url("/next"))["title"] == "Next"


def test_a_page_that_asks_again_and_again(page):
    page("browser_evaluate", script="setTimeout(() => { confirm('one'); confirm('two') }, 0); 1")
    page("browser_wait", state="dialog")
    assert "two" in page.text("browser_dialog", action="accept")
    assert "not_found" not in page.text("browser_dialog", action="accept")


def test_a_dialog_of_a_frame(web, site):
    site.add("/in", "<button onclick=\"document.title=confirm('inside?')\">ask</button>")
    web.open(site.add("/out", f"<iframe src={site.url('/in')}></iframe>"))
    assert "inside?" in web.text("browser_click", target="text=ask")
    assert web.data("browser_dialog", action="accept")["dialog"]["message"] == "inside?"
    assert "true" in web.text("browser_evaluate", script="frames[0].document.title")


@pytest.mark.parametrize("arguments, why", [
    ({"action": "accept"}, "not_found"), ({"action": "rule"}, "rule is missing"),
    ({"action": "accept", "rule": "ask"}, "rule goes with"), ({"action": "dismiss", "text": "x"}, "text"),
    ({"action": "maybe"}, "action"), ({"action": "rule", "rule": "never"}, "rule"), ({}, "action"),
    ({"action": "accept", "page_id": "page_none"}, "page_none")])
def test_bad_input(page, arguments, why):
    assert why in page.fails("browser_dialog", **arguments)
