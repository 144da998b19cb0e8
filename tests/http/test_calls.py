"""Calls that run: JSON or a stream, clients that leave, many at once, the end of the server."""

import json
import re
import resource
import signal
import socket
import struct
import subprocess
import threading
import time
from http.client import HTTPConnection

import pytest

from lib import protocol
from lib.processes import descriptors

DISCOVER = protocol.request(1, "server/discover")


def test_a_call_is_answered_with_json(fake, execute):
    answer = fake.post(execute("echo hi"))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert "hi" in protocol.text(answer.json["result"])


def test_a_waiting_call_is_answered_with_json(fake, execute):
    answer = fake.post(execute("sleep 0.2"))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")


def test_progress_makes_a_stream(fake, execute):
    answer = fake.post(execute("sleep 2.5", progressToken="t"))
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    assert answer.headers["cache-control"] == "no-cache, no-transform"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["connection"].lower() == "keep-alive"
    *progress, last = answer.messages
    assert last["id"] == 1 and last["result"]
    assert len(progress) >= 1
    values = [p["params"]["progress"] for p in progress]
    assert values == sorted(set(values))
    for event in answer.body.decode().split("\n\n")[:-1]:
        lines = event.split("\n")
        assert lines[0] == "event: message" and lines[1].startswith("data: {") and len(lines) == 2


def test_a_client_without_streams_gets_json_in_spite_of_a_token(fake, execute):
    answer = fake.post(execute("sleep 1.2", progressToken="t"), Accept="application/json")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")


def test_a_client_that_only_takes_streams_gets_one(fake, execute):
    answer = fake.post(execute("sleep 0.1"), Accept="text/event-stream")
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.messages[0]["result"]


def test_legacy_calls_stream_too(legacy, execute):
    answer = legacy.post(execute("sleep 1.5", modern=False, progressToken=7))
    assert answer.headers["content-type"] == "text/event-stream"
    assert [m["params"]["progressToken"] for m in answer.messages[:-1]] == [7]


def test_the_connection_serves_on_after_a_stream(connect, execute):
    raw = connect()
    for i in range(3):
        raw.post(execute("sleep 0.1", id=i, progressToken=i))
        status, headers, body = raw.answer()
        assert (status, headers["content-type"]) == (200, "text/event-stream")
        assert json.loads(body.split(b"data: ")[-1])["id"] == i


@pytest.mark.parametrize("how", ["close", "reset", "half"])
@pytest.mark.parametrize("modern,stream", [(True, False), (True, True), (False, False)])
def test_a_client_that_leaves_ends_its_call(fake, connect, start_legacy, execute, finished, how,
                                            stream, modern):
    session = {} if modern else {"Mcp_Session_Id": start_legacy().id}
    raw = connect()
    raw.post(execute("sleep 20", modern=modern, **({"progressToken": 1} if stream else {})),
             **session)
    time.sleep(0.3)
    start = time.monotonic()
    if how == "reset":
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if how == "half":
        raw.socket.shutdown(1)
    else:
        raw.close()
    assert finished(1)[0] < 2000
    assert time.monotonic() - start < 1
    if how == "half":
        assert raw.closed()


def test_a_client_that_left_before_its_call_waits_ends_it(fake, connect, execute, finished):
    for _ in range(20):
        raw = connect()
        raw.post(execute("sleep 20"))
        raw.close()
    assert max(finished(20)) < 2000


def test_the_id_of_a_call_whose_client_left_may_come_again(connect, execute, finished):
    for i in range(5):
        raw = connect()
        raw.post(execute("sleep 20", id="same"))
        time.sleep(0.05)
        raw.close()
        finished(i + 1)


def test_many_connections_at_once(fake, connect):
    raws = [connect() for _ in range(300)]
    for raw in raws:
        raw.post(DISCOVER)
    assert all(raw.answer()[0] == 200 for raw in raws)
    for raw in reversed(raws):
        raw.post(DISCOVER)
    assert all(raw.answer()[0] == 200 for raw in raws)


def pings(server, legacy, seconds):
    """How long each one took, on one connection."""
    connection = HTTPConnection("127.0.0.1", server.port)
    body = json.dumps(protocol.request(1, "ping", modern=False))
    took, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        start = time.monotonic()
        connection.request("POST", "/mcp", body, legacy.headers())
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b'{"jsonrpc":"2.0","id":1,"result":{}}')
        took.append(time.monotonic() - start)
        time.sleep(0.005)
    connection.close()
    return sorted(took)


