"""Questions to the user over stdio, as the bytes are: what is left when one side goes away."""

import time

import pytest

from lib import protocol

ELICITS = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
YES = {"confirm": {"action": "accept", "content": {"proceed": True}}}


@pytest.fixture
def start(start_stdio, tmp_path):
    return lambda *args, **more: start_stdio(
        "--backend", "fake", "--confirm", "--workspace", tmp_path, *args, **more)


@pytest.fixture
def legacy(start):
    client = start(modern=False)
    client.result("initialize", {"protocolVersion": protocol.LEGACY, "clientInfo": protocol.CLIENT,
                                 "capabilities": {"elicitation": {}}})
    client.notify("notifications/initialized")
    return client


def call(client, command="echo hi", **more):
    return client.request("tools/call", {
        "name": "terminal_execute", "arguments": {"command": command}, **more}, **ELICITS)


def state_of(answer):
    assert answer["result"]["resultType"] == "input_required"
    return answer["result"]["requestState"]


def refused(answer):
    assert answer["error"]["code"] == -32602
    return answer["error"]["message"]


def test_many_questions_are_open_at_once(legacy):
    ids = [legacy.start("tools/call", {"name": "terminal_execute",
                                       "arguments": {"command": f"echo number {i}"}})
           for i in range(64)]
    asked = {}
    while len(asked) < 64:
        message = legacy.recv()
        assert message["method"] == "elicitation/create"
        asked[message["params"]["message"].split("\n")[0].split()[-1]] = message["id"]
    assert len(set(asked.values())) == 64
    more = legacy.request("tools/call", {"name": "terminal_execute",
                                         "arguments": {"command": "echo too many"}})
    assert "busy: 64 questions" in protocol.text(more["result"])
    for i in reversed(range(64)):
        legacy.send({"jsonrpc": "2.0", "id": asked[str(i)], "result": YES["confirm"]})
    for i, request in enumerate(ids):
        assert f"number {i}\n" in protocol.text(legacy.response(request)["result"])


def test_the_end_of_input_ends_a_question(legacy):
    legacy.start("tools/call", {"name": "terminal_execute", "arguments": {"command": "echo hi"}})
    assert legacy.recv()["method"] == "elicitation/create"
    started = time.monotonic()
    assert legacy.close() == 0
    assert time.monotonic() - started < 5


def test_a_signal_ends_a_question(legacy):
    legacy.start("tools/call", {"name": "terminal_execute", "arguments": {"command": "echo hi"}})
    assert legacy.recv()["method"] == "elicitation/create"
    assert legacy.terminate() == 0


def test_progress_goes_on_while_the_user_thinks(start):
    client = start(modern=False)
    client.result("initialize", {"protocolVersion": protocol.LEGACY, "clientInfo": protocol.CLIENT,
                                 "capabilities": {"elicitation": {}}})
    client.start("tools/call", {"name": "terminal_execute", "arguments": {"command": "echo hi"}},
                 progressToken="p")
    question = client.recv()
    assert question["method"] == "elicitation/create"
    note = client.recv()
    assert note["method"] == "notifications/progress"
    assert note["params"]["progressToken"] == "p" and "user" in note["params"]["message"]
    client.send({"jsonrpc": "2.0", "id": question["id"], "result": YES["confirm"]})


def test_nobody_waits_for_a_modern_client(start):
    """Hundreds of questions that are never answered hold nothing."""
    client = start("--max-calls", "2")
    for i in range(300):
        state_of(call(client, f"echo {i}"))
    state = state_of(call(client))
    answer = call(client, inputResponses=YES, requestState=state)
    assert answer["result"]["resultType"] == "complete"


@pytest.fixture(params=["file", "environment"])
def shared(request, tmp_path, monkeypatch):
    """shared(secret): arguments of servers that have this secret."""

    def one(secret):
        if request.param == "environment":
            monkeypatch.setenv("SANDBOX_MCP_STATE_KEY", secret)
            return ()
        path = tmp_path / f"key-{secret[:4]}"
        path.write_text(secret + "\n")
        path.chmod(0o600)
        return ("--state-key-file", path)

    return one


def test_replicas_share_a_key(start, shared):
    first = start(*shared("0123456789abcdef" * 2))
    second = start(*shared("0123456789abcdef" * 2))
    other = start(*shared("fedcba9876543210" * 2))
    state = state_of(call(first))
    assert "refused" in refused(call(other, inputResponses=YES, requestState=state))
    assert "hi" in protocol.text(call(second, inputResponses=YES, requestState=state)["result"])
    assert "used already" in refused(call(second, inputResponses=YES, requestState=state))


def test_keys_are_random_without_one(start):
    state = state_of(call(start()))
    assert "refused" in refused(call(start(), inputResponses=YES, requestState=state))


def test_a_short_key_is_refused(start, shared):
    client = start(*shared("0123456789abcdef0123456789abcde"))
    with pytest.raises(EOFError):
        client.recv()
    assert client.process.wait(10) == 2
    until = time.monotonic() + 5
    while "32..4096 bytes" not in client.stderr:
        assert time.monotonic() < until, client.stderr
        time.sleep(0.02)
