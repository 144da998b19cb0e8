"""
Cells that attack their interpreter or its protocol. Nothing of it may harm the server or other
contexts: the answer is the cell's own, or says that the interpreter is gone, and the next works.
"""

import time

import pytest

from lib import processes
from local.cells import interpreter, run
from local.terminal import ToolError, run as execute

BOUND = 25 * 1000  # of a result's text, with what stands around the streams

FORGED = r"""
import os
for fd in os.listdir("/proc/self/fd"):
    try:
        os.write(int(fd), b'{"id":1,"token":"0","status":"ok","text":"forged","error":null,'
                          b'"results":[],"execution_count":1}\n')
    except OSError:
        pass
"""
STOLEN = r"""
import json, os, sys
frame = sys._getframe()
while frame.f_back:
    frame = frame.f_back
    request = frame.f_locals.get("request") or frame.f_locals.get("decoded")
    wire = frame.f_locals.get("wire") or globals().get("wire")
    if request and "token" in request:
        stolen = dict(request)
    if wire is not None:
        found = wire
os.write(found.resp, (json.dumps({"id": stolen["id"], "token": stolen["token"], "status": "ok",
    "text": "x" * 50000, "error": None, "results": [{"mime": "image/png", "data": "!!!"},
    {"mime": "text/html" * 50, "data": 7}], "execution_count": -1, "files": ["\x1b[2J", 5]})
    + "\n").encode())
"""


def alive(client, language="python", code="40 + 2", value="42"):
    """The default context answers, at once or once the broken one has been replaced."""
    until = time.monotonic() + 20
    while True:
        try:
            got = run(client, code, language)
            if got.value == value:
                return
        except ToolError:
            pass
        assert time.monotonic() < until, "the context does not come back"
        time.sleep(0.1)


@pytest.mark.parametrize("code", [
    FORGED,
    STOLEN,
    "import os; os.write(3, b'x' * 100); os.write(4, b'{}')",
    "import os; os.closerange(0, 4096)",
    "import os; os.closerange(3, 1 << 20)",
    "import os; [os.dup2(os.open('/dev/zero', 0), n) for n in range(3, 64)]",
    "import os; os._exit(7)",
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    "import ctypes; ctypes.string_at(0)",
    "import os\nwhile os.fork(): break\nelse: os.execv('/bin/sh', ['sh', '-c', 'sleep 1000'])",
    "import sys; sys.setrecursionlimit(1 << 30)\ndef f(): f()\nf()",
    "import builtins; [delattr(builtins, n) for n in list(vars(builtins))]",
    "import builtins, sys, os; builtins.len = builtins.print = sys.stdout = os.write = None",
    "import sys; sys.settrace(lambda *a: 1 / 0)\ndef g(): pass\ng()",
    "import sys; sys.modules.clear()",
    "import threading, os\nfor i in range(50): threading.Thread(target=os.read, args=(0, 1)).start()",
    "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))",
    "import signal\nfor s in range(1, 64):\n    try: signal.signal(s, signal.SIG_IGN)\n"
    "    except OSError: pass",
])
def test_python_cells(stdio, code):
    run(stdio, "1")
    try:
        got = run(stdio, code, timeout_s=3)
        assert got.status in ("ok", "error", "timed") and len(got.said) < BOUND
        assert "\x1b" not in got.said
    except ToolError as e:
        assert e.code != "internal"
    alive(stdio)


@pytest.mark.parametrize("code", [
    "const fs = require('fs'); for (let fd = 0; fd < 64; fd++) try { fs.writeSync(fd, "
    "'{\"id\":1,\"token\":\"0\",\"status\":\"ok\",\"text\":\"forged\",\"results\":[]}\\n') } catch {}",
    "const fs2 = require('fs'); for (let fd = 0; fd < 64; fd++) try { fs2.closeSync(fd) } catch {}",
    "process.abort()",
    "process.reallyExit(3)",
    "process.kill(process.pid, 'SIGKILL')",
    "JSON.stringify = JSON.parse = Buffer.from = null; Promise.prototype.then = null",
    "Object.prototype.error = { name: 'x' }; Object.prototype.toJSON = () => 1",
    "Array.prototype.push = Array.prototype.join = () => { throw 1 }",
    "setImmediate(() => { throw new Error('late') }); setInterval(() => {}, 1)",
    "process.removeAllListeners(); process.on('SIGINT', () => {})",
    "new Array(1e9).fill('x'.repeat(1e6))",
    "while (true) Promise.resolve().then(() => {})",
])
def test_javascript_cells(stdio, code):
    if not interpreter(stdio, "javascript", "1"):
        pytest.skip("no node")
    try:
        got = run(stdio, code, "javascript", timeout_s=3)
        assert got.status in ("ok", "error", "timed") and len(got.said) < BOUND
    except ToolError as e:
        assert e.code != "internal"
    alive(stdio, "javascript")


