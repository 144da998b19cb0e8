"""browser_navigate and browser_click, end to end."""


def test_an_http_error_is_a_result(web, site):
    gone = web.data("browser_navigate", url=site.url("/none"))
    assert gone["status"] == 404 and gone["title"] == "none"


def test_a_click_tells_where_it_led(web, site):
    site.add("/next", "<title>Next</title>")
    web("browser_navigate", url=site.add("/", '<title>First</title><a href="/next">go on</a>'))
    assert site.url("/next") in web.text("browser_click", target="text=go on")


def test_a_missing_element_is_said(web, site):
    web("browser_navigate", url=site.add("/", "<title>Empty</title>"))
    assert "not_found" in web.fails("browser_click", target="#nothing")
