"""Both eras on one process: in which order they may begin, and what each revision gets to see."""

import json

import pytest

from conform import suite
from conform.wire import Wire
from lib import protocol
from lib.server import Server
from lib.stdio import Stdio

LEGACY = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]
ECHO = {"name": "terminal_execute", "arguments": {"command": "echo a"}}
WRITE = {"name": "file_write", "arguments": {"path": "a.txt", "content": "1\n"}}
PLOT = {"name": "code_execute", "arguments": {"code": "plot"}}


@pytest.fixture
def stdio(start_stdio):
    return start_stdio("--backend", "fake")


# ---- the order on stdio ----

class Steps:
    """What a client may do, each with a look at the answer; ids of both eras interleave."""

    def __init__(self, stdio):
        self.stdio, self.last = stdio, 0

    def send(self, method, params=None, modern=True):
        self.last += 1
        self.stdio.send(protocol.request(self.last, method, params, modern))
        answer = self.stdio.response(self.last)
        assert "result" in answer, answer
        return answer["result"]

    def discover(self):
        assert self.send("server/discover")["supportedVersions"][0] == protocol.MODERN

    def initialize(self):
        result = self.send("initialize", {
            "protocolVersion": protocol.LEGACY, "capabilities": {},
            "clientInfo": protocol.CLIENT}, modern=False)
        assert result["protocolVersion"] == protocol.LEGACY
        assert "resultType" not in result
        self.stdio.notify("notifications/initialized")

    def modern(self):
        result = self.send("tools/call", ECHO)
        assert result["resultType"] == "complete" and "a" in protocol.text(result)

    def legacy(self):
        result = self.send("tools/call", ECHO, modern=False)
        assert "resultType" not in result and "a" in protocol.text(result)

    def ping(self):
        assert self.send("ping", modern=False) == {}


@pytest.mark.parametrize("steps", [
    "initialize ping legacy", "discover initialize ping legacy", "discover modern modern discover",
    "modern initialize modern legacy modern ping discover legacy",
    "modern discover initialize legacy modern", "initialize discover legacy modern ping"])
def test_eras_begin_in_any_order_and_go_on_side_by_side(stdio, steps):
    client = Steps(stdio)
    for step in steps.split():
        getattr(client, step)()


def test_a_client_whose_discover_failed_goes_on_the_legacy_way(stdio):
    """One that probes with a version of the future, or with nothing."""
    stdio.send(protocol.request(1, "server/discover", {"_meta": protocol.meta("2031-01-01")}))
    assert stdio.response(1)["error"]["code"] == -32022
    stdio.send({"jsonrpc": "2.0", "id": 2, "method": "server/discover"})
    assert stdio.response(2)["error"]["code"] == -32602
    client = Steps(stdio)
    client.last = 2
    client.initialize()
    client.legacy()


def test_discover_is_answered_while_calls_run(stdio):
    for id in range(20):
        stdio.send(protocol.request(id, "tools/call", {
            "name": "terminal_execute", "arguments": {"command": "sleep 2"}}))
    stdio.send(protocol.request("probe", "server/discover"))
    assert stdio.recv()["id"] == "probe"


def test_nothing_is_remembered_of_a_modern_request(stdio):
    """Neither its version nor its log level nor its capabilities."""
    stdio.send(protocol.request(1, "tools/call", ECHO, **{
        "io.modelcontextprotocol/logLevel": "debug",
        "io.modelcontextprotocol/clientCapabilities": {"sampling": {}}}))
    assert "result" in stdio.response(1)
    stdio.send({"jsonrpc": "2.0", "id": 2, "method": "tools/list",
                "params": {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}})
    assert stdio.response(2)["error"]["code"] == -32602


# ---- what a revision sees ----

@pytest.fixture(scope="module")
def product(binary, tmp_path_factory):
    server = Server(binary, "--backend", "fake",
                    env=suite.clean_env(tmp_path_factory.mktemp("state")))
    yield Wire(server)
    assert server.close() == 0, server.stderr


@pytest.fixture(scope="module")
def fixture(tmp_path_factory):
    server = Server(suite.FIXTURE, "--no-auth", token=None,
                    env=suite.clean_env(tmp_path_factory.mktemp("state")))
    yield Wire(server)
    assert server.close() == 0, server.stderr


def ask(wire, version, method, params=None):
    """The result in that revision."""
    if version == protocol.MODERN:
        return wire.modern(method, params).json["result"]
    return wire.legacy(version).request(method, params).json["result"]


MODERN_MEMBERS = {"resultType", "ttlMs", "cacheScope"}
LISTS = ["tools/list", "prompts/list", "resources/list", "resources/templates/list"]


@pytest.mark.parametrize("method", LISTS)
@pytest.mark.parametrize("version", LEGACY)
def test_legacy_lists_have_no_modern_members(fixture, version, method):
    result = ask(fixture, version, method)
    assert not MODERN_MEMBERS & set(result)
    assert "_meta" not in result


