"""The Inspector's command line: each era on each transport, and its exit codes."""

import json
import subprocess

import pytest

from conform.checks import TOOLS
from lib import protocol
from lib.paths import NODE_MODULES, node_env

OK, FAILED, UNAUTHORIZED, UNREACHABLE, TOOL_FAILED = 0, 1, 3, 4, 5
VERSIONS = {"modern": protocol.MODERN, "auto": protocol.MODERN, "legacy": protocol.LEGACY}


class Inspector:
    def __init__(self, target, home, era):
        self.target, self.env, self.era = target, node_env(home), era

    def run(self, method, *words, target=None):
        """(exit code, result or None, error's code or None)"""
        before, after = target or self.target
        done = subprocess.run(
            [f"{NODE_MODULES}/.bin/mcp-inspector", "--cli", *before, "--protocol-era", self.era,
             "--method", method, *words, "--format", "json", "-q", *after],
            env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        errors = [line for line in done.stderr.splitlines() if line.startswith('{"error"')]
        return (done.returncode, json.loads(done.stdout)["result"] if done.stdout else None,
                json.loads(errors[-1])["error"]["code"] if errors else None)

    def call(self, tool, **arguments):
        return self.run("tools/call", "--tool-name", tool, "--tool-args-json",
                        json.dumps(arguments))


@pytest.fixture(params=["stdio", "http"])
def target(request, binary, start_server):
    """The words of the command line before and after the rest."""
    if request.param == "stdio":
        return [], ["--", binary]
    server = start_server()
    token = f"Authorization: Bearer {server.token}"
    return [server.url, "--transport", "http", "--header", token], []


@pytest.fixture(params=["modern", "auto", "legacy"])
def inspector(request, target, tmp_path):
    return Inspector(target, tmp_path, request.param)


def test_it_connects_and_lists(inspector):
    code, found, _ = inspector.run("initialize")
    assert code == OK and found["protocolVersion"] == VERSIONS[inspector.era]
    assert found["serverInfo"]["name"] == "sandbox-mcp" and found["instructions"]
    code, found, _ = inspector.run("tools/list", "--strict")
    assert code == OK and {tool["name"] for tool in found["tools"]} == TOOLS


@pytest.mark.parametrize("inspector", ["modern", "legacy"], indirect=True)
def test_it_calls(inspector):
    code, found, _ = inspector.call("terminal_execute", command="echo $((6 * 7)); exit 3")
    assert code == OK and "exit 3" in protocol.text(found) and "\n42\n" in protocol.text(found)
    code, found, _ = inspector.call("file_write", path="a/b.txt", content="text")
    assert code == OK and found["structuredContent"]["bytes_written"] == 4
    code, found, error = inspector.call("file_read", path="missing.txt")
    assert (code, error) == (TOOL_FAILED, "tool_is_error") and found["isError"]
    code, found, error = inspector.call("no_such_tool")
    assert (code, error) == (TOOL_FAILED, "tool_not_found")
    code, *_ = inspector.run("resources/read", "--uri", "sandbox://nothing")
    assert code == FAILED


def test_a_wrong_token_and_no_server(start_server, tmp_path):
    server = start_server()
    inspector = Inspector(([server.url, "--transport", "http"], []), tmp_path, "modern")
    code, *_ = inspector.run("tools/list")
    assert code == UNAUTHORIZED
    server.close()
    code, *_ = inspector.run("tools/list")
    assert code == UNREACHABLE


def test_load(start_server, tmp_path):
    server = start_server()
    words = ["--transport", "http", "--header", f"Authorization: Bearer {server.token}"]
    inspector = Inspector(([server.url, *words], []), tmp_path, "modern")
    code, found, _ = inspector.run(
        "tools/call", "--tool-name", "terminal_execute", "--tool-arg", "command=echo hi",
        "--load", "--load-requests", "300", "--load-concurrency", "20")
    assert code == OK, found
