"""Bodies: how they arrive, how large they may be, and what a connection is good for afterwards."""

import json
import time

import pytest

from lib import protocol
from lib.processes import descriptors

DISCOVER = protocol.request(1, "server/discover")
MIB = 1024 * 1024


def chunks(*parts):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [*parts, b""])


def chunked_head(raw, message=DISCOVER, **headers):
    return raw.head(message, extra=["Transfer-Encoding: chunked"], **headers)


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_chunked_body_is_read(connect, step):
    raw, body = connect(), json.dumps(DISCOVER).encode()
    parts = [body[i:i + step] for i in range(0, len(body), step)]
    raw.send(chunked_head(raw) + chunks(*parts))
    status, _, answer = raw.answer()
    assert (status, json.loads(answer)["id"]) == (200, 1)


def test_a_body_may_arrive_byte_by_byte(connect):
    raw, body = connect(), json.dumps(DISCOVER).encode()
    for byte in raw.head(DISCOVER, length=len(body)) + body:
        raw.send(bytes([byte]))
    assert raw.answer()[0] == 200


def test_a_slow_body_does_not_hold_others(connect, fake):
    slow, body = connect(), json.dumps(DISCOVER).encode()
    slow.send(slow.head(DISCOVER, length=len(body)) + body[:10])
    for _ in range(20):
        start = time.monotonic()
        assert fake.post(DISCOVER).status == 200
        assert time.monotonic() - start < 1
    slow.send(body[10:])
    assert slow.answer()[0] == 200


def test_expect_continue_is_answered(connect):
    raw, body = connect(), json.dumps(DISCOVER).encode()
    raw.send(raw.head(DISCOVER, length=len(body), Expect="100-continue"))
    assert raw.read_head()[0] == 100
    raw.send(body)
    assert raw.answer()[0] == 200


@pytest.mark.parametrize("status, headers", [
    (401, dict(Authorization=None)), (415, dict(Content_Type="text/plain")), (413, dict())])
def test_a_refusal_does_not_ask_for_the_body(connect, status, headers):
    raw = connect()
    raw.send(raw.head(DISCOVER, length=17 * MIB, Expect="100-continue", **headers))
    assert raw.answer()[0] == status


@pytest.mark.parametrize("status, headers", [(401, dict(Authorization=None)), (413, dict())])
def test_refusals_are_decided_at_the_headers(connect, status, headers):
    raw = connect()
    raw.send(raw.head(DISCOVER, length=1000 * MIB, **headers))
    assert raw.answer()[0] == status
    assert raw.closed()


def test_an_unauthorized_chunked_body_is_not_read(connect):
    raw = connect()
    raw.send(chunked_head(raw, Authorization=None))
    assert raw.answer()[0] == 401
    assert raw.closed()


def big(size):
    """A valid request of exactly that many bytes."""
    message = protocol.request(1, "server/discover")
    message["params"]["pad"] = ""
    message["params"]["pad"] = "x" * (size - len(json.dumps(message)))
    body = json.dumps(message).encode()
    assert len(body) == size
    return body


def test_the_largest_body_is_read_and_one_byte_more_is_not(fake):
    headers = fake.headers(DISCOVER)
    assert fake.send(big(16 * MIB), headers).status == 200
    answer = fake.send(b"", {**headers, "Content-Length": str(16 * MIB + 1)})
    assert answer.status == 413
    assert answer.json["error"]["code"] == -32000


def test_the_largest_chunked_body_is_read_and_one_byte_more_is_not(connect):
    body = big(16 * MIB)
    parts = [body[i:i + MIB] for i in range(0, len(body), MIB)]
    raw = connect()
    raw.send(chunked_head(raw) + chunks(*parts))
    assert raw.answer()[0] == 200
    raw = connect()
    raw.send(chunked_head(raw) + chunks(*parts, b"x"))
    assert raw.answer()[0] == 413


def test_an_endless_chunked_body_is_cut_off(connect, fake):
    raw = connect()
    raw.send(chunked_head(raw))
    part = chunks(b"x" * MIB)[:-5]
    with pytest.raises(OSError):
        for _ in range(64):
            raw.send(part)
            time.sleep(0.001)
    assert fake.post(DISCOVER).status == 200


def test_bodies_are_given_back(fake, connect):
    """More than the budget of all bodies, in turns: it would run out if it leaked."""
    body = b"[" + b" " * (15 * MIB)
    for _ in range(40):
        raw = connect()
        raw.send(raw.head(DISCOVER, length=15 * MIB + 2) + body)
        raw.close()
        until = time.monotonic() + 5
        while (status := fake.send(body, fake.headers(DISCOVER)).status) == 503:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert status == 400


def test_too_many_bodies_at_once_are_busy(connect, fake):
    """256 MiB are the budget of all, and whoever finds no room is told so after his body."""
    held = []
    for _ in range(17):
        raw = connect()
        raw.send(raw.head(DISCOVER, length=15 * MIB + 1) + b" " * (15 * MIB))
        held.append(raw)
    until = time.monotonic() + 60
    while unread := fake.on_the_way():
        assert time.monotonic() < until, f"{unread} bytes are not read"
        time.sleep(0.1)
    answer = fake.send(b"[" + b" " * (2 * MIB), fake.headers(DISCOVER))
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert fake.post(DISCOVER).status == 200
    for raw in held:
        raw.send(b" ")
        assert raw.answer()[0] == 400


@pytest.mark.parametrize("status, headers, body", [
    (200, {}, None), (401, dict(Authorization=None), None), (415, dict(Content_Type="a/b"), None),
    (406, dict(Accept="a/b"), None), (403, dict(Origin="http://evil"), None),
    (404, dict(Mcp_Session_Id="nope", MCP_Protocol_Version=None), None), (400, {}, b"{"),
    (400, {}, b"[]"), (400, {}, b"")])
def test_a_connection_serves_on_after_an_error(connect, status, headers, body):
    raw = connect()
    text = json.dumps(DISCOVER).encode() if body is None else body
    for _ in range(3):
        raw.send(raw.head(DISCOVER, length=len(text), **headers) + text)
        assert raw.answer()[0] == status
        raw.post(DISCOVER)
        assert raw.answer()[0] == 200


def test_pipelined_requests_are_answered_in_order(connect, execute):
    raw, bad = connect(), b"{"
    for i in range(10):
        raw.post(execute("sleep 0.05" if i % 2 else f"echo {i}", id=i))
        raw.send(raw.head(DISCOVER, length=len(bad)) + bad)
    for i in range(10):
        status, _, body = raw.answer()
        assert (status, json.loads(body)["id"]) == (200, i)
        assert raw.answer()[0] == 400


def test_a_client_that_only_stops_sending_gets_a_cheap_answer(connect):
    raw = connect()
    raw.post(DISCOVER)
    raw.socket.shutdown(1)
    assert raw.answer()[0] == 200
    assert raw.closed()


@pytest.mark.parametrize("cut", [3, 60, -1])
def test_a_client_that_leaves_in_the_middle_of_a_request_leaves_nothing(connect, fake, cut):
    before = len(descriptors(fake.pid))
    for _ in range(20):
        raw = connect()
        raw.send((raw.head(DISCOVER, length=500) + b"{")[:cut])
        raw.close()
    until = time.monotonic() + 8
    while len(descriptors(fake.pid)) > before:
        assert time.monotonic() < until, descriptors(fake.pid)
        time.sleep(0.05)
