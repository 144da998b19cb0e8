"""browser_emulate: what is emulated is read back by the page's own JavaScript."""

import json

SEEN = """JSON.stringify({w: innerWidth, h: innerHeight, scale: devicePixelRatio,
    touch: navigator.maxTouchPoints, dark: matchMedia('(prefers-color-scheme: dark)').matches,
    still: matchMedia('(prefers-reduced-motion: reduce)').matches,
    print: matchMedia('print').matches, lang: navigator.language, agent: navigator.userAgent,
    zone: Intl.DateTimeFormat().resolvedOptions().timeZone, number: (1234.5).toLocaleString()})"""


def seen(web, page, script=SEEN):
    result = web.text("browser_evaluate", page_id=page, script=script)
    text = next(line for line in result.splitlines() if line.startswith(('"', "'")))
    return json.loads(json.loads(text))


def emulate(web, page, reset=(), **settings):
    return web.data("browser_emulate", page_id=page, settings=settings,
                    **({"reset": list(reset)} if reset else {}))["settings"]


def test_values_are_read_back(web, site):
    page = web.open(site.add("/", "<title>E</title>hello"))
    before = seen(web, page)
    active = emulate(web, page, viewport={"width": 640, "height": 400, "scale": 2},
                     color_scheme="dark", reduced_motion="reduce", locale="de-DE",
                     timezone="Asia/Tokyo", user_agent="Tester/1.0", media="print")
    assert active["viewport"] == {"width": 640, "height": 400, "scale": 2, "mobile": False}
    now = seen(web, page)
    assert now == {"w": 640, "h": 400, "scale": 2, "touch": before["touch"], "dark": True,
                   "still": True, "print": True, "lang": "de-DE", "agent": "Tester/1.0",
                   "zone": "Asia/Tokyo", "number": "1.234,5"}
    assert "color_scheme" in emulate(web, page) and "media" not in emulate(web, page, ["media"])
    assert emulate(web, page, reset=["all"]) == {}
    after = {}
    for _ in range(60):  # the window has its size again with one of its next frames
        after = seen(web, page)
        if after == before:
            break
        web("browser_wait", page_id=page, time_s=0.05)
    assert after == before


def test_it_is_sent_and_stays_across_navigations_frames_and_popups(web, site):
    got = []
    site.add("/sent", lambda handler: (got.append(
        (handler.headers["User-Agent"], handler.headers["Accept-Language"])),
        handler.answer("<title>Sent</title>")))
    site.add("/frame", "<script>parent.postMessage([navigator.userAgent, "
                       "Intl.DateTimeFormat().resolvedOptions().timeZone], '*')</script>")
    page = web.open(site.add("/", "<title>E</title>"))
    emulate(web, page, user_agent="Tester/2.0", locale="fr-FR", timezone="Europe/Paris")
    web("browser_navigate", page_id=page, url=site.url("/sent"))
    assert got[-1][0] == "Tester/2.0" and got[-1][1].startswith("fr-FR")
    site.add("/outer", f"""<title>Outer</title><script>onmessage = e => window.got = e.data</script>
        <iframe src="{site.other('/frame')}"></iframe>""")
    web("browser_navigate", page_id=page, url=site.url("/outer"), wait_until="load")
    assert seen(web, page, """new Promise(done => {const look = () => window.got ?
        done(JSON.stringify(window.got)) : setTimeout(look, 20); look()})""") == [
            "Tester/2.0", "Europe/Paris"]
    web("browser_evaluate", page_id=page, script=f"void window.open('{site.url('/sent')}')")
    web("browser_wait", page_id=page, time_s=0.3)
    assert got[-1][0] == "Tester/2.0"


def test_a_phone(web, site):
    page = web.open(site.add("/", '<title>E</title><meta name=viewport content="width=device-width">'))
    active = emulate(web, page, device="iPhone 15")
    assert active["touch"] == "on" and "iPhone" in active["user_agent"]
    now = seen(web, page)
    assert (now["w"], now["scale"]) == (393, 3) and now["touch"] > 0 and "iPhone" in now["agent"]
    assert "Chrome/" in emulate(web, page, device="pixel 8")["user_agent"]
    assert "Pixel 8" in web.fails("browser_emulate", page_id=page, settings={"device": "Nokia"})


def test_a_place(web, site):
    page = web.open(site.add("/", "<title>E</title>"))
    emulate(web, page, geolocation={"latitude": 48.1, "longitude": 11.5, "accuracy": 5})
    assert seen(web, page, """new Promise((done, no) => navigator.geolocation.getCurrentPosition(
        p => done(JSON.stringify([p.coords.latitude, p.coords.longitude, p.coords.accuracy])),
        e => no(e.message)))""") == [48.1, 11.5, 5]


def test_a_slow_network(web, site):
    site.add("/data", "x" * 50_000)
    page = web.open(site.add("/", "<title>E</title>"))
    emulate(web, page, network={"latency_ms": 300, "download_kbps": 800})
    took = """(async () => {const t = performance.now(); await (await fetch('/data?' + t)).text();
        return JSON.stringify(performance.now() - t)})()"""
    slow = seen(web, page, took)
    emulate(web, page, ["network"])
    assert slow > 500 and seen(web, page, took) < slow


def test_a_slow_network_goes_off_and_on_again(web, site):
    page = web.open(site.add("/", "<title>E</title>"))
    emulate(web, page, network={"latency_ms": 400})
    try:
        web("browser_headers", offline=True)
        emulate(web, page, network={"latency_ms": 401})
        assert seen(web, page, "fetch('/').then(() => '1', e => '0')") == 0
    finally:
        web("browser_headers", offline=False)
    took = """(async () => {const t = performance.now(); await fetch('/?' + t);
        return JSON.stringify(performance.now() - t)})()"""
    assert seen(web, page, took) > 300
    emulate(web, page, ["all"])


def test_wrong_values(web, site):
    page = web.open(site.add("/", "<title>E</title>"))
    for settings, word in (({"timezone": "Mars/Base"}, "timezone"), ({"viewport": {"width": 9}}, ""),
                           ({"locale": "x-not-a-locale-at-all"}, "locale"), ({"nope": 1}, "nope"),
                           ({"geolocation": {"latitude": 91, "longitude": 0}}, "latitude")):
        said = web.fails("browser_emulate", page_id=page, settings=settings)
        assert word in said.lower(), said
    assert "reset" in web.fails("browser_emulate", page_id=page, reset=["everything"])
    assert emulate(web, page) == {}


def test_names_that_no_browser_knows(web, site):
    web("browser_navigate", url=site.url("/"))
    for settings, name in (({"timezone": "Mars/X"}, "timezone"), ({"locale": "!!"}, "locale")):
        told = web.fails("browser_emulate", settings=settings)
        assert told.startswith(f"invalid_argument: settings.{name}: ") and "Next: " in told
        assert "Override" not in told
