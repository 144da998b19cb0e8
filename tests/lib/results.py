"""
Every result of a tool, in any test that uses the clients of this folder, is held against the
outputSchema that the same program lists: by the jsonschema package, not by code of ours.
"""

import functools
import json
import os
import subprocess
import tempfile
from pathlib import Path

import jsonschema

from lib import protocol

PRODUCT = "sandbox-mcp"


@functools.cache
def _judges(binary, structured):
    """Tool name -> validator of its outputSchema."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("SANDBOX_MCP_")}
    with tempfile.TemporaryDirectory(prefix="smcp-") as state:
        done = subprocess.run(
            [binary, "--toolsets", "all", "--structured", structured],
            env=env | {"SANDBOX_MCP_STATE_DIR": state}, capture_output=True, text=True, timeout=60,
            input=json.dumps(protocol.request(1, "tools/list")) + "\n")
    found = {}
    for tool in json.loads(done.stdout)["result"]["tools"]:
        if schema := tool.get("outputSchema"):
            jsonschema.Draft202012Validator.check_schema(schema)
            found[tool["name"]] = jsonschema.Draft202012Validator(schema)
    return found


def _mode(args):
    """What --structured says in a server's arguments."""
    words = [str(arg) for arg in args]
    for i, word in enumerate(words):
        if word == "--structured":
            return words[i + 1]
        if word.startswith("--structured="):
            return word.partition("=")[2]
    return "auto"


class Results:
    """Of one server: sent() gets what goes to it, came() what it says."""

    def __init__(self, binary, args):
        self.binary, self.mode = str(binary), _mode(args)
        self.product = Path(binary).name == PRODUCT
        self.calls = {}

    def sent(self, message):
        for one in message if isinstance(message, list) else [message]:
            if not self.product or not isinstance(one, dict) or one.get("method") != "tools/call":
                continue
            params = one.get("params")
            if isinstance(params, dict) and isinstance(params.get("name"), str):
                modern = "io.modelcontextprotocol/protocolVersion" in (params.get("_meta") or {})
                self.calls[json.dumps(one.get("id"))] = params["name"], modern

    def came(self, message):
        for one in message if isinstance(message, list) else [message]:
            if isinstance(one, dict) and "method" not in one:
                call = self.calls.pop(json.dumps(one.get("id")), None)
                if call and isinstance(one.get("result"), dict):
                    self._check(*call, one["result"])

    def exchange(self, body, messages):
        """All that an HTTP request says and gets; messages() gives what came, when it is asked."""
        if not self.product or b"tools/call" not in (body.encode() if isinstance(body, str) else
                                                     body or b""):
            return
        try:
            sent, came = json.loads(body), messages()
        except (ValueError, RecursionError):
            return
        one = Results(self.binary, ["--structured", self.mode])
        one.sent(sent)
        for message in came:
            one.came(message)

    def _check(self, tool, modern, result):
        if result.get("resultType", "complete") != "complete":
            return
        has = "structuredContent" in result
        judge = _judges(self.binary, self.mode).get(tool) if self.mode != "never" else None
        if result.get("isError") or not judge:
            assert not has, f"{tool}: structuredContent where none may be: {result}"
        elif modern:
            assert has, f"{tool} has an outputSchema and no structuredContent: {result}"
        if has:
            assert isinstance(result["structuredContent"], dict)
            judge.validate(result["structuredContent"])