@pytest.mark.parametrize("method", [*LISTS, "server/discover"])
def test_modern_lists_have_them_all(fixture, method):
    result = ask(fixture, protocol.MODERN, method)
    assert result["resultType"] == "complete"
    assert isinstance(result["ttlMs"], int) and result["ttlMs"] >= 0
    assert result["cacheScope"] in ("public", "private")
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"]


# revision: does a tool have (title, annotations, annotations.title, outputSchema)
TOOLS = {
    "2026-07-28": (True, True, False, True), "2025-11-25": (True, True, False, True),
    "2025-06-18": (True, True, False, True), "2025-03-26": (False, True, True, False),
    "2024-11-05": (False, False, False, False),
}


@pytest.mark.parametrize("version", TOOLS)
def test_tools_are_listed_as_the_revision_knows_them(product, version):
    tools = ask(product, version, "tools/list")["tools"]
    written = next(tool for tool in tools if tool["name"] == "file_write")
    assert (
        "title" in written, "annotations" in written,
        "title" in written.get("annotations", {}), "outputSchema" in written) == TOOLS[version]
    assert all(tool["description"] and tool["inputSchema"]["type"] == "object" for tool in tools)
    assert [tool["name"] for tool in tools] == sorted(tool["name"] for tool in tools)


@pytest.mark.parametrize("version", TOOLS)
def test_results_are_projected(product, version):
    written = ask(product, version, "tools/call", WRITE)
    assert ("structuredContent" in written) == TOOLS[version][3]
    assert ("resultType" in written) == (version == protocol.MODERN)
    assert "a.txt" in protocol.text(written)
    plotted = ask(product, version, "tools/call", PLOT)
    assert "image" in [block["type"] for block in plotted["content"]]
    assert "structuredContent" not in plotted
    failed = ask(product, version, "tools/call", ECHO | {"arguments": {}})
    assert failed["isError"] and "structuredContent" not in failed


@pytest.mark.parametrize("version", TOOLS)
def test_audio_is_told_in_words_where_there_is_none(fixture, version):
    (block,) = ask(fixture, version, "tools/call", {"name": "test_audio_content"})["content"]
    if version == "2024-11-05":
        assert block["type"] == "text" and "audio/wav" in block["text"]
    else:
        assert block["type"] == "audio" and block["mimeType"] == "audio/wav"


@pytest.mark.parametrize("version", TOOLS)
def test_progress_has_a_message_where_there_is_one(product, version):
    call = {"name": "terminal_execute", "arguments": {"command": "sleep 1.2", "yield_s": 50}}
    token = {"progressToken": "t"}
    if version == protocol.MODERN:
        answer = product.modern("tools/call", call, meta=token)
    else:
        answer = product.legacy(version).request("tools/call", call | {"_meta": token})
    first, *_, last = answer.messages
    assert first["method"] == "notifications/progress"
    assert ("message" in first["params"]) == (version != "2024-11-05")
    assert "result" in last


@pytest.mark.parametrize("version", LEGACY)
def test_a_missing_resource_has_the_legacy_code(fixture, version):
    answer = fixture.legacy(version).request("resources/read", {"uri": "test://none"})
    assert answer.json["error"]["code"] == -32002


@pytest.mark.parametrize("version", [*LEGACY, "2026-07-28", "1999-01-01", "2031-01-01"])
def test_initialize_never_answers_with_a_modern_version(product, version):
    result = product.legacy(version if version in LEGACY else protocol.LEGACY).result
    stdio = Stdio(suite.BINARY, "--backend", "fake")
    try:
        assert result["protocolVersion"] in LEGACY
        chosen = stdio.initialize(version)["protocolVersion"]
        assert chosen == (version if version in LEGACY else LEGACY[0])
    finally:
        assert stdio.close() == 0


def test_empty_results_are_empty_in_legacy(product):
    session = product.legacy()
    assert session.request("ping").json["result"] == {}
    assert session.request("logging/setLevel", {"level": "info"}).json["result"] == {}


@pytest.mark.parametrize("version", TOOLS)
def test_what_is_declared_is_there_and_nothing_else_is(product, version):
    if version == protocol.MODERN:
        declared = ask(product, version, "server/discover")["capabilities"]
    else:
        declared = product.legacy(version).result["capabilities"]
    methods = {"tools": "tools/list", "prompts": "prompts/list", "resources": "resources/list"}
    for capability, method in methods.items():
        answer = (product.modern(method) if version == protocol.MODERN
                  else product.legacy(version).request(method))
        served = "result" in answer.json
        assert served == (capability in declared), (capability, json.dumps(answer.json)[:300])
        assert served or answer.json["error"]["code"] == -32601
