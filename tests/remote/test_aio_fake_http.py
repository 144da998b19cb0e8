"""The AIO Sandbox fake as an HTTP service: credentials, checks of requests, framing, faults."""

import base64
import http.client
import json
import socket
import struct
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from remote.aio_fake import start_fake

EXEC = "/v1/bash/exec"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with start_fake(tmp_path_factory.mktemp("aio")) as fake:
        yield fake


@pytest.fixture
def fake(shared):
    for what in ("faults", "violations", "requests"):
        shared.clear(what)
    return shared


def kinds(fake):
    return [v["kind"] for v in fake.violations()]


def exchange(fake, data, until=b"", seconds=5):
    """(bytes, how it ended) of one raw connection: `until` seen, "eof" or "reset"."""
    got = b""
    with socket.create_connection(("127.0.0.1", fake.port), timeout=seconds) as connection:
        connection.sendall(data)
        while not until or until not in got:
            try:
                part = connection.recv(65536)
            except ConnectionResetError:
                return got, "reset"
            if not part:
                return got, "eof"
            got += part
    return got, "until"


def raw_exec(command="echo hi", headers=""):
    body = json.dumps({"command": command}).encode()
    return (f"POST {EXEC} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


# Credentials.

def test_api_key_in_its_three_places(tmp_path):
    with start_fake(tmp_path, api_key="k3y") as fake:
        for headers in ({"X-AIO-API-Key": "bad"}, {"Authorization": "Bearer bad"},
                        {"Authorization": "Basic k3y"}):
            status, got, body = fake.request("GET", "/v1/sandbox", headers=headers)
            assert (status, got["Content-Type"]) == (401, "text/html") and b"<html>" in body
        for headers in ({"X-AIO-API-Key": "k3y"}, {"Authorization": "Bearer k3y"}):
            assert fake.request("GET", "/v1/sandbox", headers=headers)[0] == 200
        none = {"Authorization": ""}
        assert fake.request("GET", "/v1/sandbox?api_key=k3y", headers=none)[0] == 200
        assert fake.request("GET", "/v1/ping", headers=none)[0] == 200
        assert fake.violations() == []


def key_pair():
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM,
                                           serialization.PublicFormat.SubjectPublicKeyInfo)
    return key, public


@pytest.mark.parametrize("encode", [bytes, base64.b64encode], ids=["pem", "base64"])
def test_tokens_and_tickets(tmp_path, encode):
    key, public = key_pair()
    (tmp_path / "key").write_bytes(encode(public))
    with start_fake(tmp_path, jwt_public_key=tmp_path / "key", ticket_seconds=1) as fake:
        def status(token, path="/v1/sandbox", method="GET"):
            return fake.request(method, path, headers={"Authorization": f"Bearer {token}"})[0]

        soon, past = {"exp": time.time() + 60}, {"exp": time.time() - 60}
        good = jwt.encode(soon, key, "RS256")
        assert status(good) == 200 and status(jwt.encode({}, key, "RS256")) == 200
        for bad in (jwt.encode(past, key, "RS256"), jwt.encode(soon, key_pair()[0], "RS256"),
                    jwt.encode(soon, key, "RS512"), jwt.encode({**soon, "aud": "x"}, key, "RS256"),
                    jwt.encode(soon, "secret" * 8, "HS256"), good[:-8] + "AAAAAAAA", "a.b.c", "x"):
            assert status(bad) == 401
        asked = {"Authorization": f"Bearer {good}"}
        ticket = fake.json("POST", "/tickets", headers=asked)[1]
        assert ticket["expires_in"] == 1
        path = f"/v1/sandbox?ticket={ticket['ticket']}"
        assert fake.request("GET", path)[0] == 200
        time.sleep(1.1)
        assert fake.request("GET", path)[0] == 401


# What a request may be.

