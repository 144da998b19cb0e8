"""Questions to the user over HTTP: on the stream of the call, or as a result, bound to who was asked."""

import json
import re
import time

import pytest

from lib import protocol

ELICITS = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
ANSWER = {"action": "accept", "content": {"proceed": True}}
ARGS = {"name": "terminal_execute", "arguments": {"command": "echo hi"}}


@pytest.fixture
def start(start_server, tmp_path):
    return lambda *args, **more: start_server(
        "--backend", "fake", "--log-level", "debug", "--confirm", "--workspace", tmp_path, *args,
        **more)


@pytest.fixture
def confirming(start):
    return start()


# ---- modern ----

def call(server, headers=None, **more):
    message = protocol.request(1, "tools/call", ARGS | more, **ELICITS)
    return server.post(message, **(headers or {}))


def test_a_question_is_a_result_and_the_retry_completes(confirming):
    answer = call(confirming)
    assert answer.status == 200 and answer.json["result"]["resultType"] == "input_required"
    assert set(answer.json["result"]) == {"resultType", "inputRequests", "requestState", "_meta"}
    state = answer.json["result"]["requestState"]
    done = call(confirming, inputResponses={"confirm": ANSWER}, requestState=state)
    assert (done.status, done.json["result"]["resultType"]) == (200, "complete")
    again = call(confirming, inputResponses={"confirm": ANSWER}, requestState=state)
    assert (again.status, again.json["error"]["code"]) == (200, -32602)


def test_a_state_belongs_to_who_was_asked(start, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("token-of-alice-012345\ntoken-of-bob-01234567\n")
    tokens.chmod(0o600)
    server = start("--token-file", tokens, token=None)
    alice, bob = ({"Authorization": f"Bearer {t}"} for t in tokens.read_text().split())
    state = call(server, alice).json["result"]["requestState"]
    yes = {"inputResponses": {"confirm": ANSWER}, "requestState": state}
    assert call(server, bob, **yes).json["error"]["code"] == -32602
    assert call(server, alice | {"X_Sandbox": "other"}, **yes).json["error"]["code"] == -32602
    assert call(server, alice, **yes).json["result"]["resultType"] == "complete"


# ---- legacy ----

class Asked:
    """A call of a session that asks: .question once it came, then .result()."""

    def __init__(self, session, raw, id=1):
        self.raw = raw
        raw.post(protocol.request(id, "tools/call", ARGS, modern=False),
                 Mcp_Session_Id=session.id)
        status, headers = raw.read_head()
        assert (status, headers["content-type"]) == (200, "text/event-stream")
        self.events = b""
        self.question = self.event()

    def event(self):
        """The next event with data."""
        while True:
            while b"\n\n" not in self.events:
                data = self.raw.chunk()
                assert data, "the stream ended"
                self.events += data
            event, _, self.events = self.events.partition(b"\n\n")
            data = b"".join(line[5:].strip() for line in event.split(b"\n")
                            if line.startswith(b"data:"))
            if data:
                return json.loads(data)


@pytest.fixture
def session(confirming, start_session, monkeypatch):
    return open_session(confirming, start_session, monkeypatch)


def open_session(server, start_session, monkeypatch):
    request = protocol.request

    def with_elicitation(id, method, params=None, *args, **more):
        if method == "initialize":
            params = params | {"capabilities": {"elicitation": {}}}
        return request(id, method, params, *args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(protocol, "request", with_elicitation)
        return start_session(server)


@pytest.fixture
def asked(confirming, session, connect_to):
    return lambda **more: Asked(session, connect_to(confirming), **more)


def reply(session, id, **more):
    answer = session.post({"jsonrpc": "2.0", "id": id, **more})
    assert (answer.status, answer.body) == (202, b"")


def test_the_answer_is_posted_and_the_result_comes_on_the_stream(session, asked):
    one = asked()
    assert one.question["method"] == "elicitation/create"
    reply(session, one.question["id"], result=ANSWER)
    result = one.event()
    assert result["id"] == 1 and "hi" in protocol.text(result["result"])


def test_an_answer_counts_in_its_session_alone(confirming, session, asked, start_session,
                                               monkeypatch):
    one = asked()
    other = open_session(confirming, start_session, monkeypatch)
    reply(other, one.question["id"], result=ANSWER)
    answer = confirming.post({"jsonrpc": "2.0", "id": one.question["id"], "result": ANSWER})
    assert answer.status == 400
    reply(session, one.question["id"], result={"action": "decline"})
    assert "denied" in protocol.text(one.event()["result"])


def test_questions_of_calls_at_once_are_told_apart(session, asked):
    calls = [asked(id=i) for i in range(8)]
    for one in reversed(calls):
        reply(session, one.question["id"], result=ANSWER)
    for i, one in enumerate(calls):
        assert one.event()["id"] == i


def test_cancelling_takes_the_question_back(session, asked):
    one = asked()
    session.post({"jsonrpc": "2.0", "method": "notifications/cancelled",
                  "params": {"requestId": 1}})
    taken = one.event()
    assert taken["method"] == "notifications/cancelled"
    assert taken["params"]["requestId"] == one.question["id"]


def test_the_end_of_the_session_ends_the_question(confirming, session, asked):
    one = asked()
    assert session.delete().status == 200
    while "id" not in (message := one.event()) or "method" in message:
        assert message["method"] == "notifications/cancelled"
    assert protocol.text(message["result"]).startswith("cancelled: ")


def test_a_server_that_stops_does_not_wait_for_the_user(confirming, asked):
    """No longer than it waits for any call."""
    asked()
    confirming.process.terminate()
    assert confirming.process.wait(40) == 0


def outcome(server, seconds=10):
    """Of the first call that is over."""
    until = time.monotonic() + seconds
    while not (found := re.search(r"call tool=terminal_execute .*outcome=(\w+)", server.stderr)):
        assert time.monotonic() < until, server.stderr
        time.sleep(0.02)
    return found[1]


def test_a_client_that_leaves_its_session_leaves_no_question(confirming, session, asked):
    one = asked()
    one.raw.close()
    session.delete()
    assert outcome(confirming) == "cancelled"


def test_a_broken_stream_breaks_no_question(confirming, session, asked):
    """In the legacy era a client that is gone may come back: the answer counts, the call goes on."""
    one = asked()
    one.raw.close()
    time.sleep(0.5)
    reply(session, one.question["id"], result=ANSWER)
    assert outcome(confirming) == "ok"
