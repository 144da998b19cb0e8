"""
Official SDKs behind one face, so that a test reads from top to bottom and runs with each of them.

PythonClient: the Python SDK, its event loop on a thread. NodeClient: a TypeScript SDK, in a Node of
its own (client.mjs). Both: version, server, instructions, capabilities; tools(); ping();
call(tool, **arguments) -> result; start(tool, arguments, ...) -> Pending; close(); resources(),
templates(), read(uri), prompts(), prompt(name, arguments), complete(ref, argument). Results are
dicts as on the wire; an error answer raises RpcError.
"""

import json
import os
import queue
import signal
import subprocess
import threading
import time
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.from_thread import start_blocking_portal
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from lib.paths import NODE, NODE_MODULES
from lib.stdio import RpcError

DRIVER = Path(__file__).with_name("client.mjs")


class Cancelled(Exception):
    """The client itself gave the call up."""


class Pending:
    """A call under way. progress: (progress, message) in order."""

    def __init__(self, cancel):
        self._answer, self._cancel, self.progress = queue.Queue(), cancel, []

    def settle(self, result=None, error=None):
        self._answer.put((result, error))

    def result(self, timeout=60):
        try:
            result, error = self._answer.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f"no answer in {timeout} s") from None
        self.settle(result, error)
        if error:
            raise error
        return result

    def cancel(self):
        self._cancel()


def plain(model):
    return model.model_dump(by_alias=True, exclude_none=True, mode="json")


class Face:
    def call(self, tool, timeout=60, **arguments):
        return self.start(tool, arguments, timeout=timeout).result(timeout + 5)

    def text(self, tool, **arguments):
        """All text of a result that must not be an error."""
        result = self.call(tool, **arguments)
        found = "".join(b["text"] for b in result["content"] if b["type"] == "text")
        assert not result.get("isError"), found
        return found

    def error(self, tool, **arguments):
        """The text of a result that must be an error."""
        result = self.call(tool, **arguments)
        assert result.get("isError"), result
        assert "structuredContent" not in result
        return "".join(b["text"] for b in result["content"])

    closed = False

    def close(self):
        if not self.closed:
            self.closed = True
            self.end()


class PythonClient(Face):
    def __init__(self, connect, mode="auto", **options):
        """connect() -> an async context manager of the SDK's streams; options: of its Client."""
        self._portal_manager = start_blocking_portal()
        self._portal = self._portal_manager.__enter__()
        self.client = Client(connect, mode=mode, **options)
        self._entered = self._portal.wrap_async_context_manager(self.client)
        try:
            self._entered.__enter__()
        except BaseException:
            self._portal_manager.__exit__(None, None, None)
            raise
        self.version = self.client.protocol_version
        self.server = plain(self.client.server_info)
        self.instructions = self.client.instructions
        self.capabilities = plain(self.client.server_capabilities)

    def _run(self, function):
        try:
            return self._portal.call(function)
        except MCPError as e:
            raise RpcError({"code": e.error.code, "message": e.error.message}) from None

    def tools(self):
        return [plain(tool) for tool in self._run(self.client.list_tools).tools]

    def ping(self):
        return plain(self._run(self.client.session.send_ping))

    def _do(self, method, *args):
        return plain(self._run(lambda: getattr(self.client, method)(*args)))

    def resources(self):
        return self._do("list_resources")["resources"]

    def templates(self):
        return self._do("list_resource_templates")["resourceTemplates"]

    def read(self, uri):
        return self._do("read_resource", uri)["contents"]

    def prompts(self):
        return self._do("list_prompts")["prompts"]

    def prompt(self, name, arguments=None):
        return self._do("get_prompt", name, arguments or {})

    def complete(self, ref, argument):
        return self._do("complete", ref, argument)["completion"]

    def start(self, tool, arguments, timeout=60, progress=False):
        scope = self._portal.call(anyio.CancelScope)
        pending = Pending(lambda: self._portal.call(scope.cancel))

        async def on_progress(at, total, message):
            pending.progress.append((at, message))

        async def call():
            with scope:
                try:
                    result = await self.client.call_tool(
                        tool, arguments, read_timeout_seconds=timeout,
                        progress_callback=on_progress if progress else None)
                    pending.settle(plain(result))
                except MCPError as e:
                    pending.settle(error=RpcError(
                        {"code": e.error.code, "message": e.error.message}))
                except Exception as e:
                    pending.settle(error=e)
            if scope.cancelled_caught:
                pending.settle(error=Cancelled())

        self._portal.start_task_soon(call)
        return pending

    def end(self):
        try:
            self._entered.__exit__(None, None, None)
        finally:
            self._portal_manager.__exit__(None, None, None)


