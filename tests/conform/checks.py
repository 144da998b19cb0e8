"""
What every SDK must be able to do, on each transport and in each era; the test files give the
clients. Commands run in a real sandbox.
"""

import json
import os
import time

import jsonschema
import pytest

from conform.clients import Cancelled, wait_until
from lib import catalogue
from lib.processes import started
from lib.protocol import text
from lib.stdio import RpcError

TOOLS = set(catalogue.listed(catalogue.DEFAULT))
STRUCTURED = {name for name in TOOLS if catalogue.TOOLS[name]["class"] == "S"}


def running(*words):
    """{(pid, start)} of the machine's processes whose arguments begin so."""
    wanted = b"\0".join(word.encode() for word in words) + b"\0"
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as f:
                here = f.read().startswith(wanted)
        except OSError:
            continue
        if here and (start := started(int(name))) is not None:
            found.add((int(name), start))
    return found


PAGE = """data:text/html,<title>Page</title><label>Name <input oninput="document.title=value">
</label><button onclick="this.textContent='Pressed'">Press</button><p>Some words</p>"""


def browse(call, tools):
    """Every browser and recording tool of the default list."""
    if "browser_navigate" not in tools:
        return
    opened = call("browser_navigate", url=PAGE.replace("\n", " "))["structuredContent"]
    assert opened["title"] == "Page"
    recording = call("recording_start", kind="actions")["structuredContent"]["recording_id"]
    assert 'button "Press"' in text(call("browser_snapshot"))
    found = call("browser_find", text="Press")["structuredContent"]["matches"]
    call("browser_click", target=found[0]["ref"])
    assert call("browser_wait", text="Pressed")["structuredContent"]["matched"]
    assert "Name" in text(call("browser_type", target='role=textbox[name="Name"]', text="anna"))
    assert "Some words" in text(call("browser_extract"))
    shot = [part for part in call("browser_screenshot")["content"] if part["type"] == "image"]
    assert len(shot) == 1 and shot[0]["mimeType"] == "image/jpeg"
    pages = call("browser_tabs", action="list")["structuredContent"]["pages"]
    assert [page["title"] for page in pages] == ["anna"]
    call("recording_control", recording_id=recording, action="stop")
    kept = call("recording_list")["structuredContent"]["recordings"]
    assert [one["recording_id"] for one in kept] == [recording]
    assert recording in text(call("recording_get", recording_id=recording))
    call("recording_delete", recording_ids=[recording])