@pytest.mark.slow
def test_500_calls_in_flight_do_not_slow_a_ping(start_fake, connect_to, start_session, execute):
    fake = start_fake("--max-calls-per-principal", "500")
    legacy = start_session(fake)
    raws = [connect_to(fake, timeout=30) for _ in range(500)]
    for i, raw in enumerate(raws):
        raw.post(execute("sleep 3", id=i))
    took = pings(fake, legacy, 2)
    assert took[len(took) * 95 // 100] < 0.010, took[-20:]
    for i, raw in enumerate(raws):
        status, _, body = raw.answer()
        answer = json.loads(body)
        assert (status, answer["id"]) == (200, i)
        assert "error" not in answer, answer


def test_more_calls_than_fit_are_told_to_retry(start_fake, execute):
    server = start_fake("--max-calls", "2")
    answers = []

    def call():
        answers.append(server.post(execute("sleep 1")).json)

    threads = [threading.Thread(target=call) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum("result" in answer for answer in answers) == 2
    assert all("busy" in a["error"]["message"] for a in answers if "error" in a)


def test_a_slow_reader_of_a_stream_holds_nobody(connect, fake, execute):
    raw = connect()
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.post(execute("sleep 3", progressToken=1))
    for _ in range(20):
        start = time.monotonic()
        assert fake.post(DISCOVER).status == 200
        assert time.monotonic() - start < 0.5
    time.sleep(3)
    status, _, body = raw.answer()
    assert json.loads(body.split(b"data: ")[-1])["result"]


def test_connections_that_come_and_go_leave_nothing(fake, rss):
    def come_and_go(n):
        for i in range(n):
            with socket.create_connection(("127.0.0.1", fake.port)) as s:
                if i % 3:
                    s.sendall(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n"[:i % 40])

    come_and_go(2000)
    time.sleep(3)
    memory, fds = rss(fake.pid), len(descriptors(fake.pid))
    come_and_go(2000)
    until = time.monotonic() + 8
    while len(descriptors(fake.pid)) > fds:
        assert time.monotonic() < until, descriptors(fake.pid)
        time.sleep(0.05)
    assert rss(fake.pid) - memory < 4 * 1024 * 1024


def test_calls_that_come_and_go_leave_nothing(fake, connect, execute, finished, rss):
    def come_and_go(n):
        for i in range(n):
            raw = connect()
            raw.post(execute("sleep 20", **({"progressToken": 1} if i % 2 else {})))
            if i % 3:
                time.sleep(0.002)
            raw.close()

    come_and_go(100)
    finished(100)
    memory, fds = rss(fake.pid), len(descriptors(fake.pid))
    come_and_go(400)
    finished(500, seconds=20)
    until = time.monotonic() + 8
    while len(descriptors(fake.pid)) > fds + 4:
        assert time.monotonic() < until, descriptors(fake.pid)
        time.sleep(0.05)
    assert rss(fake.pid) - memory < 16 * 1024 * 1024


@pytest.mark.parametrize("stream", [False, True])
def test_the_server_ends_with_calls_in_flight(start_fake, execute, stream):
    server = start_fake("--drain-seconds", "0")
    answers = []

    def call(i):
        try:
            answers.append(server.post(execute(
                "sleep 30", id=i, **({"progressToken": i} if stream else {}))).status)
        except OSError:
            answers.append(None)

    threads = [threading.Thread(target=call, args=[i]) for i in range(50)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    start = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(10) == 0, server.stderr
    assert time.monotonic() - start < 3
    for thread in threads:
        thread.join(5)
    assert answers == [200] * 50
    assert "panic" not in server.stderr.lower() and "fatal" not in server.stderr.lower()


def test_the_server_ends_with_idle_connections_and_streams(start_fake):
    server = start_fake()
    idle = [HTTPConnection("127.0.0.1", server.port) for _ in range(20)]
    for connection in idle:
        connection.request("POST", "/mcp", json.dumps(DISCOVER), server.headers(DISCOVER))
        assert connection.getresponse().read()
    answer = server.post(protocol.request(1, "initialize", {"protocolVersion": protocol.LEGACY},
                                          modern=False))
    stream = HTTPConnection("127.0.0.1", server.port)
    stream.request("GET", "/mcp", None,
                   server.headers(Mcp_Session_Id=answer.headers["mcp-session-id"]))
    response = stream.getresponse()
    assert response.status == 200
    assert response.readline() == b"id: 0-1\n"
    half = socket.create_connection(("127.0.0.1", server.port))
    half.sendall(b"POST /mcp HTTP/1.1\r\nContent-Le")
    start = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(10) == 0, server.stderr
    assert time.monotonic() - start < 3
    assert response.read() == b"retry: 1000\ndata: \n\n"
    for connection in [*idle, stream, half]:
        connection.close()


def test_off_loopback_a_token_is_required(binary):
    done = subprocess.run([binary, "--backend", "fake", "--http", "0.0.0.0:0", "--no-auth"],
                          capture_output=True, text=True, timeout=10)
    assert done.returncode != 0
    assert "token" in done.stderr


def test_the_endpoint_may_be_on_ipv6(binary):
    process = subprocess.Popen([binary, "--backend", "fake", "--http", "[::1]:0", "--no-auth"],
                               stderr=subprocess.PIPE, text=True)
    try:
        line = process.stderr.readline()
        port = int(re.search(r"http://\[::1\]:(\d+)/mcp", line).group(1))
        connection = HTTPConnection("::1", port)
        headers = {"Content-Type": "application/json", **protocol.headers(DISCOVER)}
        for host, status in ((f"[::1]:{port}", 200), ("evil.example", 403)):
            connection.request("POST", "/mcp", json.dumps(DISCOVER), {**headers, "Host": host})
            answer = connection.getresponse()
            assert (answer.status, bool(answer.read())) == (status, True)
        connection.close()
    finally:
        process.terminate()
        assert process.wait(5) == 0
        process.stderr.close()


def test_no_descriptor_would_be_inherited(fake, connect, execute):
    raws = [connect() for _ in range(5)]
    for raw in raws[:3]:
        raw.post(execute("sleep 0.5"))
    time.sleep(0.2)
    for fd in descriptors(fake.pid):
        if fd > 2:
            with open(f"/proc/{fake.pid}/fdinfo/{fd}") as f:
                flags = int(re.search(r"flags:\s+(\d+)", f.read()).group(1), 8)
            assert flags & 0o2000000, (fd, descriptors(fake.pid)[fd])
    for raw in raws[:3]:
        assert raw.answer()[0] == 200


def test_a_low_limit_of_descriptors_is_survived(fake, execute):
    resource.prlimit(fake.pid, resource.RLIMIT_NOFILE, (60, 60))
    held = [socket.create_connection(("127.0.0.1", fake.port)) for _ in range(100)]
    time.sleep(0.5)
    for each in held:
        each.close()
    until = time.monotonic() + 10
    while fake.connections():
        assert time.monotonic() < until
        time.sleep(0.05)
    assert fake.post(execute("sleep 0.1")).status == 200
