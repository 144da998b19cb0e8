"""browser_upload: file inputs, choosers, and what is refused."""

import json

import pytest

PAGE = "<!doctype html><title>u</title>"
TELL = ("<script>async function tell(i){const out=[];for(const f of i.files)"
        "out.push(f.name+'='+await f.text());document.title=out.join(';')||'none'}</script>")


@pytest.fixture
def show(web, site):
    return lambda html: web("browser_navigate", url=site.add("/", PAGE + TELL + html))


@pytest.fixture(autouse=True, scope="module")
def files(web):
    web("file_write", path="up/a.txt", content="A")
    web("file_write", path="up/b.txt", content="B")
    web("terminal_execute", command="cp up/a.txt ~/home.txt; mkfifo up/pipe; ln -s a.txt up/link; "
                                    "printf q > 'up/-odd \"name\".txt'")



def became(web, want):
    """What the page read, which takes a moment."""
    script = ("new Promise(r=>{const t=Date.now();(function f(){document.title==="
              + json.dumps(want) + "||Date.now()-t>5000?r(document.title):setTimeout(f,20)})()})")
    return json.dumps(want)[1:-1] in web.text("browser_evaluate", script=script)


def test_a_file_input(web, show):
    show("<input type=file id=f onchange=tell(this)>")
    given = web.data("browser_upload", target="#f", paths=["up/a.txt"])
    assert given["files"] == ["a.txt, 1 bytes"]
    assert became(web, "a.txt=A")
    web("browser_upload", target="#f", paths=["~/home.txt"])
    assert became(web, "home.txt=A")
    web("browser_upload", target="#f", paths=["up/link"])
    assert became(web, "a.txt=A")
    web("browser_upload", target="#f", paths=["up/-odd \"name\".txt"])
    assert became(web, "-odd \"name\".txt=q")


def test_an_input_is_emptied(web, show):
    show("<input type=file id=f onchange=tell(this)>")
    web("browser_upload", target="#f", paths=["up/a.txt"])
    assert became(web, "a.txt=A")
    assert web.data("browser_upload", target="#f", paths=[])["files"] == []
    assert became(web, "none")


def test_a_hidden_input_and_its_label(web, show):
    show("<label id=l>Add<input type=file id=f style=display:none onchange=tell(this)></label>")
    web("browser_upload", target="#f", paths=["up/a.txt"])
    assert became(web, "a.txt=A")
    web("browser_upload", target="#l", paths=["up/b.txt"])
    assert became(web, "b.txt=B")


BUTTON = ("<button onclick=\"const i=document.createElement('input');i.type='file';"
          "i.multiple=true;i.onchange=()=>tell(i);i.addEventListener('cancel',()=>"
          "document.title='cancelled');i.click()\">Choose</button>")


def test_a_button_that_opens_a_chooser(web, show):
    show(BUTTON)
    given = web.data("browser_upload", target="text=Choose", paths=["up/a.txt", "up/b.txt"])
    assert given["files"] == ["a.txt, 1 bytes", "b.txt, 1 bytes"]
    assert became(web, "a.txt=A;b.txt=B")


def test_an_open_chooser_is_answered_first(web, show):
    show(BUTTON + "<button>Other</button>")
    text = web.text("browser_click", target="text=Choose")
    assert "file_chooser" in text and "browser_upload" in text
    refused = web.fails("browser_click", target="text=Other")
    assert refused.startswith("modal") and "browser_upload" in refused
    web("browser_upload", paths=["up/a.txt"])
    assert became(web, "a.txt=A")
    web.text("browser_click", target="text=Other")


def test_an_open_chooser_is_cancelled(web, show):
    show(BUTTON)
    web("browser_click", target="text=Choose")
    assert web.data("browser_upload", paths=[])["files"] == []
    assert became(web, "cancelled")
    assert "not_found" in web.fails("browser_upload", paths=["up/a.txt"])


def test_a_chooser_goes_with_its_page(web, show, site):
    show(BUTTON)
    web("browser_click", target="text=Choose")
    web("browser_tabs", action="new", url=site.add("/other", PAGE + BUTTON))
    assert "not_found" in web.fails("browser_upload", paths=["up/a.txt"])


def test_an_input_that_is_gone(web, show):
    show("<input type=file id=f><button onclick=f.click()>Pick</button>"
         "<script>addEventListener('click',()=>setTimeout(()=>f.remove(),50))</script>")
    web("browser_click", target="text=Pick")
    web("browser_upload", paths=[])
    assert "not_found" in web.fails("browser_upload", paths=[])


def test_a_refused_answer_leaves_it_open(web, show):
    show(BUTTON.replace("i.multiple=true;", ""))
    web("browser_click", target="text=Choose")
    assert "one file" in web.fails("browser_upload", paths=["up/a.txt", "up/b.txt"])
    web("browser_upload", paths=["up/b.txt"])
    assert became(web, "b.txt=B")


def test_in_a_frame_of_another_site(web, show, site):
    site.add("/in", PAGE + "<input type=file id=f onchange=\"parent.postMessage("
                           "this.files[0].name,'*')\"><button onclick=f.click()>Pick</button>")
    show(f"<iframe src={site.other('/in')}></iframe>"
         "<script>onmessage=e=>document.title=e.data</script>")
    web("browser_upload", target="#f", paths=["up/a.txt"])
    assert became(web, "a.txt")
    web("browser_upload", target="text=Pick", paths=["up/b.txt"])
    assert became(web, "b.txt")


def test_what_is_refused(web, show):
    show("<input type=file id=f onchange=tell(this)><input type=file id=d webkitdirectory>"
         "<input type=file id=o disabled><button>Nothing</button>")
    assert "not_found" in web.fails("browser_upload", target="#f", paths=["up/none.txt"])
    assert "folder" in web.fails("browser_upload", target="#f", paths=["up"])
    web.fails("browser_upload", target="#f", paths=["up/pipe"])
    assert "one file" in web.fails("browser_upload", target="#f", paths=["up/a.txt", "up/b.txt"])
    assert "whole directory" in web.fails("browser_upload", target="#d", paths=["up/a.txt"])
    assert "disabled" in web.fails("browser_upload", target="#o", paths=["up/a.txt"])
    assert "no file input" in web.fails("browser_upload", target="text=Nothing",
                                        paths=["up/a.txt"])
    assert "not_found" in web.fails("browser_upload", paths=["up/a.txt"])