class Checks:
    """Subclasses have a fixture `client`."""

    def test_it_says_what_it_is(self, client, expected_version):
        assert client.version == expected_version
        assert client.server["name"] == "sandbox-mcp" and client.server["version"]
        assert "tools" in client.capabilities
        assert "/workspace" in client.instructions and len(client.instructions) <= 2048

    def test_tools_and_their_schemas(self, client):
        tools = {tool["name"]: tool for tool in client.tools()}
        assert set(tools) == TOOLS
        for name, tool in tools.items():
            for key in ("inputSchema", "outputSchema"):
                if key in tool:
                    jsonschema.Draft202012Validator.check_schema(tool[key])
                    assert tool[key]["type"] == "object", name
            assert set(tool["annotations"]) >= {
                "readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}, name
            assert tool["title"] and 0 < len(tool["description"]) <= 300, name
            assert ("outputSchema" in tool) == (name in STRUCTURED), name

    def test_ping(self, client, era):
        if era == "legacy":
            assert client.ping() == {}
        else:
            with pytest.raises(RpcError):
                client.ping()

    def test_every_tool(self, client):
        def call(name, **arguments):
            called.add(name)
            jsonschema.validate(arguments, tools[name]["inputSchema"])
            result = client.call(name, **arguments)
            assert not result.get("isError"), result
            if schema := tools[name].get("outputSchema"):
                jsonschema.validate(result["structuredContent"], schema)
            else:
                assert "structuredContent" not in result
            assert result["content"]
            return result

        tools, called = {tool["name"]: tool for tool in client.tools()}, set()
        written = call("file_write", path="hello.txt", content="one\ntwo\n")["structuredContent"]
        assert written["bytes_written"] == 8 and written["created"] is True
        assert "two" in text(call("file_read", path="hello.txt"))
        assert "hello.txt" in text(call("file_list"))
        assert "hello.txt:2" in text(call("file_search", pattern="two"))
        call("file_replace", path="hello.txt", edits=[{"old": "two", "new": "three"}])
        assert "three" in text(call("file_read", path="hello.txt"))
        assert "exit 3" in text(call("terminal_execute", command="exit 3"))
        assert "42" in text(call("code_execute", code="6 * 7"))
        process_id = json.loads(json.dumps(
            call("terminal_execute", command="sleep 300", yield_s=0)["_meta"]))[
                "sandbox-mcp/process_id"]
        assert process_id in text(call("terminal_output", process_id=process_id))
        killed = call("terminal_kill", id=process_id)["structuredContent"]
        assert killed["status"] == "killed"
        info = call("sandbox_info", include=["processes"])["structuredContent"]
        assert info["state"] == "running" and info["workspace"] == "/workspace"
        opened = call("terminal_session", action="open", command="echo from a terminal",
                      wait_for="terminal")
        assert "from a terminal" in text(opened)
        assert "three" in text(call("markitdown_convert", uri="hello.txt"))
        browse(call, tools)
        assert called == set(tools)

    def test_pictures_come_as_pictures(self, client):
        result = client.call("code_execute", code=PICTURE)
        image = [block for block in result["content"] if block["type"] == "image"]
        assert [block["mimeType"] for block in image] == ["image/png"]
        assert image[0]["data"] == PNG and "structuredContent" not in result

    def test_errors_are_results(self, client):
        assert client.error("file_read", path="missing.txt").startswith("not_found: ")
        assert client.error("terminal_output", process_id="p_none").startswith("not_found: ")
        said = client.error("terminal_execute", command="echo", comand="echo")
        assert said.startswith("invalid_argument: ") and "comand" in said and "command" in said
        said = client.error("terminal_execute", command="echo", yield_s=51)
        assert "yield_s" in said and "50" in said
        said = client.error("terminal_execute")
        assert "command" in said
        assert "hi" in client.text("terminal_execute", command="echo hi")

    def test_an_unknown_tool(self, client):
        with pytest.raises(RpcError) as caught:
            client.call("no_such_tool")
        assert caught.value.error["code"] == -32602
        assert "no_such_tool" in caught.value.error["message"]

    def test_twenty_at_once(self, client):
        client.text("terminal_execute", command="true")
        start = time.monotonic()
        calls = [client.start("terminal_execute", {"command": f"sleep 0.5; echo number {i}"})
                 for i in range(20)]
        for i, call in enumerate(calls):
            assert f"number {i}\n" in text(call.result()) + "\n"
        assert time.monotonic() - start < 8

    def test_a_cancelled_command_is_gone(self, client):
        seconds = f"3600.{time.time_ns() % 10**9:09}"
        call = client.start("terminal_execute", {
            "command": f"sleep {seconds} & (setsid sleep {seconds} &) ; sleep {seconds}"})
        assert len(wait_until(lambda: len(running("sleep", seconds)) == 3 and
                              running("sleep", seconds), what="three sleeps")) == 3
        call.cancel()
        with pytest.raises((RpcError, Cancelled)):
            call.result(10)
        wait_until(lambda: not running("sleep", seconds), what="no sleep left")
        assert "still here" in client.text("terminal_execute", command="echo still here")

    def test_progress(self, client):
        call = client.start("terminal_execute", {
            "command": "for i in 1 2 3 4; do echo step $i; sleep 0.4; done"}, progress=True)
        assert "step 4" in text(call.result())
        values = [value for value, _ in call.progress]
        assert values and values == sorted(set(values))
        assert any("step" in (message or "") for _, message in call.progress), call.progress

    def test_the_client_is_killed_in_the_middle(self, client, transport, era, other):
        """What it started ends with it, but over legacy HTTP, where it stays under its handle."""
        seconds = f"3601.{time.time_ns() % 10**9:09}"
        leaving = other(f"sleep {seconds}")
        try:
            wait_until(lambda: running("sleep", seconds), 15, "a sleep")
        finally:
            leaving.kill()
            leaving.wait()
        if transport == "stdio" or era == "modern":
            wait_until(lambda: not running("sleep", seconds), what="no sleep left")
        else:
            time.sleep(1)
            assert running("sleep", seconds)
        assert "alive" in client.text("terminal_execute", command="echo alive")


PNG = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJ"
       "RU5ErkJggg==")
PICTURE = f"""
import base64
class Picture:
    def _repr_png_(self):
        return base64.b64decode("{PNG}")
Picture()
"""
