"""browser_find: elements and text of all frames, with refs that can be used."""

import pytest

PAGE = """<!doctype html><title>Shop</title><main><h1>Shoes</h1>
<ul aria-label=Products><li>Red shoe <button>Buy red</button><li>Blue shoe <button>Buy blue</button>
</ul><p>Our shoes are the best shoes.</p><a href="/cart">Cart (2)</a></main>
<iframe src="%s" title=Chat></iframe>"""


@pytest.fixture
def shop(web, site):
    site.add("/chat", "<h2>Chat</h2><button onclick=\"this.textContent='Sent'\">Send blue</button>")
    web("browser_navigate", url=site.add("/", PAGE % site.other("/chat")), wait_until="load")
    return lambda **what: web.data("browser_find", **what)


def test_text_is_found_in_every_frame(shop):
    found = shop(text="BLUE")
    assert [each["role"] for each in found["matches"]] == ["listitem", "button", "button"]
    assert found["total"] == 3
    button = found["matches"][1]
    assert button["name"] == "Buy blue" and 'list "Products"' in button["path"]
    assert found["matches"][2]["ref"].startswith("f")


def test_a_found_ref_can_be_clicked(shop, web):
    ref = shop(text="Send", role="button")["matches"][0]["ref"]
    assert 'clicked button' in web.text("browser_click", target=ref)
    assert shop(text="Sent")["total"] == 1


def test_role_regex_and_limit(shop):
    assert [m["name"] for m in shop(role="button")["matches"]] == ["Buy red", "Buy blue", "Send blue"]
    assert [m["name"] for m in shop(regex=r"cart \(\d\)")["matches"]] == ["Cart (2)"]
    few = shop(role="button", limit=1)
    assert len(few["matches"]) == 1 and few["total"] == 3
    assert shop(text="nothing like it") == few | {"matches": [], "total": 0}


def test_plain_text_has_its_element(shop, web):
    hit = shop(text="the best", role="text")["matches"][0]
    assert "the best shoes" in hit["context"]
    assert "the best shoes" in web.text("browser_snapshot", target=hit["ref"])


def test_bad_queries_are_said(shop, web):
    assert "invalid_argument" in web.fails("browser_find")
    said = web.fails("browser_find", regex="(")
    assert said.startswith("invalid_argument: regex: ") and "Next: " in said and "\n" not in said


def test_an_expression_that_does_not_end_leaves_the_page_alive(shop, web, site):
    web("browser_navigate", url=site.add("/a", f"<p>{'a' * 380}!</p><button>Alive</button>"))
    assert "simpler" in web.fails("browser_find", regex="(a|aa|a*)+$")
    assert "Alive" in web.text("browser_find", role="button")


def test_lines_are_as_in_a_snapshot(shop, web):
    text = web.text("browser_find", text="buy blue")
    ref = shop(text="buy blue")["matches"][0]["ref"]
    assert f'\n- button "Buy blue" [{ref}] · in ' in text and " · 1 match\n" in text
    assert f'- button "Buy blue" [{ref}]' in web.text("browser_snapshot")
    hit = shop(text="best shoes")["matches"][0]
    assert hit["context"] == "Our shoes are the best shoes."
    assert f"- text [{hit['ref']}]: Our shoes are the best shoes." in \
        web.text("browser_find", text="best shoes")
