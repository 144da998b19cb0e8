"""R: values, output, errors, plots, interrupts."""

import base64
import json
import os
import tempfile
import time

import pytest

from harness import R, Runner

pytestmark = pytest.mark.skipif(not R, reason="no Rscript")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def r(start):
    return start("r")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    runner = Runner("r", str(tmp_path_factory.mktemp("r")))
    yield runner
    runner.close()


def test_hello(r):
    assert r.hello["hello"] == 1 and r.hello["language"] == "r"


@pytest.mark.parametrize("code, text", [
    ("1 + 1", "[1] 2"),
    ("x <- 5", None),
    ("invisible(3)", None),
    ("'é\\u00fc😀'", '[1] "éü😀"'),
    ("'\\\\ \"'", '[1] "\\\\ \\""'),
    ("data.frame(a = 1:2, b = c('x', 'y'))", "  a b\n1 1 x\n2 2 y"),
    ("NULL", "NULL"),
    ("", None),
    ("# nothing", None),
    ("tryCatch(stop('x'), error = function(e) 'caught')", '[1] "caught"'),
    ("setClass('P', representation(n = 'numeric')); new('P', n = 1)",
     'An object of class "P"\nSlot "n":\n[1] 1\n'),
])
def test_values(shared, code, text):
    got = shared.text(code)
    assert (got and got.rstrip("\n")) == (text and text.rstrip("\n"))


def test_state_stays_and_all_visible_values_are_printed(r):
    r.text("x <- 20; f <- function(n) n * x")
    assert r.text("x; f(2)") == "[1] 40"
    assert r.out() == "[1] 20\n"
    r.text("cat('out\\n'); message('err')")
    assert r.out() == "out\n" and r.err() == "err\n"


def test_errors(r):
    r.text("f <- function(n) if (n == 0) stop('deep \"q\"') else f(n - 1)")
    error = r.error("1\nf(2)")
    assert error["name"] == "Error" and error["value"] == 'deep "q"'
    assert "f(2) at <cell 2>:2" in error["traceback"]
    for ours in "guarded", "tryCatch", "withCallingHandlers", "evaluate(":
        assert ours not in error["traceback"]
    error = r.error("1 +")
    assert "<cell 3>:2:0: unexpected end of input" in error["value"]
    assert "main()" not in error["traceback"]
    assert "object 'nowhere' not found" in r.error("nowhere")["value"]
    error = r.error("stop(structure(class = c('custom', 'error', 'condition'), "
                    "list(message = 'mine', call = NULL)))")
    assert (error["name"], error["value"]) == ("custom", "mine")


def test_warnings_go_to_stderr(r):
    assert r.text("as.integer('x')") == "[1] NA"
    assert "NAs introduced by coercion" in r.err()
    assert "converted from warning" in r.error("options(warn = 2); as.integer('x')")["value"]


def test_exit_and_input(r):
    assert r.text("q()") is None and r.text("quit(status = 0)") is None
    error = r.error("q(status = 3)")
    assert (error["name"], error["value"]) == ("SystemExit", "3")
    assert "stdin" in r.error("readline('? ')")["value"]
    assert r.text("length(readLines(file('stdin')))") == "[1] 0"


def pictures(got):
    return [base64.b64decode(item["data"]) for item in got["results"]
            if item["mime"] == "image/png"]


def test_plots(r):
    got = r.exec("plot(1:10); hist(c(1, 2, 2, 3))")
    assert got["error"] is None
    assert [data[:8] for data in pictures(got)] == [PNG, PNG]
    assert pictures(r.exec("1")) == []
    assert len(pictures(r.exec("barplot(1:3); dev.off(); pie(1:3)"))) == 2


def test_a_device_of_the_cell_is_its_own(r, tmp_path):
    got = r.exec("pdf('mine.pdf'); plot(1:3)")
    assert got["results"] == []
    assert r.exec("invisible(dev.off())")["results"] == []
    assert (tmp_path / "mine.pdf").read_bytes().startswith(b"%PDF")


def test_display(shared):
    r = shared
    got = r.exec("display(1:3); display('<b>x</b>', 'text/html'); display(as.raw(1:3), 'image/png')")
    assert got["results"] == [
        {"mime": "text/plain", "data": "[1] 1 2 3"},
        {"mime": "text/html", "data": "<b>x</b>"},
        {"mime": "image/png", "data": base64.b64encode(b"\1\2\3").decode()}]
    got = r.exec("for (i in 1:300) display('x')")
    assert len(got["results"]) == 200 and got["results_dropped"] == 100
    got = r.exec("display(strrep('x', 3e6))")
    assert got["results"][0]["truncated"] and len(got["results"][0]["data"]) <= 1 << 20


