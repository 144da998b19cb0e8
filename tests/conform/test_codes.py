"""
Which code and which HTTP status every kind of refusal has, in both eras, from the program itself.
The rows are those of the specification's tables; order and finer cases are in
tests/unit/test_server_http.c and tests/http/test_checks.py.
"""

import pytest

from conform import suite
from conform.wire import Wire, code, error
from lib import protocol
from lib.server import Server

META = "io.modelcontextprotocol/"
VERSION, CLIENT = META + "protocolVersion", META + "clientCapabilities"
ECHO = {"name": "terminal_execute", "arguments": {"command": "echo a"}}
TASKS = {CLIENT: {"extensions": {"io.modelcontextprotocol/tasks": {}}}}
ALL = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]


@pytest.fixture(scope="module")
def wire(binary, tmp_path_factory):
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


def bare(method="tools/list"):
    return {"jsonrpc": "2.0", "id": 1, "method": method}


def versioned(version):
    return protocol.request(1, "tools/list") | {"params": {"_meta": protocol.meta(version)}}


# ---- modern ----

MODERN = {
    # a: what is no POST
    "put": (lambda w: w.raw(None, "PUT"), 405, -32000),
    "get": (lambda w: w.raw(None, "GET"), 405, -32000),
    "delete": (lambda w: w.raw(None, "DELETE"), 405, -32000),
    # b: from where
    "origin": (lambda w: w.modern("tools/list", Origin="http://evil.example.com"), 403, -32000),
    "null origin": (lambda w: w.modern("tools/list", Origin="null"), 403, -32000),
    "host": (lambda w: w.modern("tools/list", Host="evil.example.com"), 403, -32000),
    # c: from whom
    "no token": (lambda w: w.modern("tools/list", Authorization=None), 401, -32000),
    "bad token": (lambda w: w.modern("tools/list", Authorization="Bearer nobody-knows-this"),
                  401, -32000),
    # d, e: in which form
    "content type": (lambda w: w.modern("tools/list", Content_Type="text/plain"), 415, -32000),
    "accept": (lambda w: w.modern("tools/list", Accept="text/html"), 406, -32000),
    "no accept": (lambda w: w.modern("tools/list", Accept=None), 200, None),
    # f: no JSON
    "no JSON": (lambda w: w.raw("{"), 400, -32700),
    "nothing": (lambda w: w.raw(""), 400, -32700),
    "no UTF-8": (lambda w: w.raw(b'{"jsonrpc":"2.0","id":1,"method":"\xff"}'), 400, -32700),
    "overlong UTF-8": (lambda w: w.raw(b'{"jsonrpc":"2.0","id":1,"method":"\xc0\xaf"}'),
                       400, -32700),
    "lone surrogate": (lambda w: w.raw('{"jsonrpc":"2.0","id":1,"method":"\\ud800"}'),
                       400, -32700),
    # g: JSON, but no request
    "batch": (lambda w: w.raw([protocol.request(1, "tools/list")]), 400, -32600),
    "empty batch": (lambda w: w.raw([]), 400, -32600),
    "number": (lambda w: w.raw(7), 400, -32600),
    "response": (lambda w: w.raw({"jsonrpc": "2.0", "id": 1, "result": {}}), 400, -32600),
    "no method": (lambda w: w.raw({"jsonrpc": "2.0", "id": 1}), 400, -32600),
    "null id": (lambda w: w.raw(bare() | {"id": None}), 400, -32600),
    "huge id": (lambda w: w.raw(protocol.request("x" * 1025, "tools/list")), 400, -32600),
    "huge number id": (lambda w: w.raw(
        '{"jsonrpc":"2.0","id":184467440737095516160,"method":"tools/list"}'), 400, -32600),
    "too deep": (lambda w: w.raw("[" * 100_000), 400, -32600),
    "member twice": (lambda w: w.raw(
        '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}'), 400, -32600),
    # h: the envelope
    "no params": (lambda w: w.raw(bare()), 400, -32602),
    "no _meta": (lambda w: w.raw(bare() | {"params": {}}), 400, -32602),
    "no version": (lambda w: w.modern("tools/list", meta={VERSION: None}), 400, -32602),
    "version of a wrong type": (lambda w: w.modern("tools/list", meta={VERSION: 20260728}),
                                400, -32602),
    "no capabilities": (lambda w: w.modern("tools/list", meta={CLIENT: None}), 400, -32602),
    "capabilities of a wrong type": (lambda w: w.modern("tools/list", meta={CLIENT: []}),
                                     400, -32602),
    "no client info": (lambda w: w.modern("tools/list", meta={META + "clientInfo": None}),
                       200, None),
    "no _meta in discover": (lambda w: w.raw(bare("server/discover")), 400, -32602),
    # i: header and body differ
    "header of another version": (lambda w: w.modern(
        "tools/list", MCP_Protocol_Version="2025-11-25"), 400, -32020),
    "no version header": (lambda w: w.modern("tools/list", MCP_Protocol_Version=None),
                          400, -32020),
    "body of another version": (lambda w: w.raw(versioned("v999"), Mcp_Method="tools/list"),
                                400, -32020),
    # j: a version that is not spoken
    "unknown version": (lambda w: w.raw(versioned("v999"), Mcp_Method="tools/list",
                                        MCP_Protocol_Version="v999"), 400, -32022),
    "version of the other era": (lambda w: w.raw(
        versioned("2025-11-25"), Mcp_Method="tools/list", MCP_Protocol_Version="2025-11-25"),
        400, -32022),
    # k: the other headers
    "no Mcp-Method": (lambda w: w.modern("tools/list", Mcp_Method=None), 400, -32020),
    "other Mcp-Method": (lambda w: w.modern("tools/list", Mcp_Method="tools/call"), 400, -32020),
    "Mcp-Method in upper case": (lambda w: w.modern("tools/list", Mcp_Method="TOOLS/LIST"),
                                 400, -32020),
    "padded Mcp-Method": (lambda w: w.modern("tools/list", Mcp_Method="  tools/list\t"),
                          200, None),
    "no Mcp-Name": (lambda w: w.modern("tools/call", ECHO, Mcp_Name=None), 400, -32020),
    "other Mcp-Name": (lambda w: w.modern("tools/call", ECHO, Mcp_Name="file_read"), 400, -32020),
    "encoded Mcp-Name": (lambda w: w.modern(
        "tools/call", ECHO, Mcp_Name="=?base64?dGVybWluYWxfZXhlY3V0ZQ==?="), 200, None),
    "badly encoded Mcp-Name": (lambda w: w.modern(
        "tools/call", ECHO, Mcp_Name="=?base64?dGVybWluYWxfZXhlY3V0ZQ?="), 400, -32020),
    "no Mcp-Name of a resource": (lambda w: w.modern(
        "resources/read", {"uri": "sandbox://policy"}, Mcp_Name=None), 400, -32020),
    # l: a method that is not there
    **{method: (lambda w, method=method: w.modern(method, {"uri": "x:y", "level": "info"}),
                404, -32601)
       for method in ["no/such", "initialize", "ping", "logging/setLevel", "resources/subscribe",
                      "resources/unsubscribe", "tasks/result", "tasks/list",
                      "notifications/initialized"]},
    # m: a capability that the client did not declare
    **{method: (lambda w, method=method: w.modern(
        method, {"taskId": "x", "inputResponses": {}}, Mcp_Name="x"), 400, -32021)
       for method in ["tasks/get", "tasks/update", "tasks/cancel"]},
    "listening to a task": (lambda w: w.modern(
        "subscriptions/listen", {"notifications": {"taskIds": ["x"]}}), 400, -32021),
    # n: params
    "unknown task": (lambda w: w.modern("tasks/get", {"taskId": "x"}, meta=TASKS, Mcp_Name="x"),
                     200, -32602),
    "no task": (lambda w: w.modern("tasks/get", {}, meta=TASKS), 200, -32602),
    "unknown task to cancel": (lambda w: w.modern(
        "tasks/cancel", {"taskId": "x"}, meta=TASKS, Mcp_Name="x"), 200, -32602),
    "name of another task": (lambda w: w.modern(
        "tasks/get", {"taskId": "x"}, meta=TASKS, Mcp_Name="y"), 400, -32020),
    "nothing to listen to": (lambda w: w.modern("subscriptions/listen", {}), 200, -32602),
    "unknown tool": (lambda w: w.modern("tools/call", {"name": "nope"}), 200, -32602),
    "no tool": (lambda w: w.modern("tools/call", {}), 200, -32602),
    "tool of a wrong type": (lambda w: w.modern("tools/call", {"name": 7}, Mcp_Name=None),
                             200, -32602),
    "arguments of a wrong type": (lambda w: w.modern("tools/call", ECHO | {"arguments": []}),
                                  200, -32602),
    "unknown prompt": (lambda w: w.modern("prompts/get", {"name": "nope"}), 200, -32602),
    "unknown resource": (lambda w: w.modern("resources/read", {"uri": "sandbox://nope"}),
                         200, -32602),
    "malformed URI": (lambda w: w.modern("resources/read", {"uri": "no uri"}), 200, -32602),
    "no URI": (lambda w: w.modern("resources/read", {}), 200, -32602),
    "cursor": (lambda w: w.modern("tools/list", {"cursor": "x"}), 200, -32602),
    "empty cursor": (lambda w: w.modern("tools/list", {"cursor": ""}), 200, -32602),
    "cursor of resources": (lambda w: w.modern("resources/list", {"cursor": "x"}), 200, -32602),
    "log level": (lambda w: w.modern("tools/call", ECHO, meta={META + "logLevel": "loud"}),
                  200, -32602),
    "progress token": (lambda w: w.modern("tools/call", ECHO, meta={"progressToken": 1.5}),
                       200, -32602),
    "requestState": (lambda w: w.modern("tools/call", ECHO | {"requestState": "forged"}),
                     200, -32602),
    "inputResponses": (lambda w: w.modern("tools/call", ECHO | {"inputResponses": 7}),
                       200, -32602),
    # o: what a tool refuses is a result
    "argument": (lambda w: w.modern("tools/call", ECHO | {"arguments": {"command": 7.5}}),
                 200, None),
    # q, r: notifications
    "notification": (lambda w: w.raw({"jsonrpc": "2.0", "method": "notifications/initialized"}),
                     202, None),
    "unknown notification": (lambda w: w.raw({"jsonrpc": "2.0", "method": "notifications/x"}),
                             202, None),
    "malformed notification": (lambda w: w.raw({"jsonrpc": "1.0", "method": "notifications/x"}),
                               400, None),
}


