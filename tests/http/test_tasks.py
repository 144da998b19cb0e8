"""Tasks over HTTP: status codes, headers, who they belong to, and clients that leave."""

import json
import time

import pytest

from lib import protocol, tasks

UNKNOWN = "task_" + "a" * 26
METHODS = ("tasks/get", "tasks/update", "tasks/cancel")


def message(method, task_id, declared=True, **params):
    params = {"taskId": task_id, "inputResponses": {}} | params
    return protocol.request(1, method, params | ({"_meta": tasks.DECLARED} if declared else {}))


@pytest.mark.parametrize("method", METHODS)
def test_an_unknown_task_is_an_error_in_band(fake, method):
    answer = fake.post(message(method, UNKNOWN))
    assert (answer.status, answer.json["error"]["code"]) == (200, -32602)


@pytest.mark.parametrize("method", METHODS)
def test_a_client_that_does_not_declare_is_refused(fake, method):
    answer = fake.post(message(method, UNKNOWN, declared=False))
    assert (answer.status, answer.json["error"]["code"]) == (400, -32021)
    assert answer.json["error"]["data"] == {
        "requiredCapabilities": {"extensions": {tasks.TASKS: {}}}}


@pytest.mark.parametrize("method", ["tasks/result", "tasks/list"])
def test_the_older_methods_do_not_exist(fake, method):
    answer = fake.post(message(method, UNKNOWN))
    assert (answer.status, answer.json["error"]["code"]) == (404, -32601)


@pytest.mark.parametrize("method", METHODS)
def test_the_name_header_repeats_the_id(fake, method):
    task = tasks.begin(fake, "sleep 5")
    for name, status, code in ((UNKNOWN, 400, -32020), (None, 400, -32020)):
        answer = fake.post(message(method, task["taskId"]), Mcp_Name=name)
        assert (answer.status, answer.json["error"]["code"]) == (status, code)
    answer = fake.post(message(method, task["taskId"]), Mcp_Method="tools/call")
    assert (answer.status, answer.json["error"]["code"]) == (400, -32020)
    assert tasks.get(fake, task)["status"] == "working"
    tasks.cancel(fake, task)


def test_a_client_that_leaves_after_the_answer_keeps_its_task(fake, connect):
    raw = connect()
    raw.post(protocol.request(1, "tools/call", {
        "name": "terminal_execute", "_meta": tasks.DECLARED,
        "arguments": {"command": "sleep 1.5", "yield_s": 0.2}}))
    status, _, body = raw.answer()
    assert status == 200
    task = json.loads(body)["result"]
    raw.close()
    assert tasks.wait(fake, task)["status"] == "completed"


def test_a_client_that_leaves_before_cancels(fake, connect, state_dir):
    raw = connect()
    raw.post(protocol.request(1, "tools/call", {
        "name": "terminal_execute", "_meta": tasks.DECLARED,
        "arguments": {"command": "sleep 30", "yield_s": 1}}))
    time.sleep(0.3)
    raw.close()
    time.sleep(1.5)
    assert not list((state_dir / "v1/task").glob("*.json"))


def test_a_progress_token_streams_until_the_task_is_made(fake):
    answer = fake.post(protocol.request(9, "tools/call", {
        "name": "terminal_execute", "_meta": tasks.DECLARED | {"progressToken": 1},
        "arguments": {"command": "sleep 3", "yield_s": 1.5}}))
    *notes, last = answer.messages
    assert all(each["method"] == "notifications/progress" for each in notes)
    assert last["result"]["resultType"] == "task"
    assert tasks.wait(fake, last["result"])["status"] == "completed"


def test_a_task_belongs_to_its_token(start_server, tmp_path):
    tokens = {"ann": "ann-token-0123456789abcdef", "bob": "bob-token-0123456789abcdef"}
    path = tmp_path / "tokens"
    path.write_text("".join(f"{name}:{token}\n" for name, token in tokens.items()))
    path.chmod(0o600)
    server = start_server("--backend", "fake", "--token-file", path, token=None)

    def ask(who, method, **params):
        return server.request(method, params | {"_meta": tasks.DECLARED},
                              Authorization=f"Bearer {tokens[who]}")

    made = ask("ann", "tools/call", name="terminal_execute",
               arguments={"command": "sleep 3", "yield_s": 0.2})["result"]
    for method in METHODS:
        theirs = ask("bob", method, taskId=made["taskId"], inputResponses={})
        unknown = ask("bob", method, taskId=UNKNOWN, inputResponses={})
        assert theirs["error"] == unknown["error"]
        assert theirs["error"]["code"] == -32602
    assert ask("ann", "tasks/get", taskId=made["taskId"])["result"]["status"] == "working"
    ask("ann", "tasks/cancel", taskId=made["taskId"])


def test_listening_needs_the_extension(fake):
    answer = fake.post(protocol.request(1, "subscriptions/listen", {
        "notifications": {"taskIds": [UNKNOWN]}}))
    assert (answer.status, answer.json["error"]["code"]) == (400, -32021)


def test_tasks_outlive_a_stop_of_the_server(start_server):
    server = start_server("--backend", "fake")
    done = tasks.begin(server, "sleep 0.5")
    before = tasks.wait(server, done)
    running = tasks.begin(server, "sleep 60")
    started = time.monotonic()
    server.close()
    assert time.monotonic() - started < 8
    again = start_server("--backend", "fake")
    assert tasks.get(again, done) == before
    assert tasks.get(again, running)["status"] == "completed"


def test_two_servers_share_a_directory(start_server):
    first, second = (start_server("--backend", "fake") for _ in range(2))
    task = tasks.begin(first, "sleep 30")
    assert tasks.get(second, task)["status"] == "working"
    assert tasks.cancel(second, task)["resultType"] == "complete"
    assert tasks.wait(second, task, 10)["status"] == "cancelled"
    assert tasks.get(first, task)["status"] == "cancelled"


def test_running_tasks_have_a_bound_and_then_calls_answer_as_for_others(fake):
    made = [tasks.begin(fake, "sleep 60", yield_s=0.01) for _ in range(64)]
    result = tasks.call(fake, "terminal_execute", command="sleep 60", yield_s=0.01)
    assert result["resultType"] == "complete"
    assert protocol.text(result).startswith("running")
    for each in made:
        tasks.cancel(fake, each)
    for each in made:
        assert tasks.wait(fake, each)["status"] == "cancelled"
    tasks.cancel(fake, tasks.begin(fake, "sleep 60"))
