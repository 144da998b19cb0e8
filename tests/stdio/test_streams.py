"""What is said to a stdio client beside answers, in both eras, on one connection."""

import json
import subprocess
import threading
import time

import pytest

from lib import protocol
from lib.paths import BINARY
from lib.stdio import Stdio

SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
FIXTURE = BINARY.rpartition("/")[0] + "/tests/conform/fixture/server"


@pytest.fixture
def changing():
    """A server whose lists change when it is told to."""
    server = Stdio(FIXTURE)
    yield server
    if server.process.poll() is None:
        assert server.close() == 0
    server.kill()


def listen(id, **asked):
    return protocol.request(id, "subscriptions/listen", {"notifications": asked})


def trigger(id, what, modern=True):
    return protocol.request(id, "tools/call", {
        "name": f"test_trigger_{what}_change", "arguments": {}}, modern)


def cancel(id):
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}


def acknowledgement(id, honoured):
    return {"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
            "params": {"_meta": {SUBSCRIPTION: id}, "notifications": honoured}}


def change(id, what="tools"):
    return {"jsonrpc": "2.0", "method": f"notifications/{what}/list_changed",
            "params": {"_meta": {SUBSCRIPTION: id}}}


def until_answer(server, id):
    """What comes before the answer of that id."""
    before = []
    while (message := server.recv()).get("id") != id:
        before.append(message)
    return before


def test_listens_hear_of_changes_with_their_own_ids(changing):
    for id, asked in ((1, {"toolsListChanged": True}), ("1", {"promptsListChanged": True}),
                      (2, {"toolsListChanged": True, "promptsListChanged": True})):
        changing.send(listen(id, **asked))
        assert changing.recv() == acknowledgement(id, asked)
    changing.send(trigger(10, "tool"))
    assert until_answer(changing, 10) == [change(1), change(2)]
    changing.send(trigger(11, "prompt"))
    assert until_answer(changing, 11) == [change("1", "prompts"), change(2, "prompts")]


def test_a_cancelled_listen_says_nothing_more(changing):
    changing.send(listen(1, toolsListChanged=True))
    changing.send(listen(2, toolsListChanged=True))
    assert {changing.recv()["params"]["_meta"][SUBSCRIPTION] for _ in range(2)} == {1, 2}
    changing.send(cancel(1))
    changing.send(cancel(99))
    changing.send(trigger(10, "tool"))
    assert until_answer(changing, 10) == [change(2)]
    changing.send(listen(1, toolsListChanged=True))
    assert changing.recv() == acknowledgement(1, {"toolsListChanged": True})


def test_an_id_is_used_once_at_a_time(changing):
    changing.send(listen(1))
    assert changing.recv() == acknowledgement(1, {})
    changing.send(listen(1))
    assert "in flight" in changing.recv()["error"]["message"]


@pytest.mark.parametrize("end", ["close", "terminate"])
def test_listens_end_gracefully_with_the_server(changing, end):
    for id in (1, "b"):
        changing.send(listen(id, toolsListChanged=True))
        changing.recv()
    assert getattr(changing, end)() == 0
    for id in (1, "b"):
        message = changing.recv()
        assert (message["method"], message["params"]["requestId"]) == ("notifications/cancelled", id)
        message = changing.recv()
        assert (message["id"], message["result"]["resultType"]) == (id, "complete")
        assert message["result"]["_meta"][SUBSCRIPTION] == id
    with pytest.raises(EOFError):
        changing.recv()


def test_a_legacy_session_hears_of_changes_once_it_is_initialized(changing):
    changing.send(trigger(1, "tool"))
    assert until_answer(changing, 1) == []
    result = changing.initialize()
    assert result["capabilities"]["tools"] == {"listChanged": True}
    changing.send(trigger(2, "tool", modern=False))
    assert until_answer(changing, 2) == [
        {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}]


def test_both_eras_on_one_connection_hear_in_their_own_way(changing):
    changing.initialize()
    changing.send(listen(5, promptsListChanged=True))
    assert changing.recv() == acknowledgement(5, {"promptsListChanged": True})
    changing.send(trigger(6, "prompt"))
    assert until_answer(changing, 6) == [
        {"jsonrpc": "2.0", "method": "notifications/prompts/list_changed"}, change(5, "prompts")]


def test_resources_are_subscribed_to(changing):
    changing.initialize()
    watched = {"uri": "test://watched-resource"}
    assert changing.result("resources/subscribe", watched) == {}
    assert changing.result("resources/unsubscribe", watched) == {}
    answer = changing.request("resources/subscribe", {"uri": "test://no"})
    assert (answer["error"]["code"], answer["error"]["data"]) == (-32002, {"uri": "test://no"})


def test_early_close_means_nothing_here(changing):
    changing.initialize()
    result = changing.call("test_reconnection")
    assert "Reconnection" in protocol.text(result)


def test_a_question_comes_and_its_answer_ends_the_call(changing):
    changing.modern = False
    changing.result("initialize", {"protocolVersion": protocol.LEGACY,
                                   "capabilities": {"sampling": {}}, "clientInfo": protocol.CLIENT})
    changing.notify("notifications/initialized")
    ids = [changing.start("tools/call", {"name": "test_sampling", "arguments": {"prompt": p}})
           for p in "ab"]
    questions = [changing.recv() for _ in range(2)]
    assert {q["method"] for q in questions} == {"sampling/createMessage"}
    for question in reversed(questions):
        prompt = question["params"]["messages"][0]["content"]["text"]
        changing.send({"jsonrpc": "2.0", "id": question["id"], "result": {
            "role": "assistant", "content": {"type": "text", "text": f"for {prompt}"},
            "model": "m"}})
    for id, prompt in zip(ids, "ab"):
        assert f"for {prompt}" in protocol.text(changing.response(id)["result"])


def test_changes_do_not_pile_up_for_a_client_that_does_not_read():
    """It is told of a change once, however many there were while it did not read."""
    server = subprocess.Popen([FIXTURE], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
    try:
        lines = [listen(1, toolsListChanged=True)]
        lines += [trigger(i, "tool") | {"id": "x" * 1000 + str(i)} for i in range(3000)]
        text = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        writer = threading.Thread(target=server.stdin.write, args=(text,))
        writer.start()
        time.sleep(2)
        answers = changes = 0
        while answers < 3000:
            line = server.stdout.readline()
            answers += b'"result"' in line
            changes += b"list_changed" in line
        writer.join()
        assert 1 <= changes < 3000
        server.stdin.close()
        assert server.wait(10) == 0
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def test_many_listens_are_refused_beyond_their_bound(changing):
    """512 of one principal."""
    for i in range(512):
        changing.send(listen(i, toolsListChanged=True))
        assert changing.recv()["params"]["_meta"][SUBSCRIPTION] == i
    changing.send(listen("more"))
    assert changing.recv()["error"]["code"] == -32603
    changing.send(trigger("t", "tool"))
    assert until_answer(changing, "t") == [change(i) for i in range(512)]
