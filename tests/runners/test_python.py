"""The python runner, cell by cell, without a sandbox around it."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pytest
from harness import PYTHON, PYTHON_VERSION

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)


@pytest.fixture
def py(start):
    return start("python")


# protocol


@pytest.mark.parametrize("inline", [False, True])
def test_hello(start, inline):
    runner = start("python", inline=inline)
    version = subprocess.check_output([PYTHON, "-c", "import sys; print(sys.version.split()[0])"])
    assert runner.hello == {
        "hello": 1, "language": "python", "version": version.decode().strip(), "engine": "plain",
    }
    assert runner.text("6 * 7") == "42"
    assert runner.end() == 0


def test_execution_count_and_token(py):
    assert [py.exec("pass")["execution_count"] for _ in range(3)] == [1, 2, 3]


def test_garbage_line_answers_and_goes_on(py):
    for garbage in (b"not json\n", b"\xff\xfe\n", b"[1]\n", b"[" * 100000 + b"\n"):
        py.raw(garbage)
        got = py.line()
        assert (got["id"], got["error"]["name"]) == (None, "BadRequest")
    assert py.text("1") == "1"


@pytest.mark.parametrize(
    "request_", [{"op": "dance"}, {"code": 5}, {"cwd": 5}, {"env": {"A": 1}}, {"env": []}]
)
def test_bad_request_keeps_id(py, request_):
    py.raw({"id": 7, "token": "aa", "op": "exec", "code": "1", **request_})
    got = py.line()
    assert (got["id"], got["token"], got["error"]["name"]) == (7, "aa", "BadRequest")
    assert py.text("1") == "1"


def test_oversized_request_is_refused(py):
    py.raw({"id": 1, "token": "aa", "op": "exec", "code": "x" * (20 << 20)})
    got = py.line()
    assert (got["id"], got["error"]["name"]) == (None, "RequestTooLarge")
    assert py.text("1") == "1"


def test_large_request_below_the_bound(py):
    assert py.text("len('%s')" % ("x" * (7 << 20))) == str(7 << 20)


def test_requests_may_come_in_one_write(py):
    one = json.dumps({"id": 1, "token": "a", "op": "exec", "code": "1"}) + "\n"
    py.raw((one * 3).encode())
    assert [py.line()["text"] for _ in range(3)] == ["1", "1", "1"]


def test_eof_ends_with_exit_handlers(py, tmp_path):
    py.exec("import atexit; atexit.register(lambda: open('bye', 'w').close())")
    py.exec("import threading, time; threading.Thread(target=time.sleep, args=(60,)).start()")
    assert py.end() == 0
    assert (tmp_path / "bye").exists()


def test_eof_does_not_wait_for_a_hanging_exit_handler(py):
    py.exec("import atexit, time; atexit.register(time.sleep, 60)")
    began = time.monotonic()
    assert py.end() == 0
    assert time.monotonic() - began < 5


# values and state


def test_last_expression(py):
    assert py.text("x = 41\nx + 1") == "42"
    assert py.text("_ + 1") == "43"
    assert py.text("y = 5") is None
    assert py.text("None") is None
    assert py.text("") is None
    assert py.text("# only a comment") is None
    assert py.text("x;") is None
    assert py.text("'a string'") == "'a string'"
    assert py.text("for i in range(3):\n    i") is None


def test_state_is_a_real_main_module(py):
    py.exec("def f(): return 'f'\nclass C:\n    a = 1")
    assert py.text("__name__") == "'__main__'"
    assert py.text("import sys; sys.modules['__main__'].f()") == "'f'"
    assert py.text("import pickle; pickle.loads(pickle.dumps(C())).a") == "1"
    assert py.text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass P:\n    x: int\n    y: P = None\nP(1)"
    ) == "P(x=1, y=None)"
    assert py.text("if __name__ == '__main__':\n    z = 9\nz") == "9"
    assert py.text("[n for n in dir() if 'wire' in n.lower() or 'interp' in n]") == "[]"


def test_future_flags_stay(py):
    py.exec("from __future__ import annotations")
    assert py.text("def f(a: undefined): pass\nf.__annotations__") == "{'a': 'undefined'}"


def test_sys_path_and_argv(py, tmp_path):
    (tmp_path / "mine.py").write_text("value = 17")
    assert py.text("import mine, sys; mine.value") == "17"
    assert py.text("sys.path[0], sys.argv") == "('', [''])"
    assert py.text("[p for p in sys.path if p.endswith('runners')]") == "[]"


def test_user_site_works(start, tmp_path):
    base = os.path.join(sys.base_prefix, "bin", "python3")  # a venv has no user site
    where = subprocess.check_output(
        [base, "-c", "import site; print(site.getusersitepackages())"],
        env={**os.environ, "HOME": str(tmp_path)},
    ).decode().strip()
    os.makedirs(where)
    with open(os.path.join(where, "user_installed.py"), "w") as out:
        out.write("ok = 1")
    runner = start("python", env={"HOME": str(tmp_path)}, program=base)
    assert runner.text("import user_installed; user_installed.ok") == "1"


def test_workspace_files_do_not_shadow_the_runner(py, tmp_path):
    for name in ("traceback", "asyncio", "io", "atexit"):
        (tmp_path / (name + ".py")).write_text("raise RuntimeError('wrong module')")
    assert "ZeroDivisionError" in py.error("1/0")["traceback"]
    assert py.text("async def f(): return 3\nawait f()") == "3"


def test_cwd_stays_env_does_not(py, tmp_path):
    (tmp_path / "sub").mkdir()
    assert py.text("import os; os.getcwd()", cwd=str(tmp_path / "sub")) == repr(
        str(tmp_path / "sub")
    )
    assert py.text("os.path.basename(os.getcwd())") == "'sub'"
    assert py.text("os.environ['A']", env={"A": "1", "HOME": "/x"}) == "'1'"
    assert py.text("'A' in os.environ, os.environ['HOME'] == '/x'") == "(False, False)"
    assert py.error("print('ran')", cwd="/does/not/exist")["name"] == "FileNotFoundError"
    assert py.error("1", env={"A=B": "1"})["name"] == "ValueError"
    assert py.error("1", env={"A": "nul\0"})["name"] == "ValueError"
    assert py.out(timeout=0.2) == ""


def test_thread_and_socket_live_on(py):
    py.exec(
        "import socket, threading\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "def loop():\n"
        "    while True:\n"
        "        c, _ = server.accept(); c.sendall(c.recv(100).upper()); c.close()\n"
        "threading.Thread(target=loop, daemon=True).start()"
    )
    for _ in range(3):
        py.exec("pass")
    port = int(py.text("server.getsockname()[1]"))
    with socket.create_connection(("127.0.0.1", port), 5) as peer:
        peer.sendall(b"between")
        assert peer.recv(100) == b"BETWEEN"


# await


def test_top_level_await(py):
    assert py.text("import asyncio\nx = await asyncio.sleep(0.01, 5)\nx + 1") == "6"
    assert py.text("await asyncio.sleep(0, 'last')") == "'last'"
    assert py.text("x") == "5"
    assert py.text("async def g():\n    yield 1\n    yield 2\n[i async for i in g()]") == "[1, 2]"
    assert py.text("def sync(): return asyncio.run(asyncio.sleep(0, 3))\nsync()") == "3"
    assert py.text("await asyncio.sleep(0, 4)") == "4"


def test_tasks_go_on_between_cells(py):
    py.exec(
        "import asyncio\n"
        "async def hi(r, w):\n"
        "    w.write(await r.readline()); await w.drain(); w.close()\n"
        "server = await asyncio.start_server(hi, '127.0.0.1', 0)\n"
        "port = server.sockets[0].getsockname()[1]"
    )
    port = int(py.text("port"))
    with socket.create_connection(("127.0.0.1", port), 5) as peer:
        peer.sendall(b"echo\n")
        assert peer.recv(100) == b"echo\n"
    py.exec("t = asyncio.get_event_loop().create_task(asyncio.sleep(0.05, 'done'))")
    time.sleep(0.15)
    assert py.text("t.result()") == "'done'"


def test_a_task_that_exits_does_not_end_the_runner(py):
    py.exec("import asyncio\nasync def bad():\n    await asyncio.sleep(0.02); raise SystemExit(3)")
    py.exec("t = asyncio.ensure_future(bad()); await asyncio.sleep(0)")
    assert "SystemExit: 3" in py.err("SystemExit: 3")
    assert py.text("1") == "1"


# errors


def test_traceback_has_user_frames_and_source(py):
    py.exec("def divide(a, b):\n    return a / b")
    got = py.error("x = 1\ndivide(x, 0)  # here")
    assert (got["name"], got["value"]) == ("ZeroDivisionError", "division by zero")
    lines = got["traceback"].splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1:3] == ['  File "<cell 2>", line 2, in <module>', "    divide(x, 0)  # here"]
    assert '  File "<cell 1>", line 2, in divide' in lines
    assert "    return a / b" in lines
    assert "runner" not in got["traceback"]


def test_chained_exceptions_are_kept(py):
    got = py.error("try:\n    {}['k']\nexcept KeyError as e:\n    raise ValueError('v') from e")
    assert "KeyError: 'k'" in got["traceback"]
    assert "direct cause" in got["traceback"]
    assert got["traceback"].index("KeyError") < got["traceback"].index("ValueError: v")


def test_async_traceback_is_clean(py):
    got = py.error("async def f():\n    raise ValueError('v')\nawait f()")
    files = [line.split('"')[1] for line in got["traceback"].splitlines() if "File " in line]
    assert files == ["<cell 1>", "<cell 1>"]


def test_exception_group(py):
    if PYTHON_VERSION < (3, 11):
        pytest.skip("exception groups came with 3.11")
    got = py.error("raise ExceptionGroup('g', [ValueError('one'), TypeError('two')])")
    assert "ValueError: one" in got["traceback"] and "TypeError: two" in got["traceback"]


def test_syntax_error_runs_nothing(py):
    got = py.error("print('no')\nx = = 1")
    assert got["name"] == "SyntaxError"
    assert 'File "<cell 1>", line 2' in got["traceback"] and "x = = 1" in got["traceback"]
    assert py.error("print('no')\nreturn 5")["name"] == "SyntaxError"
    assert py.out(timeout=0.2) == ""


@pytest.mark.parametrize(
    "code, hint",
    [
        ("!ls", "terminal_execute"),
        ("%pip install x", "pip install"),
        ("x = 1\n!pip install x", "pip install"),
        ("pip install x", "terminal_execute"),
        ("%%time\n1", "magics"),
        ("!", "IPython"),
    ],
)
def test_magic_hints(py, code, hint):
    py.exec("import sys; sys.modules['IPython'] = None")
    got = py.error(code)
    assert got["name"] == "SyntaxError"
    assert hint in got["value"] and "Hint" in got["traceback"]


@pytest.mark.parametrize(
    "code, name",
    [
        ("def f(): return f()\nf()", "RecursionError"),
        ("def a(): b()\ndef b(): a()\na()", "RecursionError"),
        ("raise MemoryError", "MemoryError"),
        ("'x' * (1 << 62)", "MemoryError"),
        ("class E(Exception):\n    def __str__(self): 1/0\nraise E", "E"),
        ("class E(Exception):\n    def __repr__(self): 1/0\nraise E('v')", "E"),
        ("class E(Exception):\n    @property\n    def __class__(self): 1/0\nraise E('v')", "E"),
        ("class E(BaseException): pass\nraise E", "E"),
        ("class R:\n    def __repr__(self): raise KeyError('r')\nR()", "KeyError"),
        ("class R:\n    def __repr__(self): return 5\nR()", "TypeError"),
        ("raise SyntaxError('mine', ('<cell 9>', 'five', 1, ''))", "SyntaxError"),
        ("10 ** 5000", "ValueError"),
        ("x = '\0'", None),
        ("'" + "\ud800" + "'", "UnicodeEncodeError"),
        ("(" * 500, "SyntaxError"),
        ("-" * 100000 + "1", None),
        ("+".join(["1"] * 30000), None),
        ("raise GeneratorExit", "GeneratorExit"),
        ("exec('raise ValueError(1)')", "ValueError"),
        ("import json; json.loads('{')", "JSONDecodeError"),
        ("def g():\n  try: yield\n  finally: raise OSError\nx=g()\nnext(x); x.close()", "OSError"),
        ("x: int = 'unclosed", "SyntaxError"),
    ],
)
def test_odd_errors_do_not_end_the_runner(py, code, name):
    got = py.exec(code)
    if name is not None:
        assert got["error"]["name"] == name
    if got["error"] is not None:
        assert len(got["error"]["traceback"]) <= 10000
        assert len(got["error"]["value"]) <= 4000
    assert py.text("40 + 2") == "42"


def test_memory_limit(py):
    py.exec("import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, -1))")
    assert py.error("x = [0] * (1 << 30)")["name"] == "MemoryError"
    assert py.text("1") == "1"


def test_traceback_is_bounded(py):
    got = py.error("raise ValueError('m' * 1000000)")
    assert len(got["traceback"]) <= 10000 and len(got["value"]) <= 4000
    assert "characters cut" in got["value"]


@pytest.mark.parametrize("code", ["exit()", "import sys; sys.exit(0)", "quit(None)"])
def test_exit_zero_is_fine(py, code):
    assert py.exec(code + "\nprint('after')")["error"] is None
    assert py.text("'alive'") == "'alive'"
    assert py.out(timeout=0.2) == ""


def test_exit_codes(py):
    assert py.error("raise SystemExit(3)")["value"] == "3"
    assert py.error("import sys; sys.exit('why')")["value"] == "why"
    assert py.error("sys.exit(2)")["name"] == "SystemExit"
    assert py.text("'alive'") == "'alive'"


def test_os_exit_is_the_end(py):
    py.send("import os; os._exit(7)")
    with pytest.raises(EOFError):
        py.line()
    assert py.process.wait(5) == 7


def test_a_crash_says_where(py):
    py.send("import ctypes\nctypes.string_at(0)")
    with pytest.raises(EOFError):
        py.line()
    assert py.process.wait(5) == -signal.SIGSEGV
    assert 'File "<cell 1>", line 2' in py.err("<cell 1>")


def test_input(py):
    got = py.error("name = input('name? ')")
    assert (got["name"], got["value"]) == (
        "EOFError", "stdin is not connected; pass values in code",
    )
    assert py.text("import io, sys; sys.stdin = io.StringIO('a\\nb\\n'); input(), input()") == (
        "('a', 'b')"
    )
    assert py.text("sys.stdin = sys.__stdin__; sys.stdin.read()") == "''"


# interrupts


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import time; time.sleep(60)",
        "import asyncio; await asyncio.sleep(60)",
        "import asyncio\nasync def f():\n    while True: pass\nawait f()",
        "import threading; threading.Event().wait()",
        "import subprocess; subprocess.run(['sleep', '60'])",
        "class R:\n    def __repr__(self):\n        while True: pass\nR()",
        "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E",
        "import asyncio; asyncio.run(asyncio.sleep(60))",
    ],
)
def test_interrupt_keeps_state(py, code):
    py.exec("x = 42")
    sent = py.send(code)
    time.sleep(0.4)
    py.interrupt()
    got = py.answer(sent)
    if "class E" not in code:
        assert got["error"]["name"] == "KeyboardInterrupt"
        assert "/runner.py" not in got["error"]["traceback"]
    assert got["status"] == "error"
    assert py.text("x") == "42"


def test_interrupt_shows_where_a_coroutine_waits(py):
    sent = py.send("import asyncio\nasync def f():\n    await asyncio.sleep(60)\nawait f()")
    time.sleep(0.4)
    py.interrupt()
    trace = py.answer(sent)["error"]["traceback"]
    if PYTHON_VERSION >= (3, 11):  # before, asyncio does not tell
        assert "line 3, in f" in trace
    assert py.text("len(asyncio.all_tasks(asyncio.get_event_loop()))") == "0"


def test_interrupt_while_idle_is_ignored(py):
    py.exec("import asyncio; x = 1")
    for _ in range(20):
        py.interrupt()
        time.sleep(0.002)
    assert py.text("x") == "1"
    py.exec("await asyncio.sleep(0)")
    for _ in range(20):
        py.interrupt()
        time.sleep(0.002)
    assert py.text("x") == "1"


def test_interrupt_storm(py):
    """One answer per cell, whenever the signal comes."""
    import random

    for n in range(300):
        sent = py.send("n = %d\nn" % n)
        time.sleep(random.random() * 0.0006)
        py.interrupt()
        got = py.answer(sent)
        assert got["error"] is None or got["error"]["name"] == "KeyboardInterrupt"
    assert py.text("'alive'") == "'alive'"


def test_own_signal_handler_works_in_cells_only(py):
    py.exec("import signal, os; hits = []; signal.signal(2, lambda *_: hits.append(1))")
    py.interrupt()
    time.sleep(0.05)
    assert py.text("os.kill(os.getpid(), 2); hits") == "[1]"
    py.exec("signal.signal(2, signal.SIG_DFL)")
    py.interrupt()
    time.sleep(0.05)
    assert py.text("'alive'") == "'alive'"


def test_alarm_exception_while_idle(py):
    py.exec(
        "import signal\ndef late(*_): raise TimeoutError('late')\n"
        "signal.signal(signal.SIGALRM, late); _ = signal.setitimer(signal.ITIMER_REAL, 0.1)"
    )
    assert "TimeoutError: late" in py.err("TimeoutError: late")
    assert py.text("'alive'") == "'alive'"


# output


def test_output_is_flushed_before_the_answer(py):
    py.exec("import sys; sys.stdout.write('no newline'); sys.stderr.write('err')")
    assert py.out() == "no newline"
    assert py.err() == "err"


def test_large_output_is_complete(py):
    py.exec("for i in range(50000): print('%099d' % i)")
    out = py.out(until="%099d\n" % 49999, timeout=20)
    assert len(out) == 5000000
    assert out.splitlines() == ["%099d" % i for i in range(50000)]


def test_surrogates_and_nul(py):
    assert py.text("'\\ud800'") == "'\\ud800'"
    py.exec("class R:\n    def __repr__(self): return 'a\\ud800b\\0c\U0001f600'")
    assert py.text("R()") == "a\\ud800b\0c\U0001f600"
    assert py.error("raise ValueError('\\udcff')")["value"] == "\\udcff"
    py.exec("print('\\ud800', '\\0', '\\xe9')")
    assert py.out(until="\n") == "\\ud800 \0 \xe9\n"


def test_utf8_output_in_the_c_locale(start):
    runner = start("python", env={"LC_ALL": "C", "LANG": "C", "PYTHONIOENCODING": "ascii"})
    assert runner.text("print('\xe9\u4e2d'); '\xe9'") == "'\xe9'"
    assert runner.out(until="\n") == "\xe9\u4e2d\n"


@pytest.mark.parametrize(
    "code",
    [
        "import io, sys; sys.stdout = io.StringIO()\nsys.stdout = None",
        "import sys\nwith open('f', 'w') as sys.stdout: print('to the file')",
        "import sys; sys.stdout.close(); sys.stderr.close()",
        "import os; os.close(1); os.close(2)",
        "import os; os.closerange(3, 512)",
        "import os; os.closerange(0, 512)",
        "import os; os.closerange(3, 1024)",
        "import sys\nclass W:\n    def write(self, s): 1/0\n    def flush(self): raise KeyError\n"
        "sys.stdout = W(); sys.stdout = sys.__stdout__",
        "del __builtins__",
        "__builtins__ = None",
        "import builtins; del builtins.len, builtins.isinstance, builtins.getattr",
        "import builtins; builtins.str = builtins.repr = builtins.open = None",
        "len = str = repr = type = print_ = None; del len, str, repr, type",
        "import sys; sys.setrecursionlimit(40)",
        "import os; os.read = os.write = os.getpid = None",
        "import sys; del sys.modules['__main__']",
        "import sys; sys.displayhook = sys.excepthook = None",
        "import json; json.JSONEncoder = json.dumps = None",
        "import linecache; linecache.clearcache()",
        "import os; os.makedirs('gone'); os.chdir('gone'); os.rmdir('../gone')",
        "globals().clear()",
        "import asyncio; asyncio.get_event_loop_policy(); l = asyncio.new_event_loop(); l.close()",
        "import sys; sys.path = None",
        "import gc; gc.disable(); gc.freeze()",
    ],
)
def test_accidents(py, code):
    py.exec(code)
    assert py.exec("40 + 2")["text"] == "42"
    py.out(timeout=0.05)
    py.exec("print('still printed')")
    assert "still printed" in py.out(until="printed\n")
    assert py.exec("1/0")["error"]["name"] == "ZeroDivisionError"


def test_replaced_stdout_is_tolerated(py):
    py.exec("import io, sys; sys.stdout = buffer = io.StringIO(); print('caught')")
    assert py.text("buffer.getvalue()") == "'caught\\n'"
    py.exec("sys.stdout = sys.__stdout__; print('back')")
    assert py.out(until="\n") == "back\n"


# processes


def test_children_get_no_protocol_descriptor(py):
    py.exec("import subprocess\nsubprocess.run(['ls', '-l', '/proc/self/fd'], close_fds=False)")
    listed = [line.split()[-3:] for line in py.out().splitlines() if "->" in line]
    assert {int(fd) for fd, _, _ in listed} <= {0, 1, 2, 3}
    assert "pipe:" not in " ".join(target for fd, _, target in listed if int(fd) > 2)


def test_few_descriptors(start, tmp_path):
    wrapper = tmp_path / "limited"
    wrapper.write_text('#!/bin/sh\nulimit -n 64\nexec %s "$@"\n' % PYTHON)
    wrapper.chmod(0o755)
    runner = start("python", program=str(wrapper))
    assert runner.text("import os, subprocess; os.fork() or os._exit(0); 1") == "1"
    runner.exec("subprocess.run(['echo', 'from a child'])")
    assert runner.out(until="\n") == "from a child\n"
    runner.exec("os.close(1)")
    assert runner.text("2") == "2"


def test_a_forked_child_cannot_answer(py):
    code = "import os, sys\npid = os.fork()\nprint('child' if pid == 0 else 'parent')\npid == 0"
    for _ in range(20):
        assert py.exec(code)["text"] == "False"
    assert py.text("len([os.wait() for _ in range(20)])") == "20"
    assert py.text("os.path.basename('/a/b')") == "'b'"


@pytest.mark.parametrize(
    "ending, status",
    [("pass", 0), ("sys.exit(5)", 5), ("sys.exit()", 0), ("1 / 0", 1), ("os._exit(9)", 9)],
)
def test_exit_status_of_a_forked_child(py, ending, status):
    py.exec("import os, sys")
    assert py.text(
        "child = os.fork()\nif child:\n    _, code = os.waitpid(child, 0)\n"
        "else:\n    %s\ncode = os.waitstatus_to_exitcode(code) if child else None\ncode" % ending
    ) == str(status)


def test_a_lingering_child_does_not_hold_the_protocol(py):
    py.exec("import os, time\nif os.fork() == 0:\n    time.sleep(3); os._exit(0)")
    py.send("os._exit(0)")
    began = time.monotonic()
    with pytest.raises(EOFError):
        py.line()
    assert time.monotonic() - began < 2


def test_multiprocessing(py, tmp_path):
    py.exec("import multiprocessing as mp\ndef sq(x): return x * x")
    assert py.text("with mp.get_context('fork').Pool(2) as p: r = p.map(sq, [1, 2, 3])\nr") == (
        "[1, 4, 9]"
    )
    (tmp_path / "work.py").write_text("def cube(x): return x ** 3")
    assert py.text(
        "import work\nwith mp.get_context('spawn').Pool(1) as p: r = p.map(work.cube, [2])\nr"
    ) == "[8]"
    assert py.text(
        "from concurrent.futures import ProcessPoolExecutor\n"
        "with ProcessPoolExecutor(1, mp.get_context('fork')) as e: r = list(e.map(sq, [5]))\nr"
    ) == "[25]"


# results


def test_long_repr_is_cut(py):
    py.exec("class S:\n    def __repr__(self): return '\\ud800' * 100000")
    assert len(py.exec("S()")["text"]) == 100000
    got = py.exec("'x' * 200000")
    assert len(got["text"]) == 100000 and got["text_truncated"] is True
    assert "text_truncated" not in py.exec("1")


def test_display(py):
    got = py.exec("display(5, 'a'); display([1])")
    assert got["results"] == [
        {"mime": "text/plain", "data": "5"},
        {"mime": "text/plain", "data": "'a'"},
        {"mime": "text/plain", "data": "[1]"},
    ]
    assert py.exec("1")["results"] == []


def test_rich_representations(py):
    py.exec(
        "import base64\nclass Rich:\n"
        "    def __repr__(self): return 'plain'\n"
        "    def _repr_html_(self): return '<b>h</b>'\n"
        "    def _repr_svg_(self): return '<svg/>'\n"
        "    def _repr_markdown_(self): return '*m*', {'meta': 1}\n"
        "    def _repr_latex_(self): return None\n"
        "    def _repr_json_(self): return {'a': [1]}\n"
        "    def _repr_jpeg_(self): raise ValueError\n"
        "    def _repr_png_(self): return base64.b64decode('%s')\n" % PNG
    )
    got = py.exec("Rich()")
    assert got["text"] == "plain"
    assert {r["mime"]: r["data"] for r in got["results"]} == {
        "text/html": "<b>h</b>", "image/svg+xml": "<svg/>", "text/markdown": "*m*",
        "application/json": '{"a": [1]}', "image/png": PNG,
    }
    assert py.exec("Rich")["results"] == []
    shown = [r["mime"] for r in py.exec("display(Rich()); 1")["results"]]
    assert "text/plain" in shown and "image/png" in shown


def test_mimebundle(py):
    py.exec(
        "class B:\n    def _repr_mimebundle_(self, include=None, exclude=None):\n"
        "        return {'text/plain': 'p', 'image/png': '%s\\n', 'x/y': {'k': 1},\n"
        "            'image/gif': 'n\xf6t base64!', 'application/pdf': memoryview(b'pdf')}, {}" % PNG
    )
    got = py.exec("B()")
    assert got["text"] == "p"
    assert {r["mime"]: r["data"] for r in got["results"]} == {
        "image/png": PNG, "x/y": '{"k": 1}', "image/gif": "", "application/pdf": "cGRm",
    }
    odd = py.exec("class B:\n    def _repr_mimebundle_(self): return {5: 1, 'm' * 300: 'x'}\nB()")
    assert [len(r["mime"]) for r in odd["results"]] == [1, 100]


def test_results_are_bounded(py):
    py.exec(
        "class H:\n    def __init__(self, n): self.n = n\n"
        "    def _repr_html_(self): return '\xe9' * self.n"
    )
    big = py.exec("H(2 << 20)")["results"][0]
    assert len(big["data"].encode()) <= 1 << 20 and big["truncated"] is True
    many = py.exec("for _ in range(20): display(H(1 << 19))")
    assert any(r.get("truncated") for r in many["results"])
    assert "results_dropped" in py.exec("for _ in range(1000): display(1)")
    worst = py.exec("display(*['\\x00' * 100000] * 500); '\\x00' * 100000")
    assert len(json.dumps(worst, ensure_ascii=False)) < 8 << 20
    png = py.exec(
        "class P:\n    def _repr_png_(self): return bytes(6 << 20)\nP()"
    )["results"][0]
    assert png == {"mime": "image/png", "data": "", "truncated": True}
    png = py.exec("class P:\n    def _repr_png_(self): return bytes(3 << 20)\nP()")["results"][0]
    assert base64.b64decode(png["data"]) == bytes(3 << 20)


CHART = "application/vnd.sandbox-mcp.chart+json"
FAKE_PYPLOT = """
from matplotlib.figure import Figure
figures = {}
def figure(n=None):
    n = n or len(figures) + 1
    return figures.setdefault(n, Figure(n))
