"""How much one caller, one address and all together may ask for."""

import json
import socket
import subprocess
import time

import pytest

from lib import protocol

OTHER = "other-token-0123456789abcdef"
PING = protocol.request(1, "server/discover")


@pytest.fixture
def two_callers(tmp_path, start_fake):
    """start(*ARGS): a server that knows two tokens; its own one is the first."""
    def start(*args):
        path = tmp_path / "tokens"
        path.write_text(f"first-token-0123456789abcdef\n{OTHER}\n")
        path.chmod(0o600)
        server = start_fake(*args, "--token-file", path, token=None)
        server.token = "first-token-0123456789abcdef"
        return server
    return start


def test_a_caller_that_is_too_fast_waits(two_callers):
    server = two_callers("--rate", "0.5/s:3")
    assert [server.post(PING).status for _ in range(4)] == [200, 200, 200, 429]
    refused = server.post(PING)
    assert refused.status == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    assert "error" in refused.json and "id" not in refused.json
    assert server.post(PING, Authorization=f"Bearer {OTHER}").status == 200
    until = time.monotonic() + 10
    while server.post(PING).status == 429:
        assert time.monotonic() < until
        time.sleep(0.3)


def test_refused_tokens_cost_no_turn(two_callers):
    server = two_callers("--rate", "0.01/s:2")
    for _ in range(5):
        assert server.post(PING, Authorization="Bearer wrong-wrong-wrong-wrong").status == 401
    assert [server.post(PING).status for _ in range(3)] == [200, 200, 429]


def test_each_request_of_an_array_takes_a_turn(start_fake, start_session):
    server = start_fake("--rate", "0.01/s:6")
    session = start_session(server, version="2025-03-26")
    batch = [protocol.request(i, "ping", modern=False) for i in range(8)]
    answer = session.post(batch)
    assert answer.status == 200
    assert len(answer.json) == 8
    refused = [message for message in answer.json if "error" in message]
    assert len(refused) == 3
    assert all("rate_limited" in message["error"]["message"] for message in refused)
    assert sorted(message["id"] for message in answer.json) == list(range(8))


@pytest.mark.parametrize("rate", ["5", "5/m", "0/s", "x", "5/s:0"])
def test_a_rate_that_is_none_is_refused(binary, state_dir, rate):
    done = subprocess.run([binary, "--backend", "fake", "--http", "0", "--rate", rate],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "--rate" in done.stderr and "50/s" in done.stderr


def test_one_caller_does_not_take_all_calls(two_callers, connect_to, execute):
    server = two_callers("--max-calls", "8", "--max-calls-per-principal", "3")
    raws = [connect_to(server) for _ in range(5)]
    for i, raw in enumerate(raws):
        raw.post(execute("sleep 2", id=i))
    answers = [raw.answer() for raw in raws]
    refused = [(headers, json.loads(body)) for status, headers, body in answers if status == 429]
    assert [status for status, _, _ in answers].count(200) == 3
    assert len(refused) == 2
    for headers, message in refused:
        assert headers["retry-after"] == "1"
        assert "id" in message and "too many calls" in message["error"]["message"]


def test_another_caller_is_served_meanwhile(two_callers, connect_to, execute):
    server = two_callers("--max-calls-per-principal", "1", "--metrics-open")
    waits = connect_to(server)
    waits.post(execute("sleep 3"))
    until = time.monotonic() + 10
    while "\nsandbox_mcp_calls_in_flight 1\n" not in server.send(
            None, {}, method="GET", path="/metrics").body.decode():
        assert time.monotonic() < until
    assert server.post(execute("echo mine")).status == 429
    assert server.post(execute("echo theirs"), Authorization=f"Bearer {OTHER}").status == 200
    assert waits.answer()[0] == 200
    assert server.post(execute("echo mine again")).status == 200


def serves(connection):
    """Whether the server answers on it; False when it closes it, or lets it wait."""
    connection.settimeout(1)
    try:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return connection.recv(4096).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def served(server, seconds=15):
    """A connection that is, as soon as there is room for it."""
    until = time.monotonic() + seconds
    while True:
        connection = socket.create_connection(("127.0.0.1", server.port), 5)
        if serves(connection):
            return connection
        connection.close()
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize("option", ["--max-per-address", "--max-connections"])
def test_a_cap_on_connections(start_fake, option):
    server = start_fake(option, "4")
    held = [served(server) for _ in range(4)]
    with socket.create_connection(("127.0.0.1", server.port)) as extra:
        assert not serves(extra)
    assert all(serves(one) for one in held)
    for one in held:
        one.close()
    served(server).close()
