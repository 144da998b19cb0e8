"""browser_screenshot: size, parts, formats, marks, files."""

import base64
import struct
from pathlib import Path

import pytest

PAGE = """<title>Shot</title><style>body{margin:0}</style>
<div id=red style="width:200px;height:100px;background:#f00"></div><button id=b>Press</button>
<a href=/x>link</a><iframe src=/in width=200 height=80></iframe>
<div style="height:4000px;width:100px;background:#0f0"></div><button id=far>Far</button>"""


@pytest.fixture
def page(web, site):
    site.add("/in", "<button>Inner</button>")
    web("browser_navigate", url=site.add("/", PAGE), wait_until="load")
    return web


def shot(web, **arguments):
    result = web("browser_screenshot", **arguments)
    assert not result.get("isError"), result
    images = [p for p in result["content"] if p["type"] == "image"]
    text = "\n".join(p["text"] for p in result["content"] if p["type"] == "text")
    assert "structuredContent" not in result
    return (base64.b64decode(images[0]["data"]), images[0]["mimeType"], text) if images else text


def png_size(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def test_what_is_seen(page):
    data, mime, text = shot(page)
    assert mime == "image/jpeg" and data[:3] == b"\xff\xd8\xff"
    assert text.startswith("1280 x 720 pixels jpeg · scale 1 ") and "Shot" in text
    assert "page_" in text and "http://127.0.0.1" in text


def test_all_of_it_is_bounded(page):
    data, _, text = shot(page, full_page=True, format="png")
    width, height = png_size(data)
    assert height <= 1568 and width * height <= 1150000
    scale = float(text.split("scale ")[1].split(" ")[0])
    assert scale == pytest.approx(height / page_height(page), rel=0.02)


def page_height(web):
    return float(web.text("browser_evaluate",
                          script="document.documentElement.scrollHeight").split("\n")[2])


def test_one_element(page):
    data, _, text = shot(page, target="#red", format="png")
    assert png_size(data) == (200, 100) and "from 0,0 of the page" in text
    assert png_size(shot(page, target="#far", format="png")[0])[1] < 60


def test_an_element_of_a_frame(page):
    width, height = png_size(shot(page, target="text=Inner", format="png")[0])
    assert 20 < width < 200 and 10 < height < 60


def test_formats(page):
    assert shot(page, format="webp")[0][8:12] == b"WEBP"
    assert shot(page, format="webp")[1] == "image/webp"


def test_marks_carry_the_refs_of_snapshots(page):
    plain = shot(page, format="png")[0]
    data, _, text = shot(page, marks=True, format="png")
    assert data != plain and "3 elements have a box" in text
    assert "Press" in page.text("browser_hover", target="e1")
    assert 'button "Press" [e1]' in page.text("browser_snapshot")
    assert "4 elements have a box" in shot(page, marks=True, full_page=True)[2]


def test_marks_are_gone_afterwards(page):
    count = "[document.querySelectorAll('*').length, document.querySelectorAll('[popover]').length]"
    before = page.text("browser_evaluate", script=count).split("\n")[2]
    plain = shot(page, format="png")[0]
    shot(page, marks=True)
    shot(page, marks=True, target="#b")
    assert page.text("browser_evaluate", script=count).split("\n")[2] == before
    assert shot(page, format="png")[0] == plain


def test_saved_in_full_size(page):
    text = shot(page, full_page=True, save_to="shots/all.png")
    assert "saved as" in text and "shots/all.png" in text
    path = text.split("saved as ")[1].split(" · ")[0]
    assert png_size(Path(path).read_bytes())[1] > 4000


def test_a_picture_with_much_detail_keeps_to_its_bytes(page):
    page("browser_evaluate", script="""const c = document.createElement('canvas');
        c.width = 1280; c.height = 720; const x = c.getContext('2d');
        const d = x.createImageData(1280, 720);
        for (let i = 0; i < d.data.length; i += 4) { d.data[i] = Math.random() * 256;
        d.data[i+1] = Math.random() * 256; d.data[i+2] = Math.random() * 256; d.data[i+3] = 255 }
        x.putImageData(d, 0, 0); document.body.replaceChildren(c); 1""")
    for format in ("png", "jpeg"):
        result = page("browser_screenshot", format=format)
        assert len(result["content"][0]["data"]) <= 700000


@pytest.mark.parametrize("arguments, why", [
    ({"target": "#red", "full_page": True}, "exclude"), ({"target": "#none"}, "not_found"),
    ({"format": "gif"}, "format"), ({"page_id": "page_0"}, "page_0"), ({"save_to": ""}, "save_to"),
    ({"save_to": "/proc/none/x.png"}, "save_to"), ({"target": "css=:::"}, "target"),
    ({"quality": 5}, "quality")])
def test_bad_input(page, arguments, why):
    assert why in page.fails("browser_screenshot", **arguments)
