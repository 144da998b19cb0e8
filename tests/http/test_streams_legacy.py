"""Streams of legacy sessions: events with ids, broken and resumed, and what a session subscribes to."""

import json
import threading
import time

import pytest

from lib import protocol
from lib.events import Stream, until
from lib.paths import BINARY
from lib.server import Server

FIXTURE = BINARY.rpartition("/")[0] + "/tests/conform/fixture/server"


class Session:
    """initialize, initialized, and requests of it."""

    def __init__(self, server, version=protocol.LEGACY, **capabilities):
        self.server, self.version = server, version
        answer = server.post(protocol.request(0, "initialize", {
            "protocolVersion": version, "capabilities": capabilities,
            "clientInfo": protocol.CLIENT}, modern=False))
        assert answer.status == 200, answer.body
        self.id, self.capabilities = answer.headers["mcp-session-id"], answer.json["result"][
            "capabilities"]
        assert self.post({"jsonrpc": "2.0", "method": "notifications/initialized"}).status == 202

    def post(self, message):
        return self.server.send(json.dumps(message),
                                self.server.headers(Mcp_Session_Id=self.id))

    def request(self, method, params=None, id=1):
        return self.post(protocol.request(id, method, params, modern=False)).json

    def stream(self, message=None, last=None, **more):
        headers = {"Last-Event-ID": last} if last else {}
        return Stream(self.server, message, method="POST" if message else "GET",
                      Mcp_Session_Id=self.id, **headers, **more)

    def call(self, tool, id=1, token=None, **arguments):
        meta = {} if token is None else {"progressToken": token}
        return protocol.request(id, "tools/call", {"name": tool, "arguments": arguments},
                                False, **meta)


@pytest.fixture
def changing():
    """A server whose lists change when it is told to."""
    server = Server(FIXTURE, "--log-level", "debug")
    yield server
    try:
        assert server.close() == 0
    finally:
        server.kill()


def changed(what):
    return {"jsonrpc": "2.0", "method": f"notifications/{what}/list_changed"}


def trigger(session, what):
    answer = session.request("tools/call", {"name": f"test_trigger_{what}_change", "arguments": {}})
    assert not answer["result"].get("isError"), answer


# ---- the standalone stream ----

def test_a_session_hears_of_changes_on_its_stream(changing):
    session, other = Session(changing), Session(changing)
    assert session.capabilities["tools"] == {"listChanged": True}
    with session.stream() as stream, other.stream() as others:
        for each in (stream, others):
            assert each.event() == {"id": "0-1", "retry": "1000", "data": ""}
        trigger(session, "tool")
        trigger(session, "prompt")
        for each in (stream, others):
            assert [each.message(), each.message()] == [changed("tools"), changed("prompts")]
            assert each.last_id == "0-3"


def test_what_is_said_without_a_stream_waits_once(changing):
    session = Session(changing)
    for _ in range(3):
        trigger(session, "tool")
        trigger(session, "prompt")
    with session.stream() as stream:
        assert [stream.message(), stream.message()] == [changed("tools"), changed("prompts")]
        trigger(session, "tool")
        assert stream.message() == changed("tools")


def test_older_clients_get_no_priming_event(changing):
    session = Session(changing, "2025-06-18")
    trigger(session, "tool")
    with session.stream() as stream:
        assert stream.event()["data"]


def test_a_resume_replays_what_came_after_and_goes_on(changing):
    session = Session(changing)
    with session.stream() as stream:
        trigger(session, "tool")
        assert stream.message() == changed("tools")
        first = stream.last_id
        trigger(session, "prompt")
        assert stream.message() == changed("prompts")
    trigger(session, "tool")
    with session.stream(last=first) as stream:
        assert [stream.message(), stream.message()] == [changed("prompts"), changed("tools")]
        trigger(session, "prompt")
        assert stream.message() == changed("prompts")


def test_a_second_stream_is_refused_and_a_resume_is_not(changing):
    session = Session(changing)
    with session.stream() as first:
        assert first.event()["id"] == "0-1"
        with session.stream() as second:
            assert second.status == 409
        with session.stream(last="0-1") as third:
            assert third.status == 200
            trigger(session, "tool")
            assert third.message() == changed("tools")
            with pytest.raises(Exception):
                assert first.message() is not None