@pytest.mark.parametrize("path,body,wanted", [
    (EXEC, {}, ["missing", ["body", "command"]]),
    (EXEC, {"command": 1}, ["string_type", ["body", "command"]]),
    (EXEC, {"command": "x", "env": {"A": 1}}, ["string_type", ["body", "env", "A"]]),
    (EXEC, {"command": "x", "max_output_length": None},
     ["int_type", ["body", "max_output_length"]]),
    (EXEC, {"command": "x", "async_mode": "yes"}, ["bool_type", ["body", "async_mode"]]),
    (EXEC, {"command": "x", "timeout": "1"}, ["float_type", ["body", "timeout"]]),
    (EXEC, [], ["model_attributes_type", ["body"]]),
    ("/v1/code/execute", {"language": "ruby", "code": ""}, ["enum", ["body", "language"]]),
    ("/v1/code/execute", {"language": "python", "code": "", "timeout": 301},
     ["less_than_equal", ["body", "timeout"]]),
    ("/v1/file/grep", {"path": "/", "pattern": "", "max_results": 0},
     ["greater_than_equal", ["body", "max_results"]]),
    ("/v1/file/glob", {"path": "/", "pattern": "", "exclude": ["a", 1]},
     ["string_type", ["body", "exclude", 1]]),
])
def test_ill_formed_requests(fake, path, body, wanted):
    status, reply = fake.json("POST", path, body)
    assert status == 422
    found = reply["detail"][0]
    assert [found["type"], found["loc"]] == wanted and found["msg"]
    assert kinds(fake) == ["invalid"]


def test_nulls_and_unknown_members_pass(fake):
    done = fake.call(EXEC, command="echo 1", env=None, timeout=None, session_id=None, colour="red")
    assert done["stdout"] == "1\n"
    assert [(v["kind"], v["detail"]) for v in fake.violations()] == [("unknown_member", "colour")]
    fake.call("/v1/shell/exec", command="true", env={"A": "1"})
    assert kinds(fake) == ["unknown_member"] * 2


def test_other_violations(fake):
    assert fake.json("GET", "/v1/nope")[0] == 404
    assert fake.json("GET", EXEC)[0] == 405
    fake.request("GET", "/v1/sandbox?x=1")
    raw = json.dumps({"command": "true"}).encode()
    assert fake.request("POST", EXEC, raw=raw, headers={"Content-Type": "text/plain"})[0] == 422
    assert fake.request("POST", EXEC, raw=b"{", headers={"Content-Type": "application/json"})[
        0] == 422
    events = {"Accept": "text/event-stream"}
    _, headers, body = fake.request("POST", "/v1/shell/exec", {"command": "echo 1"}, events)
    assert headers["Content-Type"] == "text/event-stream" and body.startswith(b"data: {")
    fake.request("POST", EXEC, {"command": "echo 1"}, events)
    assert kinds(fake) == ["unknown_path", "method", "unknown_query", "content_type", "invalid",
                           "invalid", "accept", "accept"]
    fake.clear("violations")
    fake.configure(strict=False)
    fake.json("GET", "/v1/nope")
    assert fake.violations() == []
    fake.configure(strict=True)


# Framing.

def test_one_connection_many_requests(fake):
    connection = http.client.HTTPConnection("127.0.0.1", fake.port)
    for n in range(3):
        connection.request("POST", EXEC, json.dumps({"command": f"echo {n}"}),
                           {"Content-Type": "application/json"})
        reply = json.loads(connection.getresponse().read())
        assert reply["data"]["stdout"] == f"{n}\n"
    connection.close()
    assert len({r["connection"] for r in fake.requests()}) == 1
    assert [r["json"]["command"] for r in fake.requests()] == ["echo 0", "echo 1", "echo 2"]


