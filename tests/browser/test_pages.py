import os
import signal
import time

import pytest

from browser.harness import Failed, Page


def until(what, seconds=15):
    deadline = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
    return value


def test_ids_are_never_used_again(browser):
    first = browser.open()
    first.close()
    second = browser.open()
    assert first.id != second.id
    with pytest.raises(Failed) as e:
        first.info()
    assert e.value.code == "gone"
    with pytest.raises(Failed) as e:
        Page(browser, "page_nothing").info()
    assert e.value.code == "not_found"


def test_a_popup_is_a_page_with_an_opener(browser, site):
    site.add("/pop", "<title>pop</title><h1>Popup</h1>")
    page = browser.open(site.add("/", "<a href=/pop target=_blank rel=opener>Open</a>"))
    report = page.click("text=Open")
    assert len(report["new_pages"]) == 1
    popup = Page(browser, report["new_pages"][0])
    assert browser.pages()[popup.id]["opener"] == page.id
    until(lambda: popup.eval("document.querySelector('h1')?.textContent") == "Popup")
    assert popup.info()["url"] == site.url("/pop")
    assert popup.goto(site.url("/pop"))["title"] == "pop"


def test_contexts_have_cookies_of_their_own(browser, site):
    one = browser.open(site.add("/", "<title>t</title>"), context="one")
    again = browser.open(site.url(), context="one")
    other = browser.open(site.url(), context="two")
    one.eval("document.cookie = 'who=one'")
    assert again.eval("document.cookie") == "who=one"
    assert other.eval("document.cookie") == ""
    assert browser.pages()[one.id]["context"] == "one"
    one.close(), again.close()
    assert browser.open(site.url(), context="one").eval("document.cookie") == ""


def test_frames_of_both_kinds(browser, site):
    site.add("/same", "<title>same</title>"
                      "<button onclick=\"document.title='hit'\">In same</button>")
    site.add("/far", "<button onclick=\"this.textContent='Done'\">In far</button>"
                     "<iframe src=/deep></iframe>")
    site.add("/deep", "<p>deep</p>")
    page = browser.open(site.add("/", f"<iframe src=/same></iframe>"
                                      f"<iframe src={site.other('/far')}></iframe>"))
    frames = until(lambda: (f := page.frames()) and len(f) == 4 and all(x["url"] for x in f) and f)
    by_path = {f["url"].rsplit("/", 1)[1]: f for f in frames}
    assert by_path["far"]["remote"] and not by_path["same"]["remote"]
    assert by_path["deep"]["parent"] == by_path["far"]["id"]
    assert by_path["deep"]["session"] == by_path["far"]["session"] != by_path[""]["session"]
    page.click("text=In far")
    assert page.eval("document.querySelector('button').textContent",
                     frame=by_path["far"]["id"]) == "Done"
    page.click("role=button[name='In same']")
    assert page.eval("document.title", frame=by_path["same"]["id"]) == "hit"
    assert browser("count", type="iframe") == 1
    page.goto("about:blank")
    assert len(page.frames()) == 1
    until(lambda: browser("count", type="iframe") == 0)


def test_workers_are_attached_to(browser, site):
    site.add("/w.js", lambda h: h.answer("postMessage(1)", kind="text/javascript"))
    page = browser.open(site.add("/", "<script>var w=new Worker('/w.js');"
                                      "w.onmessage=()=>document.title='ran'</script>"))
    until(lambda: page.eval("document.title") == "ran")
    assert browser("count", type="worker") == 1


def test_a_service_worker_is_attached_to(browser, site):
    site.add("/sw.js", lambda h: h.answer("self.onfetch=()=>{}", kind="text/javascript"))
    page = browser.open(site.add("/", "<title>t</title>"), context="worker")
    page.eval("navigator.serviceWorker.register('/sw.js').then(() => navigator.serviceWorker.ready)"
              ".then(() => 1)")
    assert browser("count", type="service_worker") == 1


def test_alerts_answer_themselves(browser, site):
    page = browser.open(site.add("/", "<button onclick=\"alert('now');this.textContent='after'\">"
                                      "Go</button>"))
    report = page.click("text=Go")
    assert {"type": "alert", "text": "now"} in report["events"] and not report["dialog"]
    assert page.eval("document.querySelector('button').textContent") == "after"


def test_a_confirm_waits_for_an_answer(browser, site):
    page = browser.open(site.add("/", "<button onclick=\"document.title=confirm('Sure?')\">Go"
                                      "</button>"))
    began = time.monotonic()
    report = page.click("text=Go")
    assert report["dialog"] == "confirm" and report["dialog_message"] == "Sure?"
    with pytest.raises(Failed) as e:
        page.eval("1")
    assert e.value.code == "modal" and "Sure?" in e.value.message
    assert time.monotonic() - began < 10
    page.dialog(accept=True)
    until(lambda: page.eval("document.title") == "true")
    with pytest.raises(Failed) as e:
        page.dialog(accept=True)
    assert e.value.code == "not_found"


