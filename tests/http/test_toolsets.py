"""Tools chosen by the path /mcp/x/..., and parameters that are repeated in headers."""

import json

import pytest

from lib import catalogue, protocol

ALL = catalogue.listed(browser=False)
DEFAULT = catalogue.listed(catalogue.DEFAULT, browser=False)
CORE = catalogue.listed(["core"], browser=False)


def reading(names):
    return [name for name in names if catalogue.TOOLS[name]["annotations"]["readOnlyHint"]]


def names(server, path):
    return [tool["name"] for tool in server.result("tools/list", path=path)["tools"]]


def ask(server, path, method="tools/list", **more):
    return server.post(protocol.request(1, method, **more), path=path)


@pytest.mark.parametrize("path, wanted", [
    ("/mcp/x/all", DEFAULT),
    ("/mcp/x/core", CORE),
    ("/mcp/x/core/", CORE),
    ("/mcp/x/core/readonly", reading(CORE)),
    ("/mcp/x/readonly/core", reading(CORE)),
    ("/mcp/x/readonly", reading(DEFAULT)),
    ("/mcp/x/file_read,code_execute", ["code_execute", "file_read"]),
    ("/mcp/x/file_read%2Ccode_execute", ["code_execute", "file_read"]),
    ("/mcp/x/file_read,file_write/readonly", ["file_read"]),
    ("/mcp/x/slim", ["code_execute", "terminal_execute", "terminal_output"]),
    ("/mcp/x/slim?x=1", ["code_execute", "terminal_execute", "terminal_output"]),
])
def test_a_path_chooses(fake, path, wanted):
    assert names(fake, path) == wanted


@pytest.mark.parametrize("path, status", [
    ("/mcp/x/nope", 404), ("/mcp/x/core,nope", 404), ("/mcp/x/file_write/readonly", 404),
    ("/mcp/x/", 400), ("/mcp/x//", 400), ("/mcp/x/core//", 400), ("/mcp/x/core/slim", 400),
    ("/mcp/x/core,", 400), ("/mcp/x/readonly/readonly", 400), ("/mcp/x/" + "a" * 600, 400),
    ("/mcp/xcore", 404), ("/mcp/readonly", 404)])
def test_a_path_that_chooses_nothing_is_refused(fake, path, status):
    answer = ask(fake, path)
    assert answer.status == status
    if "/mcp/x/" in path:
        assert answer.json["error"]["code"] == -32000 and "id" not in answer.json


def test_a_path_is_not_judged_without_a_token(fake):
    message = protocol.request(1, "tools/list")
    for path in ("/mcp/x/core", "/mcp/x/nope"):
        assert fake.post(message, path=path, Authorization=None).status == 401


def test_all_is_all_that_was_launched(start_fake):
    assert names(start_fake("--toolsets", "all"), "/mcp/x/all") == ALL


def test_a_path_does_not_widen_what_the_launch_allows(start_fake):
    server = start_fake("--toolsets", "slim", "--exclude", "code_execute")
    assert names(server, "/mcp") == ["terminal_execute", "terminal_output"]
    assert names(server, "/mcp/x/all") == ["terminal_execute", "terminal_output"]
    assert names(server, "/mcp/x/core/readonly") == ["terminal_output"]
    assert ask(server, "/mcp/x/code_execute").status == 404


def test_a_tool_outside_of_the_path_is_unknown(fake):
    message = protocol.request(1, "tools/call", {
        "name": "file_write", "arguments": {"path": "a", "content": "b"}})
    assert "result" in fake.post(message).json
    for path in ("/mcp/x/slim", "/mcp/x/readonly"):
        answer = fake.post(message, path=path)
        assert answer.json["error"] == {"code": -32602, "message": "Unknown tool: file_write"}


def test_paths_share_a_connection(fake, connect):
    raw, message = connect(), protocol.request(1, "tools/list")
    body, found = json.dumps(message).encode(), []
    for path in ("/mcp", "/mcp/x/slim", "/mcp", "/mcp/x/readonly"):
        raw.send(raw.head(message, path=path, length=len(body)) + body)
        status, _, text = raw.answer()
        assert status == 200
        found.append([tool["name"] for tool in json.loads(text)["result"]["tools"]])
    assert found[0] == found[2] != found[1] != found[3] == reading(DEFAULT)


def test_a_session_stays_on_the_path_of_its_initialize(fake):
    start = protocol.request(1, "initialize", {
        "protocolVersion": protocol.LEGACY, "capabilities": {}, "clientInfo": protocol.CLIENT},
        modern=False)
    session = fake.post(start, path="/mcp/x/slim").headers["mcp-session-id"]
    message = protocol.request(2, "tools/list", modern=False)
    answer = fake.post(message, path="/mcp/x/slim", Mcp_Session_Id=session)
    assert len(answer.json["result"]["tools"]) == 3
    for path in ("/mcp", "/mcp/x/core", "/mcp/x/slim/readonly"):
        answer = fake.post(message, path=path, Mcp_Session_Id=session)
        assert (answer.status, answer.json["error"]["code"]) == (404, -32001)
        assert fake.send(None, fake.headers(Mcp_Session_Id=session), "DELETE", path).status == 404
    answer = fake.post(message, path="/mcp/x/slim/", Mcp_Session_Id=session)
    assert answer.status == 200, "the same tools are the same view"
    answer = fake.send(None, fake.headers(Mcp_Session_Id=session), "DELETE", "/mcp/x/slim")
    assert answer.status < 300


def test_lists_that_depend_on_the_token_are_private(fake, start_fake):
    assert fake.result("tools/list")["cacheScope"] == "private"
    assert start_fake("--no-auth", token=None).result("tools/list")["cacheScope"] == "public"


def test_one_caller_does_not_take_all_selections(start_fake, tmp_path):
    tokens = {"eve": "token-of-eve-0123456789", "ann": "token-of-ann-0123456789"}
    path = tmp_path / "tokens"
    path.write_text("".join(f"{name}:{token}\n" for name, token in tokens.items()))
    path.chmod(0o600)
    server = start_fake("--token-file", path, token=None)

    def select(name, chosen):
        return server.post(protocol.request(1, "tools/list"), path="/mcp/x/" + ",".join(chosen),
                           Authorization=f"Bearer {tokens[name]}").status
    tools = DEFAULT
    sets = [[name for bit, name in enumerate(tools) if i >> bit & 1] for i in range(1, 100)]
    assert {select("eve", one) for one in sets} == {200, 400}
    assert select("eve", sets[0]) == 200
    assert select("ann", sets[-1]) == 200
    assert select("eve", sets[-1]) == 200


def test_too_many_selections_are_refused_and_the_known_go_on(fake):
    tools, statuses = DEFAULT, []
    for i in range(1, 100):
        chosen = [name for bit, name in enumerate(tools) if i >> bit & 1]
        statuses.append(ask(fake, "/mcp/x/" + ",".join(chosen)).status)
    assert set(statuses) == {200, 400} and statuses[0] == 200
    assert ask(fake, "/mcp/x/" + tools[0]).status == 200
    assert names(fake, "/mcp") == DEFAULT