@pytest.mark.parametrize("code", [
    "f <- fifo('/dev/fd/4', 'wb'); writeLines('{\"id\":1,\"status\":\"ok\"}', f); close(f)",
    "closeAllConnections()",
    "tools::pskill(Sys.getpid(), 9)",
    "base::quit('no', 5)",
    "f <- function() f(); options(expressions = 5e5); f()",
    "e <- parent.frame(5); rm(list = ls(e), envir = e)",
    "unlockBinding('paste', baseenv()); assign('paste', function(...) stop('no'), baseenv())",
])
def test_r_cells(stdio, code):
    if not interpreter(stdio, "r", "1"):
        pytest.skip("no R")
    try:
        got = run(stdio, code, "r", timeout_s=3)
        assert got.status in ("ok", "error", "timed") and len(got.said) < BOUND
    except ToolError as e:
        assert e.code != "internal"
    alive(stdio, "r", "40 + 2", "[1] 42")


def test_a_stolen_token_gives_no_more_than_a_bad_result(stdio):
    """The code owns its interpreter; what it makes up is bounded and clean, and hurts nobody else."""
    other = run(stdio, "kept = 5", context_id="new")
    assert other.status == "ok"
    try:
        said = run(stdio, STOLEN).said
        assert len(said) < BOUND and "\x1b" not in said
    except ToolError as e:
        assert e.code != "internal"
    alive(stdio)


def test_floods_are_bounded(stdio):
    got = run(stdio, "for i in range(100): print('x' * (1 << 20))\n'done'", timeout=120)
    assert got.value == "'done'" and len(got.said) < BOUND
    got = run(stdio, "display(*['y' * 1000000] * 300); 'z' * 10_000_000")
    assert got.status == "ok" and len(got.said) < 2 * BOUND


def test_a_fork_bomb_ends_with_its_context(stdio):
    run(stdio, "kept = 5")
    before = len(processes.descendants(stdio.pid))
    try:
        run(stdio, "import os\nwhile True:\n    try: os.fork()\n    except OSError: break",
            context_id="new", timeout_s=3)
    except ToolError as e:
        assert e.code != "internal"
    until = time.monotonic() + 30
    while len(processes.descendants(stdio.pid)) > before:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert run(stdio, "kept").value == "5"


@pytest.mark.parametrize("said", [
    "os._exit(1)", "tell(b'garbage')", "tell(b'7')", "tell(b'x' * 10_000_000)",
    "tell(b'{\"hello\":1,\"missing\":\"boom\\\\nNext: this\\\\n--- stdout\"}')",
])
def test_what_runs_before_the_runner_says_no_more_than_a_line(stdio, said):
    execute(stdio, "d=$(python3 -m site --user-site) && mkdir -p $d && cat >$d/usercustomize.py",
            stdin="import os, sys\nif 'runner.py' in ' '.join(sys.orig_argv):\n"
            "    def tell(line): os.write(int(sys.argv[-1]), line + b'\\n')\n"
            "    os.write(2, b'boom\\nNext: this\\n--- stdout\\n\\x1b[31m')\n    " + said + "\n")
    with pytest.raises(ToolError) as e:
        run(stdio, "1")
    assert e.value.code in ("unavailable", "not_supported"), e.value.text
    assert len(e.value.text.splitlines()) == 1 and "\x1b" not in e.value.text
    execute(stdio, "rm -r ~/.local/lib")
    alive(stdio)
