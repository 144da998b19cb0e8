"""Cells of code through the Python SDK."""

import time

import pytest

from conform.checks import PICTURE, PNG, running
from conform.clients import wait_until
from conform.session import field, section
from lib.protocol import text


@pytest.fixture
def client(connect):
    return connect("python", "stdio")


def value(client, code, **more):
    """The last expression's value of a cell."""
    return section(client.text("code_execute", code=code, **more), "result").rstrip("\n")


def test_python_lives_on_between_cells(client):
    client.text("code_execute", code="""
import socket, threading, time
server = socket.create_server(("127.0.0.1", 0))
received, ticks = [], 0
def serve():
    peer, _ = server.accept()
    while data := peer.recv(100):
        received.append(data)
def tick():
    global ticks
    while True:
        ticks += 1
        time.sleep(0.01)
for each in serve, tick:
    threading.Thread(target=each, daemon=True).start()
peer = socket.create_connection(server.getsockname())
""")
    client.text("code_execute", code="peer.sendall(b'two'); before = ticks")
    client.text("code_execute", code="import math; time.sleep(0.05)")
    client.text("code_execute", code="peer.sendall(b'four'); time.sleep(0.05)")
    assert value(client, "(b''.join(received), ticks > before, threading.active_count())") == \
        "(b'twofour', True, 3)"


def test_python_values_output_and_errors(client):
    said = client.text("code_execute", code=(
        "import sys\nprint('out')\nprint('err', file=sys.stderr)\n[n * n for n in range(5)]"))
    assert section(said, "stdout") == "out\n" and section(said, "stderr") == "err\n"
    assert section(said, "result") == "[0, 1, 4, 9, 16]\n"
    said = client.text("code_execute", code="def f():\n    return 1 / 0\nf()")
    assert said.startswith("error ") and "ZeroDivisionError: division by zero" in said
    assert "line 2, in f" in said
    assert "SyntaxError" in client.text("code_execute", code="def")
    assert "EOF" in client.text("code_execute", code="input()")
    assert "SystemExit: 3" in client.text("code_execute", code="raise SystemExit(3)")
    assert value(client, "f.__name__") == "'f'"


def test_a_throw_away_context_and_named_ones(client):
    client.text("code_execute", code="x = 1")
    assert "NameError" in client.text("code_execute", code="x", context_id="new")
    assert value(client, "x") == "1"


def test_pictures(client):
    result = client.call("code_execute", code=PICTURE)
    assert [b["data"] for b in result["content"] if b["type"] == "image"] == [PNG]
    client.text("code_execute", code="from base64 import b64decode\n"
                                     f"open('p.png', 'wb').write(b64decode('{PNG}'))")
    result = client.call("file_read", path="p.png")
    assert [(b["mimeType"], b["data"]) for b in result["content"] if b["type"] == "image"] == [
        ("image/png", PNG)]


def test_javascript(client):
    client.text("code_execute", language="javascript",
                code="let n = 1; const later = []; setInterval(() => later.push(n++), 10);")
    time.sleep(0.1)
    assert int(value(client, "later.length", language="javascript")) > 2
    assert value(client, "await Promise.resolve({a: [1, 2]})", language="javascript") == \
        "{ a: [ 1, 2 ] }"
    assert "ReferenceError" in client.text("code_execute", language="javascript", code="nothing")
    assert value(client, "process.version", language="javascript").startswith("'v")


def test_bash(client):
    client.text("code_execute", language="bash", code="cd /tmp; A=1")
    assert section(client.text("code_execute", language="bash", code="pwd; echo $A"),
                   "stdout") == "/tmp\n1\n"


def test_a_cell_that_takes_too_long(client):
    seconds = f"3603.{time.time_ns() % 10**9:09}"
    said = client.text("code_execute", timeout_s=0.7, code=(
        f"import subprocess; kept = 1; print('begun'); subprocess.run(['sleep', '{seconds}'])"))
    assert said.startswith("timed out ") and "begun" in said
    wait_until(lambda: not running("sleep", seconds), what="no sleep left")
    assert "42" in client.text("code_execute", code="6 * 7")


def test_a_cell_that_yields(client):
    result = client.call("code_execute", yield_s=0.3, code=(
        "import time\nfor i in range(4):\n  print(i)\n  time.sleep(0.3)\n'end'"))
    assert field(result, "status") == "running"
    said = text(result)
    for _ in range(10):
        result = client.call("terminal_output", process_id=field(result, "process_id"), wait_s=5,
                             cursor=field(result, "cursor"))
        said += text(result)
        if field(result, "status") != "running":
            break
    assert "\n3\n" in said and "end" in said


def test_an_interpreter_that_dies(client):
    client.text("code_execute", code="x = 1")
    said = client.text("code_execute", code="import os; os._exit(7)")
    assert said.startswith("error ") and "exit status 7" in said and "lost" in said
    assert "NameError" in client.text("code_execute", code="x")
    said = client.text("code_execute", code="import os; os.kill(os.getpid(), 9)")
    assert said.startswith("error ") and "signal 9" in said
    assert value(client, "1 + 1") == "2"
    said = client.text("code_execute", code="import os\nos.fork() or os._exit(0)\nos.wait()[1]")
    assert section(said, "result") == "0\n"
