"""Code over an AIO Sandbox."""

import re
import time

import pytest

from lib import protocol
from remote.conftest import eventually, process_id, section, sessions


def execute(aio, code, **more):
    return aio.ok("code_execute", code=code, **more)


def context(text):
    return re.search(r"context_id (\S+)", text)[1]


def test_python(aio):
    text = execute(aio, "import sys\nx = 20\nprint('out'); print('err', file=sys.stderr)\nx * 2")
    assert text.startswith("ok · ")
    assert section(text, "stdout") == "out\n" and section(text, "stderr") == "err\n"
    assert section(text, "result") == "40\n"
    assert section(execute(aio, "x + 1"), "result") == "21\n"


def test_a_thread_and_a_socket_live_on(aio):
    execute(aio, "import socket, threading, time\na, b = socket.socketpair()\nn = 0\n"
                 "def count():\n  global n\n  while True:\n    n += 1; time.sleep(.01)\n"
                 "threading.Thread(target=count, daemon=True).start()")
    execute(aio, "a.send(b'hello') and None")
    first = int(section(execute(aio, "n"), "result"))
    text = execute(aio, "import time; time.sleep(.1); (n, b.recv(5))")
    assert "b'hello'" in text and int(re.search(r"\((\d+)", text)[1]) > first


def test_javascript(aio):
    text = execute(aio, "const x = [1, 2]; console.log('out'); console.error('err'); x.length",
                   language="javascript")
    assert section(text, "stdout") == "out\n" and section(text, "stderr") == "err\n"
    assert section(text, "result") == "2\n"
    assert section(execute(aio, "await Promise.resolve(x[1])", language="javascript"),
                   "result") == "2\n"


def test_bash(aio):
    text = execute(aio, "x=5; cd /tmp; echo $x", language="bash")
    assert text.startswith("ok") and section(text, "stdout") == "5\n"
    text = execute(aio, "echo $x; pwd; exit 3", language="bash")
    assert text.startswith("error") and section(text, "stdout") == "5\n/tmp\n"
    assert "exit status 3" in text
    assert section(execute(aio, "echo ${x-none}", language="bash", context_id="new"),
                   "stdout") == "none\n"


@pytest.mark.parametrize("language, code, wanted", [
    ("python", "def f():\n  1/0\nf()", ["ZeroDivisionError: division by zero", "in f"]),
    ("python", "x = (", ["SyntaxError"]),
    ("javascript", "null.x", ["TypeError", "null"]),
    ("javascript", "throw new RangeError('far')", ["RangeError", "far"]),
])
def test_errors(aio, language, code, wanted):
    text = execute(aio, code, language=language)
    assert text.startswith("error · ")
    assert all(word in section(text, "error") for word in wanted), text
    assert "\x1b" not in text


def test_pictures_and_other_forms(aio):
    picture = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    result = aio.result("code_execute", code=f"""
import base64
class Picture:
    def _repr_png_(self): return base64.b64decode('{picture}')
    def __repr__(self): return 'the picture'
class Page:
    def _repr_html_(self): return '<b>page</b>'
display(Page())
Picture()""")
    assert not result.get("isError")
    images = [b for b in result["content"] if b["type"] == "image"]
    assert [i["mimeType"] for i in images] == ["image/png"]
    assert images[0]["data"] == picture
    text = protocol.text(result)
    assert "the picture" in text and ("<b>page</b>" in text or "text/html (11 B)" in text)


def test_output_is_cut_and_read_on(aio):
    text = execute(aio, "for i in range(50000): print(i)", max_bytes=1000)
    id, hole = re.search(r"process_id=(\S+) cursor=(\S+) reads them", text).groups()
    assert "stdout 288" in text or "omitted" in text
    following = section(aio.output(id, cursor=hole), "stdout").split()
    head = section(text, "stdout").partition("[...")[0].split()
    assert following[0] == str(int(head[-1]) + 1)


