"""Downloads: told as events, bounded, and put into the workspace under names that are safe."""

import time

import pytest

PAGE = "<!doctype html><title>d</title>"


def attached(name, body=b"content"):
    return lambda h: h.answer(body, kind="application/octet-stream",
                              Content_Disposition=f'attachment; filename="{name}"')


def trickle(site, head=b"first"):
    """A body that ends when the test says so."""

    def serve(h):
        h.send_response(200)
        h.send_header("Content-Disposition", 'attachment; filename="slow.bin"')
        h.send_header("Content-Type", "application/x-thing")
        h.send_header("Content-Length", str(len(head) + 4))
        h.end_headers()
        h.wfile.write(head)
        h.wfile.flush()
        site.released.wait(30)
        h.wfile.write(b"last")

    return serve


def listed(web, **arguments):
    return web.data("browser_downloads", **arguments)["downloads"]


def only(web, name):
    found = [d for d in listed(web) if d["name"] == name]
    assert len(found) == 1, found
    return found[0]


def content(web, path):
    return web.text("terminal_execute", command=f"cat '{path}'")


@pytest.fixture(autouse=True)
def page(web):
    web("browser_tabs", action="new")


def click(web, site, html, target="a"):
    web("browser_navigate", url=site.add("/", PAGE + html))
    return web.text("browser_click", target=target)


def test_a_click_tells_what_it_downloaded(web, site):
    site.add("/r", attached("report.pdf", b"the report"))
    text = click(web, site, "<a href=/r>get</a>")
    assert "download: report.pdf finished, id d" in text and "10 bytes" in text
    one = only(web, "report.pdf")
    assert one["state"] == "completed" and one["received"] == one["total"] == 10
    assert one["url"] == site.url("/r") and one["path"].endswith("/downloads/report.pdf")
    assert content(web, "downloads/report.pdf").endswith("the report\n")
    assert "report.pdf" in web.text("file_list", path="downloads")


def test_a_navigation_that_is_a_download_says_so(web, site):
    went = web.data("browser_navigate", url=site.add("/n", attached("nav.bin")))
    assert went["url"] != site.url("/n")
    assert any(e["type"] == "download" and "nav.bin finished" in e["text"] for e in went["events"])


def test_the_same_name_twice(web, site):
    site.add("/t", attached("twice.tar.gz", b"a"))
    web("browser_navigate", url=site.add("/", PAGE + "<a href=/t>get</a>"))
    web("browser_click", target="a")
    site.add("/t", attached("twice.tar.gz", b"b"))
    text = web.text("browser_click", target="a")
    assert "downloads/twice (1).tar.gz" in text
    assert content(web, "downloads/twice.tar.gz").endswith("a\n")
    assert content(web, "downloads/twice (1).tar.gz").endswith("b\n")


def test_a_blob_and_a_data_url(web, site):
    text = click(web, site, """<a download=blob.txt>get</a><script>
        document.querySelector('a').href=URL.createObjectURL(new Blob(['from a blob']))</script>""")
    assert "blob.txt finished" in text
    assert content(web, "downloads/blob.txt").endswith("from a blob\n")
    text = click(web, site, "<a download=data.txt href='data:text/plain,from%20data'>get</a>")
    assert content(web, only(web, "data.txt")["path"]).endswith("from data\n")


def test_a_popup_that_is_a_download(web, site):
    site.add("/p", attached("popup.bin"))
    text = click(web, site, "<a href=/p target=_blank>get</a>")
    if "popup.bin finished" not in text:
        assert listed(web, action="wait")[0]["name"] == "popup.bin"
    assert only(web, "popup.bin")["state"] == "completed"


def test_a_frame_and_a_form(web, site):
    def serve(h):
        posted = h.command == "POST"
        h.answer(b"posted" if posted else b"got", kind="application/x-thing", Content_Disposition=(
            f"attachment; filename={'form' if posted else 'frame'}.bin"))

    site.add("/f", serve)
    text = click(web, site, "<iframe name=i></iframe><a href=/f target=i>get</a>")
    assert "frame.bin finished" in text
    text = click(web, site, "<form method=post action=/f><button>Send</button></form>", "text=Send")
    assert "form.bin finished" in text and content(web, "downloads/form.bin").endswith("posted\n")