def python_stdio(binary, args, mode="auto", stderr=None, **options):
    parameters = StdioServerParameters(
        command=str(binary), args=[*map(str, args)], env=dict(os.environ))
    return PythonClient(stdio_client(parameters, errlog=stderr), mode, **options)


def python_http(server, mode="auto", **options):
    @asynccontextmanager
    async def streams():
        headers = {"Authorization": f"Bearer {server.token}"}
        async with create_mcp_http_client(headers) as http:
            async with streamable_http_client(server.url, http_client=http) as both:
                yield both

    return PythonClient(streams(), mode, **options)


class NodeClient(Face):
    def __init__(self, options, home, stderr=None):
        options |= {"modules": str(NODE_MODULES)}
        self.process = subprocess.Popen(
            [str(NODE), str(DRIVER), json.dumps(options)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=stderr, env=dict(os.environ, HOME=str(home)), text=True)
        self._last, self._pending = 0, {}
        self._write = threading.Lock()
        hello = json.loads(self.process.stdout.readline() or '{"error": "no line from node"}')
        if "error" in hello:
            self.process.wait(10)
            raise AssertionError(hello["error"])
        self.version, self.server = hello["version"], hello["server"]
        self.instructions = hello.get("instructions")
        self.capabilities = hello["capabilities"]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            message = json.loads(line)
            pending = self._pending[message["id"]]
            if "progress" in message:
                at = message["progress"]
                pending.progress.append((at["progress"], at.get("message")))
            elif "error" in message:
                pending.settle(error=RpcError(message["error"]))
            else:
                pending.settle(message["result"])

    def _send(self, op, **more):
        with self._write:
            self._last += 1
            request_id = self._last
            pending = Pending(lambda: self._send("cancel", of=request_id))
            self._pending[request_id] = pending
            self.process.stdin.write(json.dumps({"id": request_id, "op": op, **more}) + "\n")
            self.process.stdin.flush()
        return pending

    def tools(self):
        return self._send("tools").result()

    def ping(self):
        return self._send("ping").result()

    def _do(self, method, *args):
        return self._send("do", method=method, args=args).result()

    def resources(self):
        return self._do("listResources")["resources"]

    def templates(self):
        return self._do("listResourceTemplates")["resourceTemplates"]

    def read(self, uri):
        return self._do("readResource", {"uri": uri})["contents"]

    def prompts(self):
        return self._do("listPrompts")["prompts"]

    def prompt(self, name, arguments=None):
        return self._do("getPrompt", {"name": name, "arguments": arguments or {}})

    def complete(self, ref, argument):
        return self._do("complete", {"ref": ref, "argument": argument})["completion"]

    def start(self, tool, arguments, timeout=60, progress=False):
        return self._send(
            "call", name=tool, arguments=arguments, timeout=timeout, progress=progress)

    def end(self):
        self.process.stdin.close()
        status = self.process.wait(15)
        assert status in (0, -signal.SIGKILL), f"node ended with {status}"


def wait_until(true, seconds=5, what="it"):
    """Until true() is; returns its value."""
    until = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < until, f"not in {seconds} s: {what}"
        time.sleep(0.02)
    return value