@pytest.mark.parametrize("last", ["0-99", "5-1", "x", "1-1-1", "9" * 4000])
def test_ids_that_are_not_ours_open_nothing(changing, last):
    session = Session(changing)
    with session.stream(last=last) as stream:
        assert stream.status == 400
    with session.stream() as stream:
        assert stream.status == 200


def test_ids_of_another_session_mean_nothing(changing):
    one, other = Session(changing), Session(changing)
    trigger(one, "tool")
    with one.stream(one.call("test_tool_with_progress", token=1)) as stream:
        assert stream.rest()[-1]["id"] == 1
        assert stream.last_id.startswith("1-")
        with other.stream(last="1-1") as theirs:
            assert theirs.status == 400


# ---- subscriptions ----

def test_a_resource_is_subscribed_to(changing):
    session = Session(changing)
    uri = "test://watched-resource"
    assert session.request("resources/subscribe", {"uri": uri})["result"] == {}
    assert session.request("resources/unsubscribe", {"uri": uri})["result"] == {}
    assert session.request("resources/unsubscribe", {"uri": uri})["result"] == {}
    answer = session.request("resources/subscribe", {"uri": "nobody://has/this"})
    assert (answer["error"]["code"], answer["error"]["data"]) == (
        -32002, {"uri": "nobody://has/this"})
    assert session.request("resources/subscribe", {})["error"]["code"] == -32602


# ---- streams of calls ----

def test_without_a_token_a_call_that_says_something_streams(changing):
    session = Session(changing)
    assert session.request("logging/setLevel", {"level": "debug"})["result"] == {}
    with session.stream(session.call("test_tool_with_logging")) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        assert stream.event() == {"id": "1-1", "retry": "1000", "data": ""}
        *logs, answer = stream.rest()
        assert [m["method"] for m in logs] == ["notifications/message"] * 3
        assert answer["id"] == 1
    plain = session.post(session.call("test_simple_text"))
    assert plain.headers["content-type"] == "application/json"


def test_a_broken_call_goes_on_and_is_fetched(fake):
    session = Session(fake)
    with session.stream(session.call("terminal_execute", token="t", command="sleep 3",
                                     yield_s=50)) as stream:
        assert stream.event()["data"] == ""
        assert stream.message()["method"] == "notifications/progress"
        last = stream.last_id
    with session.stream(last=last) as stream:
        messages = stream.rest()
    assert messages[-1]["id"] == 1 and "result" in messages[-1]
    assert {m["method"] for m in messages[:-1]} <= {"notifications/progress"}
    with session.stream(last=last) as stream:
        assert stream.rest() == messages


def test_an_answer_that_nobody_read_is_kept(fake):
    session = Session(fake)
    with session.stream(session.call("terminal_execute", token="t", command="sleep 1")) as stream:
        last = stream.event()["id"]
    time.sleep(1.5)
    with session.stream(last=last) as stream:
        assert stream.rest()[-1]["id"] == 1


def test_replies_of_a_large_answer_are_the_same(fake):
    session = Session(fake)
    with session.stream(session.call("terminal_execute", token="t", command="print 40000")) as one:
        whole = one.rest()
        assert whole[-1]["id"] == 1
    with session.stream(last="1-1") as again:
        assert again.rest() == whole