def test_contexts(aio, fake):
    text = execute(aio, "x = 1")
    mine = context(text)
    assert context(execute(aio, "x", context_id=mine)) == mine
    assert execute(aio, "x", context_id="new").startswith("error")
    assert "context_id" not in execute(aio, "1", context_id="new")
    assert eventually(lambda: len([s for s in sessions(fake) if s.startswith("ctx_")]) == 1)
    assert aio.refused("code_execute", code="1", context_id="ctx_" + "a" * 26)[0] == "not_found"
    code, text = aio.refused("code_execute", code="1", context_id=mine, language="javascript")
    assert code == "invalid_argument" and "python" in text


def test_environment_and_directory(aio, folder):
    text = execute(aio, "import os; print(os.environ['E'], os.getcwd())", env={"E": "ä'\"\n"},
                   cwd=folder.there)
    assert section(text, "stdout") == f"ä'\"\n {folder.there}\n"
    text = execute(aio, "console.log(process.env.E, process.cwd())", env={"E": "ä"},
                   cwd=folder.there, language="javascript")
    assert section(text, "stdout") == f"ä {folder.there}\n"
    assert aio.refused("code_execute", code="1", cwd="/no/where")[0] == "not_found"
    assert section(execute(aio, "1+1"), "result") == "2\n"


def test_the_operators_environment(start_aio):
    aio = start_aio("--env", "K=v")
    assert section(execute(aio, "import os; print(os.environ['K'])"), "stdout") == "v\n"


def test_time_is_up(aio):
    start = time.monotonic()
    text = execute(aio, "import time\nprint('on')\ntime.sleep(60)", timeout_s=1)
    assert text.startswith("timed out")
    assert time.monotonic() - start < 15


def test_it_goes_on_behind_its_id(aio):
    text = execute(aio, "import time\nprint('late')\ntime.sleep(1)\n7*6", yield_s=0.3)
    assert text.startswith("running")
    id = process_id(text)
    text = aio.output(id, wait_s=10)
    assert text.startswith("exit 0") and section(text, "stdout") == "late\n42\n"
    text = aio.run("true")
    text = execute(aio, "time.sleep(0.5); 1/0", yield_s=0)
    text = aio.output(process_id(text), wait_s=10)
    assert text.startswith("exit 1") and "ZeroDivisionError" in section(text, "stderr")


def test_cells_queue_and_then_are_refused(aio):
    execute(aio, "import time")
    id = process_id(execute(aio, "time.sleep(1); x = 5", yield_s=0))
    assert section(execute(aio, "x"), "result") == "5\n"
    id = process_id(execute(aio, "time.sleep(60)", yield_s=0))
    code, text = aio.refused("code_execute", code="1")
    assert code == "busy" and "context_id=new" in text
    assert section(execute(aio, "2", context_id="new"), "result") == "2\n"
    aio.ok("terminal_kill", id=id)
    assert section(execute(aio, "3"), "result") == "3\n"


@pytest.mark.parametrize("language, code", [
    ("python", "import time\ntime.sleep(67)"), ("javascript", "while (true) {}")])
def test_stop(aio, language, code):
    id = process_id(execute(aio, code, yield_s=0.3, language=language))
    start = time.monotonic()
    result = aio.result("terminal_kill", id=id)["structuredContent"]
    assert result["killed"] == [id] and result["status"] == "killed"
    assert time.monotonic() - start < 10
    text = aio.output(id)
    assert text.startswith("killed")
    assert section(execute(aio, "1", language=language), "result") == "1\n"


def test_cancelling_ends_the_cell(aio, fake):
    execute(aio, "import time, os; print(os.getpid())")
    id = aio.stdio.start("tools/call", {"name": "code_execute", "arguments": {
        "code": "time.sleep(68)", "yield_s": 50}})
    time.sleep(0.5)
    aio.stdio.notify("notifications/cancelled", {"requestId": id})
    start = time.monotonic()
    assert section(execute(aio, "4"), "result") == "4\n"
    assert time.monotonic() - start < 8


def test_unknown_language(aio):
    assert aio.refused("code_execute", code="1", language="cobol")[0] == "invalid_argument"


def test_only_so_many_interpreters(aio):
    ids = [process_id(execute(aio, "import time; time.sleep(60)", context_id="new", yield_s=0))
           for _ in range(8)]
    assert aio.refused("code_execute", code="1")[0] == "quota"
    for id in ids:
        aio.ok("terminal_kill", id=id)
    assert section(execute(aio, "1"), "result") == "1\n"
