"""Tasks over stdio, on the fake backend: what the transport and the end of the client do to them."""

import os
import signal
import time

import pytest

from lib import protocol, tasks
from lib.stdio import RpcError


@pytest.fixture
def fake(start_stdio):
    return start_stdio("--backend", "fake")


def test_the_extension_is_offered_and_nothing_older(fake):
    capabilities = fake.result("server/discover")["capabilities"]
    assert capabilities["extensions"][tasks.TASKS] == {}
    assert "tasks" not in capabilities


def test_it_is_not_offered_to_legacy_clients_and_never_used(start_stdio):
    """Its methods are not there for them."""
    client = start_stdio("--backend", "fake", modern=False)
    result = client.initialize()
    assert not {"extensions", "tasks"} & set(result["capabilities"])
    result = client.result("tools/call", {
        "name": "terminal_execute", "task": {"ttl": 60000},
        "arguments": {"command": "sleep 1", "yield_s": 0.1}})
    assert "resultType" not in result and "taskId" not in result
    assert protocol.text(result).startswith("running")


def test_a_command_that_reaches_its_yield_time_becomes_a_task(fake):
    started = time.monotonic()
    task = tasks.begin(fake, "sleep 1.5", yield_s=0.5)
    assert time.monotonic() - started >= 0.5
    assert task["status"] == "working" and "result" not in task and "task" not in task
    assert tasks.process_id(task).startswith("p_")
    assert isinstance(task["ttlMs"], int) and isinstance(task["pollIntervalMs"], int)
    assert tasks.get(fake, task)["status"] == "working"
    over = tasks.wait(fake, task)
    assert time.monotonic() - started >= 1.5
    assert over["status"] == "completed" and not over["result"].get("isError")
    assert protocol.text(over["result"]).startswith("exit 0")
    assert "io.modelcontextprotocol/related-task" not in over["result"].get("_meta", {})


def test_a_command_that_ends_before_is_answered_in_place(fake):
    result = tasks.call(fake, "terminal_execute", command="sleep 1.5", yield_s=5)
    assert result["resultType"] == "complete"
    assert protocol.text(result).startswith("exit 0")


def test_a_yield_of_zero_always_gives_a_handle(fake):
    result = tasks.call(fake, "terminal_execute", command="sleep 1.5", yield_s=0)
    assert result["resultType"] == "complete"
    assert protocol.text(result).startswith("running")


def test_a_legacy_task_parameter_changes_nothing(fake):
    for declared in (tasks.DECLARED, {}):
        result = fake.result("tools/call", {
            "name": "terminal_execute", "task": {"ttl": 1000}, "_meta": declared,
            "arguments": {"command": "echo hi"}})
        assert result["resultType"] == "complete"


def test_cancel_is_acknowledged_and_idempotent(fake):
    task = tasks.begin(fake, "sleep 60")
    assert tasks.cancel(fake, task)["resultType"] == "complete"
    over = tasks.wait(fake, task, seconds=5)
    assert over["status"] == "cancelled" and "result" not in over and "error" not in over
    assert tasks.cancel(fake, task)["resultType"] == "complete"
    assert tasks.get(fake, task)["status"] == "cancelled"


def test_a_cancelled_notification_does_not_end_a_task(fake):
    fake.send(protocol.request(7, "tools/call", {
        "name": "terminal_execute", "_meta": tasks.DECLARED,
        "arguments": {"command": "sleep 1", "yield_s": 0.1}}))
    task = fake.recv()["result"]
    fake.notify("notifications/cancelled", {"requestId": 7})
    assert tasks.wait(fake, task)["status"] == "completed"


def test_the_id_of_the_request_is_free_again(fake):
    for _ in range(2):
        fake.send(protocol.request(7, "tools/call", {
            "name": "terminal_execute", "_meta": tasks.DECLARED,
            "arguments": {"command": "sleep 2", "yield_s": 0.1}}))
        assert fake.recv()["result"]["resultType"] == "task"


def test_unknown_tasks_and_undeclared_clients_are_refused(fake):
    unknown = {"taskId": "task_" + "a" * 26}
    for method in ("tasks/get", "tasks/cancel", "tasks/update"):
        params = unknown | {"inputResponses": {}}
        with pytest.raises(RpcError) as e:
            tasks.request(fake, method, params)
        assert e.value.error["code"] == -32602
        with pytest.raises(RpcError) as e:
            fake.result(method, params)
        assert e.value.error["code"] == -32021
        assert e.value.error["data"]["requiredCapabilities"] == {"extensions": {tasks.TASKS: {}}}
    for method in ("tasks/result", "tasks/list"):
        with pytest.raises(RpcError) as e:
            tasks.request(fake, method, unknown)
        assert e.value.error["code"] == -32601


@pytest.mark.parametrize("task_id", ["", "task_", "../../etc/passwd", "task_" + "A" * 26,
                                     "task_" + "a" * 27, "x" * 5000, "task_aa\0" + "a" * 23])
def test_any_text_may_come_as_an_id(fake, task_id):
    with pytest.raises(RpcError) as e:
        tasks.request(fake, "tasks/get", {"taskId": task_id})
    assert e.value.error["code"] == -32602


def test_the_end_of_the_client_ends_its_tasks(start_stdio):
    client = start_stdio("--backend", "fake")
    task = tasks.begin(client, "sleep 60")
    started = time.monotonic()
    assert client.close() == 0
    assert time.monotonic() - started < 5
    assert tasks.get(start_stdio("--backend", "fake"), task)["status"] == "completed"


def test_sigterm_does_the_same(start_stdio):
    client = start_stdio("--backend", "fake")
    task = tasks.begin(client, "sleep 60")
    assert client.terminate() == 0
    assert tasks.get(start_stdio("--backend", "fake"), task)["status"] == "completed"


def test_outcomes_survive_sigkill(start_stdio):
    client = start_stdio("--backend", "fake")
    done, running = tasks.begin(client, "sleep 0.5"), tasks.begin(client, "sleep 60")
    before = tasks.wait(client, done)
    os.kill(client.pid, signal.SIGKILL)
    client.process.wait()
    client = start_stdio("--backend", "fake")
    after = tasks.get(client, done)
    assert after == before
    assert tasks.get(client, running)["status"] == "completed"


def test_a_listen_hears_of_each_change(fake):
    task = tasks.begin(fake, "sleep 2")
    fake.send(protocol.request(50, "subscriptions/listen", {
        "_meta": tasks.DECLARED, "notifications": {"taskIds": [task["taskId"]]}}))
    heard = []
    while not heard or heard[-1]["params"].get("status") not in tasks.OVER:
        message = fake.recv()
        assert "method" in message, message
        heard.append(message)
    assert heard[0]["method"] == "notifications/subscriptions/acknowledged"
    assert heard[0]["params"]["notifications"]["taskIds"] == [task["taskId"]]
    assert all(each["method"] == "notifications/tasks" for each in heard[1:])
    last = heard[-1]["params"]
    assert last["_meta"]["io.modelcontextprotocol/subscriptionId"] == 50
    got = tasks.get(fake, task)
    for each in (last, got):
        each.pop("_meta")
        each.pop("resultType", None)
    assert last == got


def test_many_tasks_at_once(fake):
    made = [tasks.begin(fake, "sleep 1", yield_s=0.05) for _ in range(20)]
    assert len({each["taskId"] for each in made}) == 20
    for each in made:
        assert tasks.wait(fake, each)["status"] == "completed"