def test_an_isolated_context(web, site):
    site.add("/i", attached("isolated.bin"))
    url = site.add("/", PAGE + "<a href=/i>get</a>")
    pages = web.data("browser_tabs", action="new", url=url, isolated="jar")["pages"]
    page = next(p["page_id"] for p in pages if p["active"])
    assert "isolated.bin finished" in web.text("browser_click", target="a", page_id=page)
    assert content(web, "downloads/isolated.bin").endswith("content\n")


HOSTILE = [
    ("../../up.txt", "up.txt"),
    ("..\\\\..\\\\win.txt", "win.txt"),
    ("CON", "_CON"),
    (".profile", "profile"),
    ("-rf", "rf"),
    ("a\u202efdp.exe", "fdp.exe"),
    ("$(touch x).sh", "touch x"),
    ("x" * 400 + ".tar.gz", ".tar.gz"),
    ("", ""),
]


@pytest.mark.parametrize("name, kept", HOSTILE)
def test_hostile_names(web, site, name, kept):
    before = {d["id"] for d in listed(web)}
    text = click(web, site, "<a download>get</a><script>const a=document.querySelector('a');"
                     f"a.download=\"{name}\";a.href=URL.createObjectURL(new Blob(['x']))</script>")
    listed(web, action="wait", timeout_s=5) if "finished" not in text else None
    one = next(d for d in listed(web) if d["id"] not in before)
    assert one["state"] == "completed" and kept in one["name"]
    where, _, base = one["path"].rpartition("/")
    assert where.endswith("/downloads") and 0 < len(base.encode()) < 200
    assert base[0] not in ".-" and "\u202e" not in base and "\\" not in base and "$" not in base
    assert content(web, one["path"]).endswith("x\n")


def test_a_slow_one_is_told_and_waited_for(web, site):
    site.add("/s", trickle(site))
    text = click(web, site, "<a href=/s>get</a>")
    assert "slow.bin started, id d" in text
    one = next(d for d in listed(web) if d["state"] == "in_progress")
    assert one["name"] == "slow.bin" and "path" not in one
    again = listed(web, action="wait", id=one["id"], timeout_s=0.2)[0]
    assert again["state"] == "in_progress"
    assert "conflict" in web.fails("browser_downloads", action="move", id=one["id"], to="x")
    site.released.set()
    done = listed(web, action="wait")[0]
    assert done["id"] == one["id"] and done["state"] == "completed" and done["received"] == 9


def test_a_shell_command_finds_it(web, site):
    site.add("/s", trickle(site, b"shell"))
    click(web, site, "<a href=/s>get</a>")
    site.released.set()
    end = time.monotonic() + 20
    while "shelllast" not in web.text("terminal_execute", command="cat downloads/slow*"):
        assert time.monotonic() < end


def test_one_that_is_cut_off_failed(web, site):
    def cut(h):
        h.send_response(200)
        h.send_header("Content-Disposition", 'attachment; filename="cut.bin"')
        h.send_header("Content-Length", "1000")
        h.end_headers()
        h.wfile.write(b"only this")
        h.wfile.flush()
        h.close_connection = True
        h.connection.shutdown(2)

    site.add("/c", cut)
    text = click(web, site, "<a href=/c>get</a>")
    one = listed(web, action="wait", id=only(web, "cut.bin")["id"])[0]
    assert one["state"] == "failed" and one["reason"], text
    assert "no such" in web.text("terminal_execute", command="cat downloads/cut.bin 2>&1").lower()


def test_cancelling(web, site):
    site.add("/s", trickle(site))
    click(web, site, "<a href=/s>get</a>")
    one = next(d for d in listed(web) if d["state"] == "in_progress")
    assert listed(web, action="cancel", id=one["id"])[0]["state"] == "cancelled"
    assert "conflict" in web.fails("browser_downloads", action="cancel", id=one["id"])
    left = web.text("terminal_execute", command="ls -A downloads/.incoming")
    assert left.count("\n") <= 1, left


def test_what_was_left_behind_goes(web, site):
    web("terminal_execute", command="mkdir -p downloads/.incoming; cd downloads/.incoming; "
                                    "touch -d '2 days ago' stale; touch fresh")
    site.add("/l", attached("left.bin"))
    assert "left.bin finished" in click(web, site, "<a href=/l>get</a>")
    assert web.text("terminal_execute", command="ls downloads/.incoming").endswith("fresh\n")


