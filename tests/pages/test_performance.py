"""browser_performance: numbers that the page itself could have read."""

import json

PAGE = """<title>Slow</title><h1 id=big style="font-size:80px">Hello there</h1><p id=p>text</p>
<script>
  const until = performance.now() + 120; while (performance.now() < until);
  setTimeout(() => { const d = document.createElement('div'); d.style.height = '300px';
                     document.body.prepend(d) }, 100)
</script>"""


def test_vitals_of_a_load(web, site):
    page = web.open(site.add("/", PAGE))
    found = web.data("browser_performance", page_id=page, reload=True, time_s=1)
    assert found["url"] == site.url() and found["requests"] >= 1
    assert 0 <= found["ttfb_ms"] <= found["dom_ms"] <= found["load_ms"]
    assert found["fcp_ms"] > 0 and found["lcp_ms"] >= found["fcp_ms"]
    assert found["lcp_element"] == "<h1#big>"
    assert found["long_tasks"] >= 1 and found["long_tasks_ms"] >= 100
    assert found["cls"] > 0.01
    assert "inp_ms" not in found
    text = web.text("browser_performance", page_id=page, time_s=0.1)
    assert "LCP" in text and "CLS" in text


def test_slow_input_is_seen(web, site):
    page = web.open(site.add("/b", """<title>B</title><button onclick="const u=performance.now()+150;
        while(performance.now()<u);document.title='done'">Go</button>"""))
    web.text("browser_click", page_id=page, target="text=Go")
    assert web.data("browser_performance", page_id=page, time_s=0.5)["inp_ms"] >= 140


def test_a_page_without_a_load(web):
    page = web.open("about:blank")
    found = web.data("browser_performance", page_id=page, time_s=0.1)
    assert found["cls"] == 0 and "lcp_ms" not in found


def test_a_trace_of_a_load(web, site, tmp_path):
    page = web.open(site.add("/", PAGE))
    path = tmp_path / "trace.json"
    found = web.data("browser_performance", page_id=page, reload=True, time_s=0.2,
                     save_to=str(path))
    assert found["path"] == str(path) and found["lcp_ms"] > 0
    names = {event["name"] for event in json.loads(path.read_text())["traceEvents"]}
    assert "EvaluateScript" in names and "thread_name" in names
    assert web.fails("browser_performance", page_id=page, time_s=0.1,
                     save_to=str(path / "below" / "a" / "file"))
    assert web.data("browser_performance", page_id=page, time_s=0.1)["cls"] >= 0
