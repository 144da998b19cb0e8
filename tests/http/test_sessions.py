"""Legacy sessions: from initialize to DELETE, bound to whoever made them."""

import json
import re
import time
from http.client import HTTPConnection

import pytest

from lib import protocol


def test_a_session_belongs_to_the_sandbox_it_began_with(fake, start_legacy):
    """Else a call would act in another sandbox than its own header names."""
    session = start_legacy(X_Sandbox="mine")
    ping = ("ping",)
    assert session.request(*ping).status == 200
    assert session.request(*ping, X_Sandbox="other").status == 404
    assert session.delete(X_Sandbox="other").status == 404
    unnamed = start_legacy()
    assert unnamed.request(*ping, X_Sandbox="other").status == 404
    assert unnamed.request(*ping).status == 200
    without = fake.headers(Mcp_Session_Id=session.id)
    assert "X-Sandbox" not in without
    assert fake.send(json.dumps(protocol.request(1, "ping", modern=False)), without).status == 200


def test_initialize_mints_a_session(legacy, start_legacy):
    assert re.fullmatch(r"[!-~]{26,128}", legacy.id)
    assert start_legacy().id != legacy.id
    assert legacy.result["protocolVersion"] == protocol.LEGACY
    assert legacy.request("ping").json == {"jsonrpc": "2.0", "id": 1, "result": {}}


def test_only_a_good_initialize_mints_one(fake):
    for params in ({}, {"protocolVersion": 5}):
        answer = fake.post(protocol.request(1, "initialize", params, modern=False))
        assert "mcp-session-id" not in answer.headers
    answer = fake.post(protocol.request(1, "initialize", {"protocolVersion": "2025-11-25"}))
    assert (answer.status, "mcp-session-id" in answer.headers) == (404, False)
    answer = fake.post(protocol.request(1, "ping", modern=False))
    assert (answer.status, "mcp-session-id" in answer.headers) == (400, False)


def test_a_modern_request_ignores_sessions(fake, legacy):
    for session in (legacy.id, "no-such-session"):
        answer = fake.post(protocol.request(1, "server/discover"), Mcp_Session_Id=session)
        assert (answer.status, "mcp-session-id" in answer.headers) == (200, False)


def test_a_second_initialize_is_refused(legacy):
    answer = legacy.request("initialize", {"protocolVersion": protocol.LEGACY})
    assert (answer.status, answer.json["error"]["code"]) == (400, -32600)
    assert legacy.request("ping").status == 200


def test_without_a_session_nothing_but_initialize_is_served(fake, execute):
    answer = fake.post(execute("echo a", modern=False))
    assert (answer.status, answer.json["error"]["code"]) == (400, -32000)
    for method in ("GET", "DELETE"):
        answer = fake.send(None, fake.headers(), method)
        assert (answer.status, answer.json["error"]["code"]) == (400, -32000)


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_an_unknown_session_is_not_found(fake, method):
    body = json.dumps(protocol.request(1, "ping", modern=False)) if method == "POST" else None
    for session in ("x", "ses_" + "a" * 26, "x" * 4000):
        answer = fake.send(body, fake.headers(Mcp_Session_Id=session), method)
        assert (answer.status, answer.json["error"]["code"]) == (404, -32001)


@pytest.mark.parametrize("version", ["1999-01-01", "2024-11-06", "2099-01-01", "x"])
def test_a_revision_that_nobody_knows_is_refused_everywhere(fake, legacy, version):
    named = {"Mcp_Session_Id": legacy.id, "MCP_Protocol_Version": version}
    for message in (protocol.request(1, "ping", modern=False),
                    {"jsonrpc": "2.0", "method": "notifications/initialized"},
                    {"jsonrpc": "2.0", "id": 1, "result": {}}):
        assert fake.post(message, **named).status == 400
    for method in ("GET", "DELETE"):
        answer = fake.send(None, fake.headers(**named), method)
        assert answer.status == (400 if version < "2026" else 405)
        assert answer.json["error"]["code"] == -32000
    assert legacy.request("ping").status == 200


def test_delete_ends_the_session(fake, legacy):
    answer = legacy.delete()
    assert (answer.status, answer.body) == (200, b"")
    assert legacy.request("ping").status == 404
    assert legacy.delete().status == 404
    assert fake.send(None, legacy.headers(), "GET").status == 404


def test_sessions_of_others_do_not_exist(start_server, tmp_path):
    path = tmp_path / "tokens"
    path.write_text("token-of-alice-012345\ntoken-of-bob-01234567\n")
    path.chmod(0o600)
    server = start_server("--backend", "fake", "--token-file", path, token=None)
    alice = {"Authorization": "Bearer token-of-alice-012345"}
    bob = {"Authorization": "Bearer token-of-bob-01234567"}
    answer = server.post(protocol.request(1, "initialize", {"protocolVersion": protocol.LEGACY},
                                          modern=False), **alice)
    session = {"Mcp_Session_Id": answer.headers["mcp-session-id"]}
    ping = protocol.request(1, "ping", modern=False)
    assert server.post(ping, **alice, **session).status == 200
    assert server.post(ping, **bob, **session).status == 404
    for method in ("GET", "DELETE"):
        assert server.send(None, server.headers(**bob, **session), method).status == 404
    assert server.post(ping, **session).status == 401
    assert server.post(ping, **alice, **session).status == 200


