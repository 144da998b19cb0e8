"""subscriptions/listen over HTTP."""

import signal
import time

import pytest

from lib import protocol
from lib.events import Stream, until
from lib.paths import BINARY
from lib.server import Server

SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
FIXTURE = BINARY.rpartition("/")[0] + "/tests/conform/fixture/server"
TASKS = {"io.modelcontextprotocol/clientCapabilities": {
    "extensions": {"io.modelcontextprotocol/tasks": {}}}}


@pytest.fixture
def changing():
    """A server whose lists change when it is told to."""
    server = Server(FIXTURE, "--log-level", "debug")
    yield server
    try:
        assert server.close() == 0
    finally:
        server.kill()


def listen(server, id=1, meta=None, timeout=20, **asked):
    message = protocol.request(id, "subscriptions/listen", {"notifications": asked})
    message["params"]["_meta"] |= meta or {}
    return Stream(server, message, timeout)


def trigger(server, what):
    result = server.call(f"test_trigger_{what}_change")
    assert not result.get("isError"), result


def acknowledged(stream, id, honoured):
    assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream")
    message = stream.message()
    assert message == {
        "jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
        "params": {"_meta": {SUBSCRIPTION: id}, "notifications": honoured}}


def test_a_listen_is_acknowledged_and_hears_what_it_asked_for(changing):
    with listen(changing, 7, toolsListChanged=True) as tools, \
            listen(changing, "p", promptsListChanged=True) as prompts:
        acknowledged(tools, 7, {"toolsListChanged": True})
        acknowledged(prompts, "p", {"promptsListChanged": True})
        assert tools.headers["cache-control"] == "no-cache, no-transform"
        assert tools.headers["x-accel-buffering"] == "no"
        for what in ("prompt", "tool", "prompt"):
            trigger(changing, what)
        event = tools.event()
        assert set(event) == {"event", "data"}, "a modern stream has no ids"
        assert '"notifications/tools/list_changed"' in event["data"]
        for _ in range(2):
            assert prompts.message() == {
                "jsonrpc": "2.0", "method": "notifications/prompts/list_changed",
                "params": {"_meta": {SUBSCRIPTION: "p"}}}


def test_the_product_declares_no_change_of_its_tools(fake):
    with listen(fake, toolsListChanged=True) as stream:
        acknowledged(stream, 1, {})


def test_listens_with_the_same_id_on_other_connections(changing):
    with listen(changing, toolsListChanged=True) as a, listen(changing, toolsListChanged=True) as b:
        acknowledged(a, 1, {"toolsListChanged": True})
        acknowledged(b, 1, {"toolsListChanged": True})
        trigger(changing, "tool")
        assert a.message()["method"] == b.message()["method"] == "notifications/tools/list_changed"


@pytest.mark.parametrize("asked,status,code", [
    (None, 200, -32602), ([], 200, -32602), ({"toolsListChanged": "yes"}, 200, -32602),
    ({"resourceSubscriptions": "x:y"}, 200, -32602), ({"resourceSubscriptions": [1]}, 200, -32602),
    ({"resourceSubscriptions": [f"x:{i}" for i in range(300)]}, 200, -32602),
    ({"taskIds": ["t"]}, 400, -32021)])
def test_bad_listens_are_answered_without_a_stream(changing, asked, status, code):
    params = {} if asked is None else {"notifications": asked}
    answer = changing.post(protocol.request(1, "subscriptions/listen", params))
    assert answer.headers["content-type"] == "application/json"
    assert (answer.status, answer.json["error"]["code"]) == (status, code)


def test_task_ids_need_the_extension_and_are_echoed_with_it(changing):
    with listen(changing, taskIds=["t_1"], meta=TASKS) as stream:
        acknowledged(stream, 1, {"taskIds": ["t_1"]})


def test_a_client_that_takes_no_stream_is_refused(changing):
    answer = changing.post(
        protocol.request(1, "subscriptions/listen", {"notifications": {}}),
        Accept="application/json")
    assert answer.status == 406


def test_a_listen_ends_with_a_result_when_the_server_does(changing):
    streams = [listen(changing, i, toolsListChanged=True) for i in range(5)]
    for i, stream in enumerate(streams):
        acknowledged(stream, i, {"toolsListChanged": True})
    changing.process.send_signal(signal.SIGTERM)
    for i, stream in enumerate(streams):
        message = stream.message()
        assert (message["id"], message["result"]["resultType"]) == (i, "complete")
        assert message["result"]["_meta"][SUBSCRIPTION] == i
        assert stream.message() is None
        stream.close()
    assert changing.process.wait(10) == 0


def test_there_are_so_many_listens_and_those_that_left_make_room(changing):
    """512 are the most that one principal has."""
    streams = [listen(changing, i, toolsListChanged=True) for i in range(512)]
    for i, stream in enumerate(streams):
        acknowledged(stream, i, {"toolsListChanged": True})
    with listen(changing, 1000, toolsListChanged=True) as stream:
        assert stream.headers["content-type"] == "application/json"
        assert b"-32603" in stream.answer.read()
    trigger(changing, "tool")
    for i, stream in enumerate(streams):
        assert stream.message()["params"]["_meta"][SUBSCRIPTION] == i
        stream.close()

    def room():
        with listen(changing, toolsListChanged=True) as stream:
            return stream.headers["content-type"] == "text/event-stream"

    until(room)


def test_bursts_are_told_once_to_a_reader_that_is_behind(changing):
    """All of a burst to one who reads, or less; the last change is never lost."""
    with listen(changing, toolsListChanged=True) as stream:
        acknowledged(stream, 1, {"toolsListChanged": True})
        for _ in range(50):
            trigger(changing, "tool")
        assert stream.message()["method"] == "notifications/tools/list_changed"


@pytest.mark.slow
def test_a_quiet_listen_is_kept_alive(changing):
    with listen(changing, timeout=40, toolsListChanged=True) as stream:
        acknowledged(stream, 1, {"toolsListChanged": True})
        start = time.monotonic()
        while not stream.comments:
            line = stream.answer.readline()
            stream.comments += line == b":\n"
        assert 10 < time.monotonic() - start < 30


def test_many_idle_streams_are_cheap_and_leave_nothing(changing, rss):
    """Twice the same: what the first round needed is there for the second."""
    figures = []
    for _ in range(3):
        streams = [listen(changing, i, timeout=60, toolsListChanged=True) for i in range(500)]
        for i, stream in enumerate(streams):
            acknowledged(stream, i, {"toolsListChanged": True})
        figures.append(rss(changing.pid))
        for stream in streams:
            stream.close()
        until(lambda: not changing.connections())
    assert figures[2] - figures[1] < 2 * 1024 * 1024, figures