@pytest.mark.parametrize("name", MODERN)
def test_modern(wire, name):
    send, status, wanted = MODERN[name]
    answer = send(wire)
    assert (answer.status, code(answer)) == (status, wanted), answer.body


def test_what_is_no_post_says_what_is(wire):
    assert wire.raw(None, "GET").headers["allow"] == "POST"
    assert wire.raw(None, "PUT", modern=False).headers["allow"] == "POST, GET, DELETE"


def test_a_challenge_comes_with_401(wire):
    answer = wire.modern("tools/list", Authorization="Bearer nobody-knows-this")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("name", ["no JSON", "batch", "null id", "number"])
def test_an_id_that_cannot_be_read_is_left_out(wire, name):
    assert "id" not in MODERN[name][0](wire).json


def test_the_supported_versions_are_named(wire):
    data = error(MODERN["unknown version"][0](wire))["data"]
    discovered = wire.modern("server/discover").json["result"]["supportedVersions"]
    assert data == {"supported": ALL, "requested": "v999"}
    assert discovered == ALL


def test_a_missing_resource_is_named(wire):
    answer = wire.modern("resources/read", {"uri": "sandbox://nope"})
    assert error(answer)["data"] == {"uri": "sandbox://nope"}


def test_the_missing_capability_is_named(wire):
    data = error(MODERN["tasks/get"][0](wire))["data"]
    assert data == {"requiredCapabilities": TASKS[CLIENT]}


