"""
Calls under way: cancelling them on both transports, arrays of messages, progress, pages, and many
at once. What a client that leaves does to its call is in tests/http/test_calls.py and
test_leaving.py.
"""

import json
import threading
import time

import pytest

from conform import suite
from conform.clients import wait_until
from conform.wire import Wire, code
from lib import protocol
from lib.server import Server
from lib.stdio import Stdio


@pytest.fixture(scope="module")
def product(binary, tmp_path_factory):
    server = Server(binary, "--backend", "fake", "--log-level", "info",
                    env=suite.clean_env(tmp_path_factory.mktemp("state")))
    yield Wire(server)
    assert server.close() == 0, server.stderr


@pytest.fixture(scope="module")
def fixture(tmp_path_factory):
    server = Server(suite.FIXTURE, "--no-auth", token=None,
                    env=suite.clean_env(tmp_path_factory.mktemp("state")))
    yield Wire(server)
    assert server.close() == 0, server.stderr


def execute(command):
    return {"name": "terminal_execute", "arguments": {"command": command, "yield_s": 50}}


def cancelled(id, **more):
    return {"jsonrpc": "2.0", "method": "notifications/cancelled",
            "params": {"requestId": id, **more}}


# ---- cancelling ----

@pytest.mark.parametrize("modern", [True, False])
def test_on_stdio_a_cancelled_call_stops_and_is_not_answered(start_stdio, tmp_path, modern):
    """The real thing: what the command would have done later is not done."""
    stdio = start_stdio("--workspace", tmp_path, "--allow-root-workspace", modern=modern)
    if not modern:
        stdio.initialize()
    script = "touch begun; sleep 3; touch done"
    stdio.send(protocol.request("c", "tools/call", execute(script), modern))
    wait_until(lambda: (tmp_path / "begun").exists(), 30, "the command to begin")
    stdio.send(cancelled("c", reason="enough"))
    after = stdio.request("tools/call", execute("sleep 4; echo after"), timeout=60)
    assert "after" in protocol.text(after["result"])
    assert not (tmp_path / "done").exists()
    stdio.send(protocol.request("last", "tools/list", modern=modern))
    assert stdio.recv()["id"] == "last", "a cancelled call was answered"