def test_moving(web, site):
    site.add("/m", attached("move.txt", b"moved"))
    click(web, site, "<a href=/m>get</a>")
    one = only(web, "move.txt")["id"]
    web("file_write", path="taken.txt", content="mine")
    assert "conflict" in web.fails("browser_downloads", action="move", id=one, to="taken.txt")
    moved = listed(web, action="move", id=one, to="some/where/else.txt")[0]
    assert moved["path"].endswith("/some/where/else.txt")
    assert content(web, "some/where/else.txt").endswith("moved\n")
    assert listed(web, action="move", id=one, to="some/")[0]["path"].endswith("/some/move.txt")
    assert listed(web, action="move", id=one, to="~/")[0]["path"].endswith("/move.txt")


def test_a_zip_bomb_is_just_bytes(web, site):
    site.add("/z", lambda h: h.answer(BOMB, kind="application/zip",
                                      Content_Disposition="attachment; filename=bomb.zip"))
    assert "bomb.zip finished" in click(web, site, "<a href=/z>get</a>")
    assert only(web, "bomb.zip")["received"] == len(BOMB)
    assert web.text("terminal_execute", command="ls downloads | grep -c bomb").endswith("1\n")


def bomb():
    import io
    import zipfile
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("zeros", b"\0" * 20_000_000)
    return out.getvalue()


BOMB = bomb()


def test_bad_arguments(web):
    assert "not_found" in web.fails("browser_downloads", action="wait", id="d999")
    assert "id is missing" in web.fails("browser_downloads", action="cancel")
    assert "to is missing" in web.fails("browser_downloads", action="move", id="d1")
    assert "timeout" in web.fails("browser_downloads", action="wait", timeout_s=0.2)


def test_waiting_for_what_is_over_already_names_it(web, site):
    site.add("/o", attached("over.bin"))
    assert "over.bin finished" in click(web, site, "<a href=/o>get</a>")
    assert only(web, "over.bin")["id"] in web.fails("browser_downloads", action="wait",
                                                    timeout_s=0.1)


def test_browser_wait(web, site):
    site.add("/s", trickle(site))
    click(web, site, "<a href=/s>get</a>")
    late = web.data("browser_wait", state="download", timeout_s=0.2)
    assert not late["matched"]
    assert any("slow.bin started" in e["text"] for e in late["events"] if e["type"] == "download")
    site.released.set()
    done = web.data("browser_wait", state="download")
    assert done["matched"] and done["what"] == "download"
    assert any("downloads/slow" in e["text"] for e in done["events"] if e["type"] == "download")


def test_in_a_sandbox(start_web):
    """The browser is inside: it and the commands there see the same files."""
    web = start_web()
    page = ("<title>in</title><a href=data.bin>get</a>"
            "<input type=file onchange=\"this.files[0].text().then(t=>document.title=t)\">")
    web("file_write", path="site/index.html", content=page)
    web("file_write", path="site/data.bin", content="inside")
    web("terminal_execute", yield_s=0,
        command="cd site && exec python3 -m http.server 8099 --bind 127.0.0.1")
    end = time.monotonic() + 20
    while web("browser_navigate", url="http://127.0.0.1:8099/").get("isError"):
        assert time.monotonic() < end
    text = web.text("browser_click", target="a")
    if "data.bin finished" not in text:
        listed(web, action="wait")
    one = only(web, "data.bin")
    assert one["state"] == "completed" and one["path"] == "/workspace/downloads/data.bin"
    assert content(web, "downloads/data.bin").endswith("inside\n")
    web("browser_upload", target="css=input", paths=["downloads/data.bin"])
    title = web.text("browser_evaluate", script="new Promise(r=>setTimeout(()=>r(document.title),300))")
    assert "inside" in title


def test_a_link_that_downloads_is_waited_for(web, site):
    """Its answer may take a moment, and nothing of it is a request of the page."""
    def slow(handler):
        time.sleep(0.4)
        handler.answer("late", kind="text/plain")
    site.add("/late.txt", slow)
    web("browser_navigate", url=site.add("/", "<a href=/late.txt download>Save</a>"))
    assert "late.txt" in web.text("browser_click", target="text=Save")
