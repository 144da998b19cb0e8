"""The stdio transport, as a client sees it: a thin raw one."""

import json
import os
import resource
import signal
import socket
import subprocess
import threading
import time

import pytest

from lib import processes, protocol

MB = 1024 * 1024


@pytest.fixture
def fake(start_stdio):
    return start_stdio("--backend", "fake")


def memory(pid):
    """Resident bytes that are the process's own; a sanitizer's are let pass."""
    with open(f"/proc/{pid}/exe", "rb") as f:
        program = f.read()
    if any(name in program for name in (b"__asan_init", b"__tsan_init")):
        return 0
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return sum(int(line.split()[1]) * 1024 for line in f if line.startswith("Private"))


def call(id, command, **more):
    return protocol.request(id, "tools/call", {
        "name": "terminal_execute", "arguments": {"command": command, **more}})


def drain(fd, into):
    while data := os.read(fd, MB):
        into.append(data)


def test_interleaved_requests_get_their_own_answers(fake):
    for i in range(100):
        fake.send(call(i, f"echo number {i}") if i % 2 else call(i, "sleep 0.05"))
        fake.send(protocol.request(f"p{i}", "ping", modern=False))
    answers = {}
    while len(answers) < 200:
        message = fake.recv()
        assert message["id"] not in answers
        answers[message["id"]] = message
    for i in range(100):
        assert answers[f"p{i}"]["result"] == {}
        said = protocol.text(answers[i]["result"])
        assert f"number {i}\n" in said if i % 2 else said.startswith("exit 0")


def test_a_hundred_calls_run_at_once(fake):
    started = time.monotonic()
    for i in range(100):
        fake.send(call(i, "sleep 1"))
    assert {fake.recv()["id"] for _ in range(100)} == set(range(100))
    assert time.monotonic() - started < 5


def test_ping_is_answered_while_a_call_runs(fake):
    fake.initialize()
    running = fake.start("tools/call", {"name": "terminal_execute",
                                        "arguments": {"command": "sleep 2"}})
    for _ in range(20):
        started = time.monotonic()
        assert fake.result("ping", timeout=1) == {}
        assert time.monotonic() - started < 0.5
    assert protocol.text(fake.response(running)["result"]).startswith("exit 0")


def test_a_cancelled_call_is_never_answered(fake):
    fake.send(call(1, "hang"))
    time.sleep(0.1)
    fake.notify("notifications/cancelled", {"requestId": 1, "reason": "test"})
    assert fake.request("server/discover")["id"] == 1
    with pytest.raises(TimeoutError):
        fake.recv(timeout=0.5)


def test_the_end_of_input_ends_what_runs(fake):
    for i in range(20):
        fake.send(call(i, "hang"))
    fake.send(protocol.request("last", "server/discover"))
    assert fake.recv()["id"] == "last"
    started = time.monotonic()
    assert fake.close() == 0
    assert time.monotonic() - started < 2
    with pytest.raises(EOFError):
        fake.recv()


@pytest.mark.parametrize("end", ["close", "terminate", "kill"])
def test_nothing_that_runs_in_a_sandbox_outlives_it(stdio, end):
    """Commands, their children, daemons of theirs and what was left in the background."""
    left = stdio.call("terminal_execute", command="sleep 1000", yield_s=0)
    assert left["_meta"]["sandbox-mcp/status"] == "running"
    for command in ("sleep 1000", "sleep 1000 & sleep 1000", "(setsid sleep 1000 &); sleep 1000"):
        stdio.start("tools/call", {"name": "terminal_execute", "arguments": {"command": command}})
    until = time.monotonic() + 10
    while len(below := processes.descendants(stdio.pid)) < 8:
        assert time.monotonic() < until
        time.sleep(0.02)
    if end == "kill":
        stdio.kill()
        processes.assert_gone(below)
    else:
        assert getattr(stdio, end)() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_like_the_end_of_input(fake, number):
    fake.send(call(1, "hang"))
    fake.send(protocol.request(2, "server/discover"))
    assert fake.recv()["id"] == 2
    fake.process.send_signal(number)
    assert fake.process.wait(5) == 0
    with pytest.raises(EOFError):
        fake.recv()


def test_a_last_line_without_an_end_is_a_message(fake):
    fake.send_raw(json.dumps(protocol.request(1, "server/discover")).encode())
    fake.process.stdin.close()
    assert fake.recv()["id"] == 1
    assert fake.process.wait(5) == 0


def test_lines_arrive_in_any_pieces(fake):
    line = json.dumps(call(1, "echo pieces")).encode() + b"\n"
    for i in range(len(line)):
        fake.send_raw(line[i:i + 1])
    assert "pieces" in protocol.text(fake.recv()["result"])
    many = b"".join(json.dumps(protocol.request(i, "ping", modern=False)).encode() + b"\r\n\n"
                    for i in range(1000))
    writer = threading.Thread(target=fake.send_raw, args=(many,))
    writer.start()
    assert [fake.recv()["id"] for _ in range(1000)] == list(range(1000))
    writer.join()


