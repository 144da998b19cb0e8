"""Tasks, as a client uses them that takes them. `client` is a Stdio or a Server."""

import time

TASKS = "io.modelcontextprotocol/tasks"
DECLARED = {"io.modelcontextprotocol/clientCapabilities": {"extensions": {TASKS: {}}}}
OVER = ("completed", "failed", "cancelled")


def request(client, method, params, **more):
    """The result; RpcError otherwise."""
    return client.result(method, params | {"_meta": DECLARED}, **more)


def call(client, tool, **arguments):
    """The answer to tools/call: a task, or the result in place."""
    return request(client, "tools/call", {"name": tool, "arguments": arguments})


def begin(client, command, tool="terminal_execute", **arguments):
    """The task that a command or code became."""
    name = "command" if tool == "terminal_execute" else "code"
    arguments = {name: command, "yield_s": 0.2} | arguments
    made = call(client, tool, **arguments)
    assert made["resultType"] == "task", made
    return made


def get(client, task):
    return request(client, "tasks/get", {"taskId": task["taskId"]})


def cancel(client, task):
    return request(client, "tasks/cancel", {"taskId": task["taskId"]})


def until(client, task, done, seconds=30):
    """tasks/get until done(it)."""
    end = time.monotonic() + seconds
    while not done(got := get(client, task)):
        assert time.monotonic() < end, got
        time.sleep(0.05)
    return got


def wait(client, task, seconds=30):
    """tasks/get once it is over."""
    return until(client, task, lambda got: got["status"] in OVER, seconds)


def process_id(task):
    """Of the command, from the statusMessage."""
    return task["statusMessage"].split()[0]