def test_chunked_request(fake):
    body = json.dumps({"command": "echo chunks"}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", fake.port)
    connection.request("POST", EXEC, iter([body[:5], body[5:6], body[6:]]),
                       {"Content-Type": "application/json"}, encode_chunked=True)
    assert json.loads(connection.getresponse().read())["data"]["stdout"] == "chunks\n"
    connection.close()


@pytest.mark.parametrize("headers", [
    "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "Transfer-Encoding: gzip\r\n",
    "Content-Length: -1\r\n", "Content-Length: x\r\n"])
def test_bad_framing_is_refused(fake, headers):
    data = f"POST {EXEC} HTTP/1.1\r\nHost: x\r\n{headers}\r\n0\r\n\r\n".encode()
    got, end = exchange(fake, data)
    assert got.startswith(b"HTTP/1.1 400 ") and end in ("eof", "reset")


def test_expect_continue(fake):
    data = raw_exec(headers="Expect: 100-continue\r\n")
    got, _ = exchange(fake, data, until=b"echo hi")
    assert got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")


# Faults.

@pytest.mark.parametrize("fault,status,shown", [
    ("401", 401, b"<html>"), ("422", 422, b'{"detail":[{'), ("503", 503, b'{"detail":'),
    ("503_retry_after", 503, b'{"detail":'), ("html_502", 502, b"<html>"),
    ("success_false", 200, b'{"success":false,'), ("429", 429, b'{"detail":')])
def test_answers_in_place_of_the_operation(fake, fault, status, shown):
    fake.fault(fault, "/v1/bash/")
    got, headers, body = fake.request("POST", EXEC, {"command": "touch made"})
    assert got == status and body.startswith(shown)
    assert headers["Retry-After"] == ("1" if fault == "503_retry_after" else None)
    assert fake.call(EXEC, command="ls made 2>/dev/null; true")["stdout"] == ""
    assert [r["fault"] for r in fake.requests()] == [fault, None]


def test_rules_count_skip_and_choose(fake):
    fake.fault("503", "/v1/bash/", count=2, skip=1, method="POST")
    assert fake.request("GET", "/v1/bash/sessions")[0] == 200
    assert [fake.request("POST", EXEC, {"command": "true"})[0] for _ in range(4)] == [
        200, 503, 503, 200]
    fake.fault("503", count=-1)
    assert [fake.request("GET", "/v1/sandbox")[0] for _ in range(3)] == [503] * 3
    fake.clear("faults")
    assert fake.request("GET", "/v1/sandbox")[0] == 200
    with pytest.raises(ValueError):
        fake.fault("nonsense")


def test_cut_and_reset_come_after_the_effect(fake):
    for fault, wanted in (("cut", "eof"), ("reset", "reset")):
        fake.fault(fault)
        got, end = exchange(fake, raw_exec(f"echo x >> made_{fault}; echo {'y' * 50}"))
        assert end == wanted
        made = fake.call(EXEC, command=f"cat made_{fault}")["stdout"]
        assert made == "x\n"
        if fault == "cut":
            head, _, body = got.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split()[0])
            assert 0 < len(body) < length
        else:
            assert got == b""


def test_reset_before_has_no_effect(fake):
    fake.fault("reset_before")
    assert exchange(fake, raw_exec("touch early")) == (b"", "reset")
    assert fake.call(EXEC, command="ls early 2>/dev/null; true")["stdout"] == ""


def test_cut_in_a_chunked_body(fake):
    fake.call(EXEC, command="head -c 200000 /dev/zero > zero")
    fake.fault("cut", "/v1/file/download")
    with pytest.raises(http.client.IncompleteRead):
        fake.request("GET", "/v1/file/download?path=/home/gem/zero")


def test_close_after_a_whole_answer(fake):
    fake.fault("close_after")
    got, end = exchange(fake, raw_exec())
    assert end == "eof" and b"keep-alive" in got and got.endswith(b"}")


def test_hang_lasts_until_the_client_goes(fake):
    fake.fault("hang")
    with pytest.raises(TimeoutError):
        exchange(fake, raw_exec(), seconds=0.5)
    assert fake.call(EXEC, command="echo on")["stdout"] == "on\n"


def test_one_byte_at_a_time(fake):
    fake.fault("slow_1byte", count=-1)
    started, parts = time.monotonic(), 0
    with socket.create_connection(("127.0.0.1", fake.port)) as connection:
        connection.sendall(raw_exec())
        got = b""
        while b"echo hi" not in got or not got.endswith(b"}"):
            part = connection.recv(65536)
            parts, got = parts + 1, got + part
    assert parts > len(got) / 4 and time.monotonic() - started < 5
    assert fake.call(EXEC, command="echo slow")["stdout"] == "slow\n"


def test_download_aborts_when_the_file_changes(fake):
    with open(fake.path("moving"), "wb") as file:
        file.write(b"a" * (64 << 20))
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(10)
        connection.connect(("127.0.0.1", fake.port))
        connection.sendall(b"GET /v1/file/download?path=/home/gem/moving&change_policy=abort "
                           b"HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        with open(fake.path("moving"), "ab") as file:
            file.write(b"b")
        tail = b""
        while part := connection.recv(1 << 20):
            tail = (tail + part)[-16:]
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert not tail.endswith(b"0\r\n\r\n")