def test_on_http_the_legacy_notification_cancels_and_the_modern_one_does_not(product):
    """A modern client cancels by closing the stream; its notification is taken and ignored."""
    session, answers = product.legacy(), {}

    def run(name, send):
        answers[name] = send()

    threads = [
        threading.Thread(target=run, args=("legacy", lambda: session.request(
            "tools/call", execute("sleep 20"), id="same"))),
        threading.Thread(target=run, args=("modern", lambda: product.modern(
            "tools/call", execute("sleep 2"), id="same"))),
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    assert product.raw(cancelled("same")).status == 202
    assert session.send(cancelled("same")).status == 202
    for thread in threads:
        thread.join(15)
    assert (answers["legacy"].status, answers["legacy"].body) == (202, b"")
    assert "result" in answers["modern"].json


@pytest.mark.parametrize("id", ["unknown", 7, None, 1.5, {}])
def test_cancelling_what_is_not_there_is_ignored(product, id):
    session = product.legacy()
    assert session.send(cancelled(id)).status == 202
    assert session.send({"jsonrpc": "2.0", "method": "notifications/cancelled"}).status == 202
    assert session.request("ping").status == 200


def test_a_session_cancels_only_its_own_calls(product):
    mine, other, answer = product.legacy(), product.legacy(), []
    thread = threading.Thread(target=lambda: answer.append(
        mine.request("tools/call", execute("sleep 1"), id="mine")))
    thread.start()
    time.sleep(0.3)
    assert other.send(cancelled("mine")).status == 202
    thread.join(15)
    assert "result" in answer[0].json


# ---- arrays of messages ----

def ping(id):
    return {"jsonrpc": "2.0", "id": id, "method": "ping"}


def note(method="notifications/x"):
    return {"jsonrpc": "2.0", "method": method}


@pytest.fixture
def old(product):
    """A session of the one revision that has arrays over HTTP."""
    return product.legacy("2025-03-26")


def test_an_array_is_answered_with_an_array(old):
    answer = old.send([
        ping(1), note(), protocol.request("x", "tools/call", execute("echo hi"), modern=False),
        protocol.request(2, "no/such", modern=False), 7, ping("1")])
    assert answer.status == 200
    by_id = {}
    for message in answer.json:
        by_id.setdefault(json.dumps(message.get("id")), message)
    assert len(answer.json) == 5
    assert by_id["1"]["result"] == by_id['"1"']["result"] == {}
    assert "hi" in protocol.text(by_id['"x"']["result"])
    assert by_id["2"]["error"]["code"] == -32601
    assert by_id["null"]["error"]["code"] == -32600


@pytest.mark.parametrize("body", [
    [note()], [note(), note("notifications/initialized")],
    [{"jsonrpc": "2.0", "id": 1, "result": {}}, {"jsonrpc": "2.0", "id": 2, "result": {}}]])
def test_an_array_without_a_request_is_accepted_in_silence(old, body):
    answer = old.send(body)
    assert (answer.status, answer.body) == (202, b"")


def test_progress_of_an_array_comes_before_its_answer(old):
    call = execute("sleep 1.2") | {"_meta": {"progressToken": 5}}
    answer = old.send([ping(1), protocol.request(2, "tools/call", call, modern=False)])
    *notes, last = answer.messages
    assert [n["params"]["progressToken"] for n in notes] == [5]
    messages = last if isinstance(last, list) else [last]
    assert {m["id"] for m in messages} == {1, 2}


@pytest.mark.parametrize("version", ["2025-11-25", "2025-06-18", "2024-11-05"])
def test_other_revisions_have_none_over_http(product, version):
    answer = product.legacy(version).send([ping(1)])
    assert (answer.status, code(answer)) == (400, -32600)


def test_a_modern_request_cannot_hide_in_an_array(old):
    answer = old.send([protocol.request(1, "tools/list")])
    assert [m["error"]["code"] for m in answer.json] == [-32600]


@pytest.mark.parametrize("version, arrays", [
    ("2025-11-25", False), ("2025-06-18", False), ("2025-03-26", True), ("2024-11-05", True)])
def test_arrays_over_stdio(start_stdio, version, arrays):
    stdio = start_stdio("--backend", "fake")
    stdio.initialize(version)
    stdio.send([ping(1), note(), ping(2)])
    answer = stdio.recv()
    if arrays:
        assert sorted(m["id"] for m in answer) == [1, 2]
    else:
        assert answer["error"]["code"] == -32600
    stdio.send([note()])
    if not arrays:
        assert stdio.recv()["error"]["code"] == -32600
    stdio.send(ping("last"))
    assert stdio.recv()["id"] == "last"


# ---- progress ----

@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_automatic_progress_is_spaced_and_grows(product, start_stdio, transport):
    call = execute("sleep 4.5")
    if transport == "http":
        *notes, answer = product.modern("tools/call", call, meta={"progressToken": 1}).messages
    else:
        stdio = start_stdio("--backend", "fake")
        answer = stdio.request("tools/call", call, progressToken=1)
        notes = stdio.notifications
    assert "result" in answer
    assert {n["method"] for n in notes} == {"notifications/progress"}
    assert {n["params"]["progressToken"] for n in notes} == {1}
    values = [n["params"]["progress"] for n in notes]
    assert 2 <= len(values) <= 4
    assert all(later - earlier >= 0.95 for earlier, later in zip(values, values[1:]))


def test_progress_of_a_tool_itself_is_not_spaced(fixture):
    call = {"name": "test_tool_with_progress"}
    *notes, answer = fixture.modern("tools/call", call, meta={"progressToken": "p"}).messages
    assert [(n["params"]["progress"], n["params"]["total"]) for n in notes] == [
        (0, 100), (50, 100), (100, 100)]
    assert "result" in answer
    assert len(fixture.modern("tools/call", call).messages) == 1


# ---- pages ----

def pages(fixture, method, member, cursor=None):
    """The names on each page, from there on."""
    found, seen = [], set()
    while True:
        params = {"cursor": cursor} if cursor is not None else {}
        result = fixture.modern(method, params).json["result"]
        found.append([entry["uri"] for entry in result[member]])
        assert (result["cacheScope"], result["resultType"]) == ("private", "complete")
        cursor = result.get("nextCursor")
        if cursor is None:
            return found
        assert cursor not in seen
        seen.add(cursor)


def test_pages_hold_everything_once(fixture):
    found = pages(fixture, "resources/list", "resources")
    assert [len(page) for page in found[:-1]] == [2] * (len(found) - 1) and len(found) > 1
    names = [name for page in found for name in page]
    assert len(names) == len(set(names)) and "test://static-text" in names


def test_a_cursor_is_good_for_its_list_alone(fixture):
    cursor = fixture.modern("resources/list").json["result"]["nextCursor"]
    again = [pages(fixture, "resources/list", "resources", cursor) for _ in range(2)]
    assert again[0] == again[1]
    middle = len(cursor) // 2
    flipped = cursor[:middle] + ("A" if cursor[middle] != "A" else "B") + cursor[middle + 1:]
    for method, value in [
            ("tools/list", cursor), ("prompts/list", cursor), ("resources/templates/list", cursor),
            ("resources/list", flipped), ("resources/list", cursor + "A"),
            ("resources/list", cursor[:-4]), ("resources/list", ""), ("resources/list", 7)]:
        answer = fixture.modern(method, {"cursor": value})
        assert (answer.status, code(answer)) == (200, -32602), (method, value)


# ---- many at once ----

def compute(seconds, label):
    return {"name": "slow_compute", "arguments": {"seconds": seconds, "label": label}}


def test_ids_of_any_kind_are_kept_apart(tmp_path):
    """Answers come as they are ready, each with the id of its request and of its type."""
    stdio = Stdio(suite.FIXTURE, env=suite.clean_env(tmp_path))
    try:
        ids = [kind for i in range(25) for kind in (i, str(i), -i - 1, f"{i}é\n\"")]
        for n, id in enumerate(ids):
            stdio.send(protocol.request(id, "tools/call", compute((9 - n % 10) / 10, f"[{n}]")))
        answers = [stdio.recv() for _ in ids]
        assert sorted(map(repr, ids)) == sorted(repr(a["id"]) for a in answers)
        for answer in answers:
            assert f"[{ids.index(answer['id'])}]" in protocol.text(answer["result"])
        assert [a["id"] for a in answers] != ids
        assert stdio.close() == 0
    finally:
        stdio.kill()


@pytest.mark.parametrize("id", [
    0, -1, 2**53 + 1, 2**63 - 1, -2**63, 2**64 - 1, "", "x" * 1024, "\u0000\ud7ff\U0001f600",
    "1", " ", "a\nb\r\t\\\""])
def test_every_id_that_is_allowed_is_echoed(product, id):
    assert product.modern("tools/list", id=id).json["id"] == id
    assert product.legacy().request("ping", id=id).json == {
        "jsonrpc": "2.0", "id": id, "result": {}}


def test_one_session_serves_many_requests_at_once(fixture):
    session, wrong = fixture.legacy(), []

    def one(n):
        answer = session.request("tools/call", compute(0.3, f"[{n}]"), id=n)
        if f"[{n}]" not in protocol.text(answer.json["result"]) or answer.json["id"] != n:
            wrong.append(answer.body)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not wrong and not any(thread.is_alive() for thread in threads)


def test_an_id_in_flight_is_refused_and_free_again_afterwards(product):
    session, answers = product.legacy(), []
    thread = threading.Thread(target=lambda: answers.append(
        session.request("tools/call", execute("sleep 1"), id="twice")))
    thread.start()
    time.sleep(0.3)
    answer = session.request("tools/call", execute("echo b"), id="twice")
    assert (answer.status, code(answer)) == (400, -32600)
    thread.join(15)
    assert "result" in answers[0].json
    assert "result" in session.request("tools/call", execute("echo c"), id="twice").json


# ---- log messages ----

def logged(answer):
    """(level, logger) of each message before the answer, which must be the last."""
    *notes, last = answer.messages
    assert "result" in last
    assert {n["method"] for n in notes} <= {"notifications/message"}
    return [(n["params"]["level"], n["params"]["logger"]) for n in notes]


def test_a_modern_request_says_which_log_messages_it_wants(product):
    call, level = execute("echo a"), "io.modelcontextprotocol/logLevel"
    assert logged(product.modern("tools/call", call, meta={level: "debug"})) == [
        ("debug", "sandbox")]
    assert logged(product.modern("tools/call", call, meta={level: "info"})) == []
    assert logged(product.modern("tools/call", call)) == []


def test_a_legacy_session_remembers_its_level(product):
    session, other, call = product.legacy(), product.legacy(), execute("echo a")
    assert logged(session.request("tools/call", call)) == []
    assert session.request("logging/setLevel", {"level": "debug"}).json["result"] == {}
    assert logged(session.request("tools/call", call)) == [("debug", "sandbox")]
    assert logged(other.request("tools/call", call)) == []
    assert session.request("logging/setLevel", {"level": "error"}).json["result"] == {}
    assert logged(session.request("tools/call", call)) == []