def test_a_large_message_is_judged_like_any(fake):
    """12 MB are within the bound of a message, beyond that of a tool's argument."""
    fake.send(protocol.request(1, "tools/call", {
        "name": "file_write", "arguments": {"path": "a", "content": "x" * (12 * MB)}}))
    result = fake.recv()["result"]
    assert result["isError"] and result["_meta"]["sandbox-mcp/code"] == "invalid_argument"
    assert len(protocol.text(result)) < 4096
    assert "still here" in protocol.text(fake.call("terminal_execute", command="echo still here"))


def test_a_large_argument_is_kept_whole(fake):
    content = "".join(f"line {i}\n" for i in range(300000))
    written = fake.call("file_write", path="big.txt", content=content)
    assert written["structuredContent"]["bytes_written"] == len(content)
    tail = fake.call("file_read", path="big.txt", offset=-1)
    assert "line 299999" in protocol.text(tail)


@pytest.mark.parametrize("size", [16 * MB + 1, 40 * MB])
def test_a_line_over_the_bound_is_refused_and_skipped(fake, size):
    fake.send_raw(b'{"jsonrpc":"2.0","id":1,"method":"' + b"x" * size)
    refusal = fake.recv()
    assert "id" not in refusal and refusal["error"]["code"] == -32600
    fake.send_raw(b'"}\n')
    assert "x" in protocol.text(fake.call("terminal_execute", command="echo x"))
    assert fake.notifications == [] and memory(fake.pid) < 60 * MB


def test_the_bound_of_a_line_is_exact(fake):
    head, tail = b'{"jsonrpc":"2.0","id":1,"method":"ping","x":"', b'"}'
    fits = 16 * MB - len(head) - len(tail)
    fake.send_raw(head + b"x" * fits + tail + b"\n")
    assert fake.recv() == {"jsonrpc": "2.0", "id": 1, "result": {}}
    fake.send_raw(head + b"x" * (fits + 1) + tail + b"\n")
    assert fake.recv()["error"]["code"] == -32600


def test_every_line_on_stdout_is_a_message(fake):
    fake.initialize()
    for raw in (b"nonsense\n", b"\xff\xfe\n", b"[]\n", b"{}\n", b"\x00\n"):
        fake.send_raw(raw)
        assert fake.recv()["error"]["code"] in (-32700, -32600)
    for name in ("terminal_execute", "file_read", "file_list", "sandbox_info", "code_execute"):
        answer = fake.request("tools/call", {"name": name, "arguments": {}})
        assert "result" in answer
    assert fake.close() == 0
    with pytest.raises(EOFError):
        fake.recv()


def test_nothing_else_reaches_the_protocols_descriptors(fake):
    fake.request("server/discover")
    found = processes.descriptors(fake.pid)
    stdin, stdout = (os.readlink(f"/proc/self/fd/{f.fileno()}")
                     for f in (fake.process.stdin, fake.process.stdout))
    assert found[0] == "/dev/null" and found[1] == found[2]
    for fd, what in found.items():
        if what in (stdin, stdout):
            with open(f"/proc/{fake.pid}/fdinfo/{fd}") as f:
                flags = next(line.split()[1] for line in f if line.startswith("flags"))
            assert int(flags, 8) & os.O_CLOEXEC