def test_several_streams_break_and_each_gets_its_own(fake):
    session = Session(fake)
    lasts = {}
    for i in range(5):
        with session.stream(session.call("terminal_execute", id=i, token=i,
                                         command=f"sleep {i / 2 + 1}", yield_s=50)) as stream:
            lasts[i] = stream.event()["id"]
    assert len(set(lasts.values())) == 5
    answers = {}

    def fetch(i):
        with session.stream(last=lasts[i]) as stream:
            answers[i] = stream.rest()[-1]

    threads = [threading.Thread(target=fetch, args=(i,)) for i in lasts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {i: answer["id"] for i, answer in answers.items()} == {i: i for i in range(5)}


def test_a_broken_call_is_cancelled_by_notification(fake, finished):
    session = Session(fake)
    with session.stream(session.call("terminal_execute", token="t", command="sleep 30",
                                     yield_s=50)) as stream:
        last = stream.event()["id"]
    session.post({"jsonrpc": "2.0", "method": "notifications/cancelled",
                  "params": {"requestId": 1}})
    assert finished(1)[0] < 10000
    with session.stream(last=last) as stream:
        assert all("id" not in m for m in stream.rest())


def test_delete_ends_broken_calls_and_resumed_streams(fake, finished):
    session = Session(fake)
    with session.stream(session.call("terminal_execute", token="t", command="sleep 30",
                                     yield_s=50)) as stream:
        last = stream.event()["id"]
    with session.stream(last=last) as stream:
        answer = fake.send(None, fake.headers(Mcp_Session_Id=session.id), "DELETE")
        assert answer.status == 200
        stream.rest()
    assert finished(1)[0] < 10000


def test_a_call_closes_its_stream_and_answers_later(changing):
    session = Session(changing)
    start = time.monotonic()
    with session.stream(session.call("test_reconnection")) as stream:
        event = stream.event()
        assert (event["data"], event["retry"]) == ("", "1000")
        assert stream.event() is None
    with session.stream(last=event["id"]) as stream:
        assert "Reconnection" in protocol.text(stream.rest()[-1]["result"])
    assert time.monotonic() - start < 10


def test_clients_that_cannot_come_back_are_not_sent_away(changing):
    session = Session(changing, "2025-06-18")
    answer = session.post(session.call("test_reconnection"))
    assert answer.messages[-1]["id"] == 1
    answer = changing.post(protocol.request(1, "tools/call", {
        "name": "test_reconnection", "arguments": {}}))
    assert answer.messages[-1]["id"] == 1


# ---- questions to the client ----

def test_a_question_survives_a_resume(changing):
    session = Session(changing, sampling={})
    with session.stream(session.call("test_sampling", prompt="hello")) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        primed = stream.event()["id"]
        question = stream.message()
        assert question["method"] == "sampling/createMessage"
    with session.stream(last=primed) as stream:
        assert stream.message() == question
        answer = session.post({"jsonrpc": "2.0", "id": question["id"], "result": {
            "role": "assistant", "content": {"type": "text", "text": "hi there"}, "model": "m"}})
        assert answer.status == 202
        result = stream.message()
        assert result["id"] == 1 and "hi there" in protocol.text(result["result"])
        assert stream.message() is None


def test_a_question_goes_on_its_own_stream_alone(changing):
    session = Session(changing, sampling={})
    with session.stream() as standalone, \
            session.stream(session.call("test_sampling", id=1, prompt="a")) as one, \
            session.stream(session.call("test_sampling", id=2, prompt="b")) as two:
        questions = {1: one.message(), 2: two.message()}
        assert questions[1]["id"] != questions[2]["id"]
        for id, stream in ((2, two), (1, one)):
            session.post({"jsonrpc": "2.0", "id": questions[id]["id"], "result": {
                "role": "assistant", "content": {"type": "text", "text": f"for {id}"},
                "model": "m"}})
            messages = stream.rest()
            assert [m.get("id") for m in messages] == [id]
            assert f"for {id}" in protocol.text(messages[0]["result"])
        trigger(session, "tool")
        assert standalone.message() == changed("tools")


# ---- what is left ----

def test_sessions_with_broken_streams_leave_nothing(fake, rss):
    def round_of(n):
        for _ in range(n):
            session = Session(fake)
            with session.stream(session.call("terminal_execute", token="t",
                                             command="print 20000")) as stream:
                stream.event()
            with session.stream() as stream:
                stream.event()
            fake.send(None, fake.headers(Mcp_Session_Id=session.id), "DELETE")

    round_of(100)
    before = rss(fake.pid)
    round_of(200)
    assert rss(fake.pid) - before < 3 * 1024 * 1024
    until(lambda: not fake.connections())
