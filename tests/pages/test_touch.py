"""Clicks are taps while touch is emulated."""

import json

PAGE = """<!doctype html><meta name=viewport content="width=device-width"><title>t</title>
<script>log=[];for(const t of ['touchstart','touchend','click','mousedown'])addEventListener(t,e=>
log.push(t+(e.isTrusted?'':'!')),true)</script><button id=b>Tap</button>
<p style=height:3000px><input type=checkbox id=c>"""


def log(web, want):
    script = ("new Promise(r=>{const t=Date.now();(function f(){log.includes(" + json.dumps(want) +
              ")||Date.now()-t>3000?r(log.join(' ')):setTimeout(f,20)})()})")
    return web.text("browser_evaluate", script=script)


def test_taps(web, site):
    page = web.open(site.add("/", PAGE))
    web("browser_emulate", page_id=page, settings={"touch": "on"})
    web("browser_navigate", page_id=page, url=site.url("/"))
    web.text("browser_click", page_id=page, target="#b")
    assert "touchstart touchend" in log(web, "click") and "!" not in log(web, "click")
    web.text("browser_click", page_id=page, target="#c")
    assert "true" in web.text("browser_evaluate", page_id=page, script="c.checked")
    web("browser_emulate", page_id=page, settings={"touch": "off"})
    web("browser_navigate", page_id=page, url=site.url("/"))
    web.text("browser_click", page_id=page, target="#b")
    assert "touchstart" not in log(web, "click")


def test_taps_in_a_frame_of_another_site(web, site):
    site.add("/in", PAGE.replace("addEventListener", "onclick=()=>parent.postMessage('tapped','*');"
                                                     "addEventListener", 1))
    page = web.open(site.add("/", "<title>t</title><p>x</p><script>onmessage=e=>document.title="
                                  f"e.data</script><iframe src={site.other('/in')}></iframe>"))
    web("browser_emulate", page_id=page, settings={"touch": "on"})
    web("browser_navigate", page_id=page, url=site.url("/"))
    web.text("browser_click", page_id=page, target="#b")
    assert "tapped" in web.text("browser_evaluate", page_id=page, script=(
        "new Promise(r=>setTimeout(()=>r(document.title),300))"))