@pytest.mark.parametrize("version", ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"])
def test_every_legacy_revision_is_served(start_legacy, version):
    session = start_legacy(version=version)
    assert session.result["protocolVersion"] == version
    assert session.request("ping", MCP_Protocol_Version=version).status == 200
    assert session.request("ping").status == 200
    assert session.request("ping", MCP_Protocol_Version="2025-11-25").status == 200
    answer = session.request("ping", MCP_Protocol_Version="1999-01-01")
    assert (answer.status, answer.json["error"]["code"]) == (400, -32000)


PRIMING = b"id: 0-1\nretry: 1000\ndata: \n\n"


def open_stream(raw, session):
    raw.send(raw.head(method="GET", Accept="text/event-stream", Mcp_Session_Id=session.id))
    return raw.read_head()


def test_the_standalone_stream_is_one_per_session(connect, legacy, start_legacy):
    first, second, other = connect(), connect(), connect()
    status, headers = open_stream(first, legacy)
    assert (status, headers["content-type"]) == (200, "text/event-stream")
    assert "no-cache" in headers["cache-control"]
    assert headers["x-accel-buffering"] == "no"
    assert open_stream(second, legacy)[0] == 409
    assert open_stream(other, start_legacy())[0] == 200
    first.close()
    until = time.monotonic() + 5
    while True:
        raw = connect()
        status = open_stream(raw, legacy)[0]
        if status == 200:
            break
        assert status == 409 and time.monotonic() < until
        time.sleep(0.02)


def test_delete_closes_the_stream(connect, legacy):
    raw = connect()
    assert open_stream(raw, legacy)[0] == 200
    assert raw.chunk() == PRIMING
    assert legacy.delete().status == 200
    assert raw.chunk() == b""


def test_a_stream_needs_an_accept_header_for_it(fake, legacy):
    answer = fake.send(None, legacy.headers(Accept="application/json"), "GET")
    assert answer.status == 406


@pytest.mark.slow
def test_a_quiet_stream_is_kept_alive(connect, legacy):
    raw = connect(timeout=40)
    assert open_stream(raw, legacy)[0] == 200
    assert raw.chunk() == PRIMING
    start = time.monotonic()
    assert raw.chunk() == b":\n\n"
    assert 10 < time.monotonic() - start < 30


def test_the_session_idle_for_longest_makes_room(fake, start_legacy):
    """1000 are the most that one principal has."""
    kept = start_legacy()
    first = start_legacy()
    connection = Keep(fake)
    for i in range(998):
        assert connection.initialize() == 200
    assert kept.request("ping").status == 200
    assert first.request("ping").status == 200
    assert kept.request("ping").status == 200
    assert connection.initialize() == 200
    assert connection.initialize() == 200
    assert kept.request("ping").status == 200
    assert first.request("ping").status == 200
    for _ in range(1000):
        assert connection.initialize() == 200
    connection.connection.close()
    assert kept.request("ping").status == 404


class Keep:
    """One connection for many requests."""

    def __init__(self, server):
        self.server = server
        self.connection = HTTPConnection("127.0.0.1", server.port)
        self.body = json.dumps(protocol.request(1, "initialize", {
            "protocolVersion": protocol.LEGACY}, modern=False))

    def initialize(self):
        self.connection.request("POST", "/mcp", self.body, self.server.headers())
        answer = self.connection.getresponse()
        answer.read()
        return answer.status


def test_calls_run_in_a_session(legacy, execute):
    answer = legacy.post(execute("echo hello", modern=False))
    assert "hello" in protocol.text(answer.json["result"])


def test_a_call_is_cancelled_from_another_request(legacy, connect, execute, finished):
    raw = connect()
    raw.post(execute("sleep 30", id="long", modern=False), Mcp_Session_Id=legacy.id)
    time.sleep(0.2)
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled",
              "params": {"requestId": "long"}}
    assert legacy.post(cancel).status == 202
    assert finished(1)[0] < 5000
    status, _, body = raw.answer()
    assert (status, body) == (202, b"")


def test_delete_ends_the_waiting_of_its_calls(legacy, connect, execute, finished):
    raw = connect()
    raw.post(execute("sleep 30", modern=False), Mcp_Session_Id=legacy.id)
    time.sleep(0.2)
    assert legacy.delete().status == 200
    assert finished(1)[0] < 5000
    assert raw.answer()[0] in (200, 202)