def get_fignums(): return list(figures)
def close(which):
    if which == 'all': figures.clear()
    else:
        for n, f in list(figures.items()):
            if f is which: del figures[n]
"""


def test_open_figures_are_captured_and_closed(py, tmp_path):
    (tmp_path / "matplotlib").mkdir()
    (tmp_path / "matplotlib" / "__init__.py").write_text("")
    (tmp_path / "matplotlib" / "figure.py").write_text(
        "class Figure:\n    def __init__(self, n): self.n = n\n"
        "    def savefig(self, out, format, bbox_inches):\n"
        "        if self.n == 13: raise ValueError('unlucky')\n"
        "        out.write(b'png %d' % self.n)\n"
    )
    (tmp_path / "matplotlib" / "pyplot.py").write_text(FAKE_PYPLOT)

    def shown(code):
        return [base64.b64decode(r["data"]) for r in py.exec(code)["results"]]

    py.exec("import matplotlib.pyplot as plt")
    assert shown("plt.figure(); plt.figure(); None") == [b"png 1", b"png 2"]
    assert shown("None") == []
    assert shown("plt.figure(3)") == [b"png 3"]
    assert shown("plt.figure(4)\n1/0") == [b"png 4"]
    assert py.error("plt.figure(13); None")["value"] == "unlucky"
    assert shown("None") == []


def test_real_matplotlib(py):
    if py.exec("import matplotlib.pyplot as plt")["error"]:
        pytest.skip("no matplotlib")
    got = py.exec("plt.plot([1, 2]); plt.show()")
    assert [r["mime"] for r in got["results"]] == ["image/png", CHART]
    assert base64.b64decode(got["results"][0]["data"]).startswith(b"\x89PNG")
    assert py.exec("fig, ax = plt.subplots(); fig")["results"][0]["mime"] == "image/png"
    assert py.exec("1")["results"] == []
    assert py.text("import matplotlib; matplotlib.get_backend().lower()") == "'agg'"
    assert "non-interactive" not in py.err(timeout=0.2)


def test_real_pillow_and_pandas(py):
    if py.exec("import PIL.Image, pandas")["error"]:
        pytest.skip("no pillow or pandas")
    got = py.exec("PIL.Image.new('RGB', (4, 4))")
    assert [r["mime"] for r in got["results"] if r["mime"] == "image/png"] == ["image/png"]
    got = py.exec("pandas.DataFrame({'a': [1, 2]})")
    assert "a" in got["text"] and got["results"][0]["mime"] == "text/html"


# speed: printed, not judged


def test_speed(start):
    began = time.perf_counter()
    runner = start("python")
    started = time.perf_counter() - began
    began = time.perf_counter()
    for n in range(1000):
        assert runner.text("%d + 1" % n) == str(n + 1)
    cell = (time.perf_counter() - began) / 1000
    runner.exec("import asyncio; await asyncio.sleep(0)")
    began = time.perf_counter()
    for n in range(1000):
        runner.exec("x = %d" % n)
    print(
        "\npython: start %.1f ms, warm cell %.3f ms, with an asyncio loop %.3f ms"
        % (started * 1e3, cell * 1e3, (time.perf_counter() - began))
    )


def test_created_files_are_listed(py):
    with tempfile.TemporaryDirectory(dir="/var/tmp") as home:
        os.mknod(os.path.join(home, "old"))
        cell = py.exec(
            "import os, subprocess\n"
            "open('new', 'w').close(); open('old', 'a').close(); os.rename('old', 'moved')\n"
            "open('gone', 'w').close(); os.unlink('gone')\n"
            "open('/tmp/x', 'w').close(); os.unlink('/tmp/x')\n"
            "subprocess.run(['touch', 'by-a-program']); os.mkdir('.cache')\n"
            "open('.cache/x', 'w').close(); subprocess.run(['touch', '.cache/y'])\n"
            "None",
            cwd=home,
        )
        assert cell["status"] == "ok"
        assert cell["files"] == [os.path.join(home, name)
                                 for name in ("new", "moved", "by-a-program")]
        assert "files" not in py.exec("open('new').close()")
        assert py.exec("import os; os.chdir('/')")["status"] == "ok"