class Raw:
    """A server whose output nobody reads until asked."""

    def __init__(self, binary, *args):
        self.process = subprocess.Popen([binary, "--backend", "fake", *args],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.process.pid
        os.set_blocking(self.process.stdin.fileno(), False)

    def feed(self, data, seconds):
        """Writes what is taken in that time; returns what is left."""
        until = time.monotonic() + seconds
        while data and time.monotonic() < until:
            try:
                data = data[os.write(self.process.stdin.fileno(), data):]
                until = time.monotonic() + seconds
            except BlockingIOError:
                time.sleep(0.01)
        return data


@pytest.fixture
def raw(binary):
    server = Raw(binary)
    yield server
    if server.process.poll() is None:
        server.process.kill()
    server.process.wait()


def test_a_client_that_only_writes_is_read_on(raw):
    """50 MB of input while nothing of the output is taken: no deadlock, bounded memory."""
    line = json.dumps(call(0, "cat", stdin="y" * 48000, max_bytes=49000)).encode()
    n = 50 * MB // len(line)
    sent = b"".join(line.replace(b'"id": 0', b'"id": %d' % i) + b"\n" for i in range(n))
    assert raw.feed(sent, 5) == b""
    assert memory(raw.pid) < 200 * MB
    got = []
    reader = threading.Thread(target=drain, args=(raw.process.stdout.fileno(), got))
    reader.start()
    os.set_blocking(raw.process.stdin.fileno(), True)
    until = time.monotonic() + 30
    while b"".join(got[-2:]).count(b"\n") == 0 or sum(d.count(b"\n") for d in got) < n:
        assert time.monotonic() < until
        time.sleep(0.02)
    raw.process.stdin.close()
    assert raw.process.wait(10) == 0
    reader.join()
    answers = [json.loads(line) for line in b"".join(got).splitlines()]
    assert sorted(a["id"] for a in answers) == list(range(n))


def test_beyond_the_queue_input_waits_and_memory_is_bounded(raw):
    """Some 4 MB of questions with 900 MB of answers."""
    line = json.dumps(protocol.request(0, "tools/list", modern=False)).encode() + b"\n"
    sent = line * (4 * MB // len(line))
    left = raw.feed(sent, 2)
    assert left
    assert memory(raw.pid) < 120 * MB
    got = 0
    os.set_blocking(raw.process.stdout.fileno(), False)
    until = time.monotonic() + 60
    while left:
        assert time.monotonic() < until
        left = raw.feed(left, 0.001)
        try:
            got += len(os.read(raw.process.stdout.fileno(), MB))
        except BlockingIOError:
            pass
    assert got > 200 * MB and memory(raw.pid) < 120 * MB


LISTS = json.dumps(protocol.request(0, "tools/list", modern=False)).encode() + b"\n"


@pytest.mark.parametrize("sent", [
    LISTS * (4 * MB // len(LISTS)),
    b"".join(json.dumps(call(i, "cat", stdin="y" * 48000, max_bytes=49000)).encode() + b"\n"
             for i in range(2000)),
], ids=["lists", "calls"])
def test_a_signal_ends_it_although_its_output_is_not_taken(raw, sent):
    assert raw.feed(sent, 1)
    started = time.monotonic()
    raw.process.send_signal(signal.SIGTERM)
    assert raw.process.wait(10) == 0
    assert time.monotonic() - started < 6


def test_a_client_that_closes_its_end_ends_it(raw):
    raw.feed(json.dumps(call(1, "hang")).encode() + b"\n", 1)
    raw.process.stdout.close()
    assert raw.process.wait(5) == 0


def serve_on(binary, stdin, stdout):
    return subprocess.Popen([binary, "--backend", "fake"], stdin=stdin, stdout=stdout)


def test_one_socket_may_be_both_ends(binary):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        server = serve_on(binary, theirs, theirs)
        theirs.close()
        ours.sendall(json.dumps(call(1, "print 20000")).encode() + b"\n")
        stream = ours.makefile("rb")
        assert json.loads(stream.readline())["id"] == 1
        ours.shutdown(socket.SHUT_WR)
        assert stream.read() == b""
        assert server.wait(5) == 0


def test_files_may_be_both_ends(binary, tmp_path):
    asked, said = tmp_path / "in", tmp_path / "out"
    asked.write_text("".join(json.dumps(protocol.request(i, "tools/list", modern=False)) + "\n"
                             for i in range(500)))
    with open(asked) as stdin, open(said, "w") as stdout:
        assert serve_on(binary, stdin, stdout).wait(10) == 0
    assert [json.loads(line)["id"] for line in said.open()] == list(range(500))


def test_a_terminal_may_be_both_ends(binary):
    ours, theirs = os.openpty()
    server = serve_on(binary, theirs, theirs)
    os.close(theirs)
    os.write(ours, json.dumps(protocol.request(7, "ping", modern=False)).encode() + b"\n")
    seen = b""
    while b'"result":{}' not in seen:
        seen += os.read(ours, 65536)
    os.close(ours)
    assert server.wait(5) == 0


def test_flags_that_others_share_are_left_alone(binary):
    """The descriptors may be inherited by other programs, which do not expect O_NONBLOCK."""
    reader, writer = os.pipe()
    out_reader, out_writer = os.pipe()
    server = serve_on(binary, reader, out_writer)
    os.write(writer, json.dumps(protocol.request(7, "ping", modern=False)).encode() + b"\n")
    assert json.loads(os.read(out_reader, 65536))["id"] == 7
    assert os.get_blocking(reader) and os.get_blocking(out_writer)
    for fd in (reader, writer, out_writer):
        os.close(fd)
    assert server.wait(5) == 0
    os.close(out_reader)


def test_many_calls_leave_no_descriptor_and_no_thread(fake):
    for round in range(3):
        for i in range(200):
            fake.send(call(i, "sleep 0.02"))
        assert len({fake.recv()["id"] for _ in range(200)}) == 200
        if not round:
            before = len(processes.descriptors(fake.pid))
    assert len(processes.descriptors(fake.pid)) <= before + 8
    assert before < 200


def test_it_works_with_few_descriptors(binary):
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))

    server = subprocess.Popen([binary, "--backend", "fake"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, preexec_fn=few)
    for i in range(40):
        server.stdin.write(json.dumps(call(i, "sleep 0.2")).encode() + b"\n")
    server.stdin.flush()
    answers = [json.loads(server.stdout.readline()) for _ in range(40)]
    assert {a["id"] for a in answers} == set(range(40))
    assert any("result" in a for a in answers)
    for a in answers:
        assert "result" in a or a["error"]["code"] == -32603
    server.stdin.write(json.dumps(call("later", "echo x")).encode() + b"\n")
    server.stdin.close()
    server.wait(5)
