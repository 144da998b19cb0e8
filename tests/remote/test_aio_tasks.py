"""Commands and cells at the service that become tasks."""

import time

import pytest

from lib import protocol, tasks


@pytest.fixture
def client(aio):
    return aio.stdio


def test_a_command_becomes_a_task(client):
    task = tasks.begin(client, "echo one; sleep 2; echo two; exit 3", yield_s=0.5)
    assert tasks.process_id(task).startswith("p_")
    text = protocol.text(tasks.wait(client, task)["result"])
    assert text.startswith("exit 3") and "one\ntwo\n" in text


def test_a_cell_becomes_a_task(client):
    task = tasks.begin(client, "import time\nprint('one', flush=True)\ntime.sleep(2)\n6 * 7",
                       tool="code_execute", yield_s=0.5)
    text = protocol.text(tasks.wait(client, task)["result"])
    assert "one\n" in text and "42" in text


def test_cancel_ends_the_command_at_the_service(client):
    task = tasks.begin(client, "sleep 987", yield_s=0.5)
    tasks.cancel(client, task)
    assert tasks.wait(client, task, 10)["status"] == "cancelled"
    end = time.monotonic() + 10
    while "sleep 987" in protocol.text(client.call(
            "terminal_execute", command="ps -eo args | grep '[s]leep 987'; true")):
        assert time.monotonic() < end
        time.sleep(0.2)