def test_base64(shared):
    r = shared
    for size in range(7):
        data = bytes(range(250, 250 + min(size, 6))) if size < 7 else b""
        code = "display(as.raw(c(%s)), 'image/png')" % ", ".join(map(str, data))
        got = r.exec(code)
        assert base64.b64decode(got["results"][0]["data"]) == data


def test_bounds(shared):
    r = shared
    got = r.exec("strrep('a', 3e5)")
    assert len(got["text"]) == 100_000 and got["text_truncated"]
    assert len(r.error("stop(strrep('b', 1e5))")["value"]) <= 4000
    assert r.text("x <- '%s'; nchar(x)" % ("y" * 3_000_000)) == "[1] 3000000"


def test_interrupts(r):
    r.text("kept <- 7")
    for code in "Sys.sleep(30)", "repeat {}", "for (i in 1:1e12) sqrt(i)":
        sent = r.send(code)
        time.sleep(0.3)
        r.interrupt()
        assert r.answer(sent)["error"]["name"] == "KeyboardInterrupt"
    r.interrupt()
    time.sleep(0.1)
    assert r.text("kept") == "[1] 7"


def test_cwd_and_env(r, tmp_path):
    (tmp_path / "sub").mkdir()
    assert r.text("basename(getwd())", cwd=str(tmp_path / "sub")) == '[1] "sub"'
    assert r.text("basename(getwd())") == '[1] "sub"'
    assert r.text("Sys.getenv('ONE')", env={"ONE": "1"}) == '[1] "1"'
    assert r.text("Sys.getenv('ONE', NA)") == "[1] NA"
    assert "cannot change working directory" in r.error("1", cwd="/nowhere")["value"]


def test_created_files(start, tmp_path):
    home = os.path.expanduser("~")
    with tempfile.TemporaryDirectory(dir=home) as folder:
        r = start("r", cwd=folder)
        got = r.exec("writeLines('x', 'a.txt'); dir.create('d')")
        assert got["files"] == [os.path.join(os.path.realpath(folder), "a.txt")]
        assert "files" not in r.exec("writeLines('y', 'a.txt')")


@pytest.mark.parametrize("code", [
    "sink('/dev/null')", "sink(stderr(), type = 'message')", "sink(textConnection('v', 'w'))",
    "rm(list = ls(all.names = TRUE)); detach('sandbox')", "c <- 3; paste <- stop; list <- NULL",
    "options(warn = -1); options(device = 'pdf')", "closeAllConnections",
    "assign('T', 0); print <- function(...) stop('no')", "Sys.setlocale('LC_ALL', 'C')",
    "f <- function() f(); tryCatch(f(), error = function(e) NULL)", "options(digits = 3)",
    "trace <- 1; Sys.setenv(LANG = 'xx')", "set.seed(1); gc(); 1",
])
def test_accidents(r, code):
    r.exec(code)
    r.out(timeout=0)
    got = r.exec("cat('printed\\n'); 1 + 1")
    assert got["error"] is None and got["text"] == "[1] 2"
    assert "printed" in r.out(until="printed")


def test_recursion_and_bad_requests(r):
    assert r.error("f <- function() f(); f()")["value"]
    for line in b"{", b"[1]", b'{"id":1}', b'{"id":1,"token":"x","op":"nope","code":""}', b"1 2":
        r.raw(line + b"\n")
        assert r.line()["error"]["name"] == "BadRequest"
    r.raw(b"\n")
    r.raw(b"x" * ((8 << 20) + 10) + b"\n")
    assert r.line(60)["error"]["name"] == "RequestTooLarge"
    assert r.text("1") == "[1] 1"


def test_json_of_every_kind_is_understood(r):
    line = '{"id" : 7 ,"token":"t","op":"exec","code":"cat(\\"\\\\u00e9\\ud83d\\ude00\\/\\")",' \
        '"extra":[1,{"a":null},true,-1.5e3,"]"]}'
    r.raw(line.encode() + b"\n")
    assert r.line()["status"] == "ok"
    assert r.out() == "é😀/"
    got = r.exec("'\\001\\u2028\\t'; cat('a\\001b'); '\\x80'")
    assert got["error"] is None or isinstance(json.dumps(got), str)


def test_a_forked_child_never_answers(r):
    got = r.exec("p <- parallel:::mcfork(); if (inherits(p, 'masterProcess')) 'child' else 'parent'")
    assert got["text"] == '[1] "parent"'
    assert r.text("2") == "[1] 2"
    assert r.text("sum(unlist(parallel::mclapply(1:4, function(i) i, mc.cores = 2)))") == "[1] 10"


def test_end(r):
    r.text("reg.finalizer(globalenv(), function(e) cat('bye\\n'), onexit = TRUE)")
    assert r.end() == 0