def test_what_a_tool_refuses_is_a_result(wire):
    result = wire.modern("tools/call", ECHO | {"arguments": {"command": 7.5}}).json["result"]
    assert result["isError"] and "command" in protocol.text(result)


@pytest.mark.parametrize("modern", [True, False])
def test_what_fails_unexpectedly_is_told_in_band(fixture, modern):
    """Row p: of a resource, as what a tool fails at is a result."""
    uri = {"uri": "test://broken"}
    answer = (fixture.modern if modern else fixture.legacy().request)("resources/read", uri)
    assert (answer.status, code(answer)) == (200, -32603)


# ---- legacy ----

LEGACY = {
    "no JSON": (lambda s: s.send("{"), 400, -32700),
    "nothing": (lambda s: s.send(""), 400, -32700),
    "no UTF-8": (lambda s: s.send(b'{"jsonrpc":"2.0","id":1,"method":"\xff"}'), 400, -32700),
    "no JSON-RPC": (lambda s: s.send({"id": 1, "method": "ping"}), 400, -32600),
    "null id": (lambda s: s.send(bare("ping") | {"id": None}), 400, -32600),
    "huge id": (lambda s: s.request("ping", id="x" * 1025), 400, -32600),
    "second initialize": (lambda s: s.request("initialize", {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": protocol.CLIENT}),
        400, -32600),
    "no session": (lambda s: s.request("ping", Mcp_Session_Id=None), 400, -32000),
    "unknown session": (lambda s: s.request("ping", Mcp_Session_Id="x" * 26), 404, -32001),
    "unknown version": (lambda s: s.request("ping", MCP_Protocol_Version="1999-01-01"),
                        400, -32000),
    "initialize with a modern header": (lambda s: s.request("initialize", {
        "protocolVersion": "2025-11-25"}, Mcp_Session_Id=None,
        MCP_Protocol_Version=protocol.MODERN), 400, -32020),
    "modern header without _meta": (lambda s: s.request(
        "ping", MCP_Protocol_Version=protocol.MODERN), 400, -32602),
    "put": (lambda s: s.send(None, "PUT"), 405, -32000),
    "accept": (lambda s: s.request("ping", Accept="text/html"), 406, -32000),
    "accept of a stream": (lambda s: s.send(None, "GET", Accept="application/json"), 406, -32000),
    "content type": (lambda s: s.request("ping", Content_Type="text/plain"), 415, -32000),
    "origin": (lambda s: s.request("ping", Origin="http://evil.example.com"), 403, -32000),
    "unknown method": (lambda s: s.request("no/such"), 200, -32601),
    "a task's method": (lambda s: s.request("tasks/list"), 200, -32601),
    "a modern method": (lambda s: s.request("subscriptions/listen", {"notifications": {}}),
                        200, -32601),
    "unknown resource": (lambda s: s.request("resources/read", {"uri": "sandbox://nope"}),
                         200, -32002),
    "unknown tool": (lambda s: s.request("tools/call", {"name": "nope"}), 200, -32602),
    "unknown prompt": (lambda s: s.request("prompts/get", {"name": "nope"}), 200, -32602),
    "arguments": (lambda s: s.request("tools/call", ECHO | {"arguments": []}), 200, -32602),
    "cursor": (lambda s: s.request("tools/list", {"cursor": "x"}), 200, -32602),
    "log level": (lambda s: s.request("logging/setLevel", {"level": "loud"}), 200, -32602),
    "argument": (lambda s: s.request("tools/call", ECHO | {"arguments": {}}), 200, None),
    "batch": (lambda s: s.send([bare("ping")]), 400, -32600),
    "notification": (lambda s: s.notify("notifications/x"), 202, None),
    "response": (lambda s: s.send({"jsonrpc": "2.0", "id": 1, "result": {}}), 202, None),
    "notification without a session": (lambda s: s.send(
        {"jsonrpc": "2.0", "method": "notifications/initialized"}, Mcp_Session_Id=None),
        400, None),
}


@pytest.mark.parametrize("name", LEGACY)
def test_legacy(wire, name):
    send, status, wanted = LEGACY[name]
    answer = send(wire.legacy())
    assert (answer.status, code(answer)) == (status, wanted), answer.body


def test_a_missing_resource_is_named_in_legacy_too(wire):
    answer = wire.legacy().request("resources/read", {"uri": "sandbox://nope"})
    assert error(answer)["data"] == {"uri": "sandbox://nope"}


def test_a_session_that_was_ended_is_not_found(wire):
    ended = wire.legacy()
    assert ended.send(None, "DELETE").status == 200
    answer = ended.request("ping")
    assert (answer.status, code(answer)) == (404, -32001)


@pytest.mark.parametrize("name, body", [
    ("empty", []), ("initialize", [bare("initialize") | {
        "params": {"protocolVersion": "2025-03-26"}}, bare("ping")])])
def test_arrays_that_are_refused(wire, name, body):
    answer = wire.legacy("2025-03-26").send(body)
    assert (answer.status, code(answer)) == (400, -32600)


@pytest.mark.parametrize("version, has_id", [
    ("2025-11-25", False), ("2025-06-18", True), ("2025-03-26", True), ("2024-11-05", True)])
def test_an_unreadable_id_is_null_for_older_clients(wire, version, has_id):
    answer = wire.legacy(version).send("{")
    assert ("id" in answer.json) == has_id
    assert answer.json.get("id") is None
