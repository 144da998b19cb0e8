import base64
import json
import struct
import time

import pytest

from browser.harness import Failed


def fails(page, script, **args):
    with pytest.raises(Failed) as e:
        page.eval(script, **args)
    return e.value


@pytest.mark.parametrize("script,value,kind", [
    ("1 + 1", 2, "number"), ("'a' + 'b'", "ab", "string"), ("null", None, "null"),
    ("undefined", None, "undefined"), ("[1, [2]]", [1, [2]], "array"),
    ("({a: {b: true}})", {"a": {"b": True}}, "object"), ("NaN", "NaN", "number"),
    ("10n", "10n", "bigint"), ("document.body", "<body>", "node"),
    ("() => 7", 7, "number"), ("async () => 8", 8, "number"), ("Promise.resolve(9)", 9, "number"),
    ("await Promise.resolve(10)", 10, "number"), ("return 11", 11, "number"),
    ("const x = await 12; return x", 12, "number"), ("new Map([[1, 2]])", [[1, 2]], "map"),
    ("new Date(0)", "1970-01-01T00:00:00.000Z", "date"),
    ("'\\ud800'", "\ufffd", "string"), ("['\\ud800']", ["\ufffd"], "array"),
])
def test_values(page, script, value, kind):
    result = page.evaluated(script)
    assert json.loads(result["json"]) == value and result["type"] == kind
    assert not result["truncated"]


def test_cycles_end(page):
    assert page.eval("const o = {a: 1}; o.o = o; o") == {"a": 1, "o": "[Circular]"}
    assert page.eval("let d = {}; let x = d; for (let i = 0; i < 1000; i++) x = x.n = {}; d")


def test_arguments(page):
    assert page.eval("(a) => a.b * 2", arg='{"b": 4}') == 8
    assert fails(page, "1", arg="2").code == "invalid_argument"
    assert fails(page, "a => a", arg="{").code == "invalid_argument"


def test_what_throws_is_said_with_its_stack(page):
    e = fails(page, "function inner() { throw new TypeError('boom') }\ninner()")
    assert e.code == "invalid_argument" and "TypeError: boom" in e.message
    assert "inner" in e.message
    assert "SyntaxError" in fails(page, "1 +").message
    assert "ReferenceError" in fails(page, "nothingHere").message
    assert "rejected" in fails(page, "Promise.reject(new Error('rejected'))").message


def test_large_results_are_cut(page):
    result = page.evaluated("'é'.repeat(1e6)", max_bytes=1000)
    assert result["truncated"] and 900 < len(result["json"].encode()) <= 1010
    result = page.evaluated("Array.from({length: 1e6}, (_, i) => i)", max_bytes=1000)
    assert result["truncated"] and len(json.loads(result["json"])) > 50
    assert len(result["json"]) < 3000


def test_a_page_that_breaks_json_breaks_nothing(page):
    page.eval("JSON.stringify = () => '{{{'; 1")
    assert isinstance(page.eval("({a: 'x'})"), str)
    assert page.eval("1 + 1") == 2


def test_scripts_that_do_not_return_are_ended(page):
    began = time.monotonic()
    assert fails(page, "for(;;);", timeout_ms=500).code == "timeout"
    e = fails(page, "new Promise(() => {})", timeout_ms=500)
    assert e.code == "timeout" and "promise" in e.message
    assert fails(page, "({get a() { for(;;); }})", timeout_ms=500).code == "timeout"
    assert time.monotonic() - began < 10
    assert page.eval("5") == 5


def test_a_cancelled_script_is_ended(page):
    running = page.begin("eval", script="for(;;);", timeout_ms=30000)
    time.sleep(0.3)
    running.cancel()
    with pytest.raises(Failed) as e:
        running.wait(10)
    assert e.value.code == "cancelled"
    assert page.eval("6") == 6


def size_of(data):
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return struct.unpack(">II", data[16:24])
    if data[:4] == b"RIFF":
        assert data[8:12] == b"WEBP"
        return None
    at = 2
    while True:
        marker, length = struct.unpack(">HH", data[at:at + 4])
        if 0xFFC0 <= marker <= 0xFFC2:
            height, width = struct.unpack(">HH", data[at + 5:at + 9])
            return width, height
        at += 2 + length


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_pictures_are_bounded(page, site, kind):
    noise = ("<canvas id=c width=1200 height=6000></canvas><script>const x=c.getContext('2d'),"
             "i=x.createImageData(1200,6000);for(let n=0;n<i.data.length;n+=65000)"
             "crypto.getRandomValues(i.data.subarray(n,n+65000));"
             "for(let n=3;n<i.data.length;n+=4)i.data[n]=255;x.putImageData(i,0,0)</script>")
    page.goto(site.add("/", noise))
    for full in False, True:
        shot = page.shot(format=kind, full_page=full)
        data = base64.b64decode(shot["base64"])
        assert len(shot["base64"]) <= 700_000 and shot["format"] == kind
        assert max(shot["width"], shot["height"]) <= 1568
        assert shot["width"] * shot["height"] <= 1_160_000
        real = size_of(data)
        if real:
            assert abs(real[0] - shot["width"]) <= 1 and abs(real[1] - shot["height"]) <= 1
        if full:
            assert shot["height"] > 2 * shot["width"]


def test_a_clip(page, site):
    page.goto(site.add("/", "<body style='margin:0;background:#fff'><div style='position:absolute;"
                            "left:100px;top:2000px;width:50px;height:40px;background:#f00'>"))
    shot = page.shot(format="png", clip=[100, 2000, 50, 40])
    assert (shot["width"], shot["height"]) == (50, 40)
    with pytest.raises(Failed) as e:
        page.shot(clip=[0, 0, 0, 10])
    assert e.value.code == "invalid_argument"
    with pytest.raises(Failed) as e:
        page.shot(format="gif")
    assert e.value.code == "invalid_argument"