def test_what_waits_hears_of_a_dialog(browser, site):
    page = browser.open(site.add("/", "<script>setTimeout(()=>document.title=prompt('Name?'),500)"
                                      "</script>"))
    with pytest.raises(Failed) as e:
        page.eval("new Promise(() => {})")
    assert e.value.code == "modal"
    page.dialog(accept=True, text="Ada")
    until(lambda: page.eval("document.title") == "Ada")


def test_leaving_asks_nobody(browser, site):
    page = browser.open(site.add("/", "<script>onbeforeunload=e=>e.preventDefault()</script>"
                                      "<button>b</button>"))
    page.click("text=b")
    assert page.goto(site.add("/two", "<title>two</title>"))["title"] == "two"


def test_a_hung_page_holds_up_no_other(browser, site):
    hung = browser.open(site.add("/", "<title>t</title>"))
    other = browser.open(site.other())
    stuck = hung.begin("eval", script="for(;;);", timeout_ms=4000)
    time.sleep(0.3)
    began = time.monotonic()
    assert other.eval("1 + 1") == 2
    assert time.monotonic() - began < 2
    with pytest.raises(Failed) as e:
        stuck.wait()
    assert e.value.code == "timeout" and "ended" in e.value.message
    assert hung.eval("2 + 2") == 4


def test_a_tab_that_crashes_is_noticed(browser, site):
    page = browser.open(site.add("/", "<title>t</title>"))
    other = browser.open(site.other())
    waits = page.begin("eval", script="new Promise(() => {})", timeout_ms=30000)
    time.sleep(0.2)
    page.begin("cdp", method="Page.navigate", params={"url": "chrome://crash"}, timeout_ms=5000)
    began = time.monotonic()
    with pytest.raises(Failed) as e:
        waits.wait()
    assert e.value.code == "unavailable" and "crashed" in e.value.message
    assert time.monotonic() - began < 10
    assert page.info()["crashed"] and other.eval("1") == 1
    assert page.goto(site.url())["title"] == "t" and page.eval("3") == 3


def test_a_killed_browser_fails_all_at_once(own_browser, site):
    page = own_browser.open(site.add("/", "<title>t</title>"))
    waits = [page.begin("eval", script="new Promise(() => {})", timeout_ms=30000)
             for _ in range(5)]
    time.sleep(0.3)
    began = time.monotonic()
    own_browser.kill_browser()
    for each in waits:
        with pytest.raises(Failed) as e:
            each.wait()
        assert e.value.code == "unavailable"
    assert time.monotonic() - began < 5
    assert not own_browser("alive")
    with pytest.raises(Failed) as e:
        own_browser.open()
    assert e.value.code == "unavailable" and "new browser" in e.value.next


def test_a_stopped_browser_meets_deadlines(own_browser, site):
    page = own_browser.open(site.add("/", "<title>t</title>"))
    os.kill(own_browser.ready["pid"], signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(Failed) as e:
        page.cdp(method="Page.getLayoutMetrics", timeout_ms=500)
    assert e.value.code == "timeout" and time.monotonic() - began < 5
    waits = page.begin("cdp", method="Page.getLayoutMetrics")
    time.sleep(0.2)
    began = time.monotonic()
    waits.cancel()
    with pytest.raises(Failed) as e:
        waits.wait()
    assert e.value.code == "cancelled" and time.monotonic() - began < 2
    os.kill(own_browser.ready["pid"], signal.SIGCONT)
    assert page.cdp(method="Page.getLayoutMetrics")["cssContentSize"]


def test_many_calls_at_once(browser, site):
    pages = [browser.open(site.add("/", "<title>t</title>")) for _ in range(4)]
    begun = [pages[i % 4].begin("eval", script=f"{i} * 2") for i in range(200)]
    assert [each.wait()["json"] for each in begun] == [str(i * 2) for i in range(200)]


def test_errors_of_the_console_are_counted(browser, site):
    page = browser.open(site.add("/", "<button onclick='console.error(1);console.log(2);oops()'>"
                                      "Go</button>"))
    assert page.click("text=Go")["console_errors"] == 2
    assert page.info()["console_errors"] == 2


def test_too_many_pages_are_refused(own_browser, site):
    pages = [own_browser.open() for _ in range(64 - len(own_browser.pages()))]
    with pytest.raises(Failed) as e:
        own_browser.open()
    assert e.value.code == "quota"
    pages[0].goto(site.add("/", "<button onclick=\"open('/')\">Go</button>"))
    report = pages[0].click("text=Go")
    assert not report["new_pages"]
    pages[1].close()
    own_browser.open()
