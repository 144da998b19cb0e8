"""What scopes allow, and what clients are told about authorization."""

import json

import pytest

from lib import issuer as issuers, protocol
from lib.events import Stream

FORM = "/.well-known/oauth-protected-resource"
DISCOVER = protocol.request(1, "server/discover")
TOKENS = {"reader": "reader-token-0123456789", "worker": "worker-token-0123456789",
          "boss": "boss-token-0123456789", "plain": "plain-token-0123456789"}
FILE = f"""reader:read:{TOKENS['reader']}
worker:execute:{TOKENS['worker']}
boss:admin:{TOKENS['boss']}
{TOKENS['plain']}
"""


@pytest.fixture
def tokens(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(FILE)
    path.chmod(0o600)
    return path


@pytest.fixture
def server(start_fake, tokens):
    """With a token of each kind."""
    return start_fake("--token-file", tokens, token=None)


def bearer(name):
    return {"Authorization": f"Bearer {TOKENS[name]}"}


def tool(name, modern=True, **arguments):
    return protocol.request(7, "tools/call", {"name": name, "arguments": arguments}, modern)


EXECUTE = tool("terminal_execute", command="echo a")
READ = tool("sandbox_info")


def names(answer):
    return [one["name"] for one in answer.json["result"]["tools"]]


def test_a_refusal_for_its_scope_is_counted(server):
    sample = 'sandbox_mcp_rejected_total{reason="scope"} '
    def counted():
        text = server.send(None, bearer("boss"), "GET", "/metrics").body.decode()
        return [line for line in text.splitlines() if line.startswith(sample)]
    assert counted() == [sample + "0"]
    assert server.post(EXECUTE, **bearer("reader")).status == 403
    assert server.post(EXECUTE, **bearer("worker")).status == 200
    assert counted() == [sample + "1"]


def test_a_reader_sees_and_calls_what_reads(server):
    every = server.post(protocol.request(1, "tools/list"), **bearer("worker")).json["result"]
    seen = server.post(protocol.request(1, "tools/list"), **bearer("reader")).json["result"]
    reading = [t["name"] for t in every["tools"] if t["annotations"]["readOnlyHint"]]
    assert [t["name"] for t in seen["tools"]] == reading
    assert reading and len(reading) < len(every["tools"])
    assert seen["cacheScope"] == every["cacheScope"] == "private"
    answer = server.post(READ, **bearer("reader"))
    assert answer.status == 200 and "result" in answer.json


def test_the_list_is_the_same_on_any_connection(server, connect_to):
    message = protocol.request(1, "tools/list")
    wanted = {name: names(server.post(message, **bearer(name))) for name in TOKENS}
    raw = connect_to(server)
    for name in ["reader", "worker", "reader", "boss", "plain", "reader"]:
        raw.post(message, **bearer(name))
        code, _, body = raw.answer()
        assert code == 200
        assert [t["name"] for t in json.loads(body)["result"]["tools"]] == wanted[name]


def test_a_tool_outside_of_the_scopes_is_refused_before_it_streams(server):
    for more in ({}, {"Accept": "text/event-stream"}):
        answer = server.post(EXECUTE, **bearer("reader"), **more)
        assert answer.status == 403
        challenge = answer.headers["www-authenticate"]
        assert challenge.startswith("Bearer ")
        assert 'error="insufficient_scope"' in challenge and 'scope="execute"' in challenge
        assert answer.json["id"] == 7 and answer.json["error"]["code"] == -32000
    streaming = protocol.request(7, "tools/call", {
        "name": "terminal_execute", "arguments": {"command": "echo a"}}, progressToken=1)
    assert server.post(streaming, **bearer("reader")).status == 403


@pytest.mark.parametrize("name", ["worker", "boss", "plain"])
def test_broader_scopes_imply_narrower_ones(server, name):
    for message in (EXECUTE, READ, DISCOVER, protocol.request(1, "tools/list")):
        answer = server.post(message, **bearer(name))
        assert answer.status == 200 and "result" in answer.messages[-1], answer.body


def test_an_unknown_tool_is_unknown_to_everybody(server):
    for name in ("reader", "worker"):
        answer = server.post(tool("no_such_tool"), **bearer(name))
        assert answer.status == 200
        assert answer.json["error"]["code"] == -32602


def test_the_legacy_era_has_the_same_scopes(server, start_session):
    session = start_session(server, **bearer("reader"))
    answer = session.request("tools/call", {
        "name": "terminal_execute", "arguments": {"command": "echo a"}})
    assert answer.status == 403
    assert 'scope="execute"' in answer.headers["www-authenticate"]
    listed = names(session.request("tools/list"))
    assert "sandbox_info" in listed and "terminal_execute" not in listed
    assert "result" in session.request(
        "tools/call", {"name": "sandbox_info", "arguments": {}}).messages[-1]


def test_in_a_batch_the_error_is_in_band(server, start_session):
    session = start_session(server, version="2025-03-26", **bearer("reader"))
    answer = session.post([EXECUTE_LEGACY, protocol.request(8, "ping", modern=False)])
    assert answer.status == 200
    found = {one["id"]: one for one in answer.messages[0]}
    assert "Insufficient scope" in found[7]["error"]["message"]
    assert found[8]["result"] == {}


EXECUTE_LEGACY = tool("terminal_execute", modern=False, command="echo a")


@pytest.fixture
def issuer():
    made = issuers.Issuer()
    yield made
    made.close()


@pytest.fixture
def start_jwt(start_fake, issuer, tmp_path):
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": issuer.published}))

    def one(*args):
        server = start_fake("--jwt-issuer", issuers.NAME, "--jwt-key-file", keys, *args, token=None)
        issuer.audience = server.url
        return server
    return one


def signed(issuer, scope, **more):
    claims = {"without": ["scope"]} if scope is None else {"scope": scope}
    return {"Authorization": f"Bearer {issuer.token(**claims, **more)}"}


@pytest.mark.parametrize("scope, listing, executing", [
    ("read", 200, 403), ("execute", 200, 200), ("admin", 200, 200), ("read execute", 200, 200),
    ("openid", 403, 403), ("", 403, 403), (None, 403, 403), (["execute"], 200, 200)])
def test_scopes_of_signed_tokens(start_jwt, issuer, scope, listing, executing):
    server = start_jwt()
    who = signed(issuer, scope)
    assert server.post(DISCOVER, **who).status == 200
    answer = server.post(protocol.request(1, "tools/list"), **who)
    assert answer.status == listing
    if listing == 403:
        assert 'scope="read"' in answer.headers["www-authenticate"]
    assert server.post(EXECUTE, **who).status == executing


def test_default_scopes(start_jwt, issuer):
    server = start_jwt("--jwt-default-scopes", "read")
    assert server.post(READ, **signed(issuer, None)).status == 200
    assert server.post(EXECUTE, **signed(issuer, None)).status == 403
    assert server.post(READ, **signed(issuer, "openid")).status == 403


def test_a_session_goes_on_with_another_token_of_its_owner(start_jwt, issuer, start_session):
    """As after a step-up: the scopes are those of each request's token."""
    server = start_jwt()
    session = start_session(server, **signed(issuer, "execute", sub="ann"))
    call = {"name": "terminal_execute", "arguments": {"command": "echo a"}}
    for scope, status in [("execute", 200), ("read", 403), ("admin", 200), ("read", 403)]:
        answer = session.request("tools/call", call, **signed(issuer, scope, sub="ann"))
        assert answer.status == status
        listed = names(session.request("tools/list", **signed(issuer, scope, sub="ann")))
        assert ("terminal_execute" in listed) == (status == 200)
    other = session.request("tools/call", call, **signed(issuer, "admin", sub="eve"))
    assert other.status == 404


def test_the_stream_of_a_session_needs_read(start_jwt, issuer, start_session):
    """What a tool answered is in it."""
    server = start_jwt()
    session = start_session(server, **signed(issuer, "execute", sub="ann"))
    call = protocol.request(1, "tools/call", {
        "name": "terminal_execute", "arguments": {"command": "echo hidden"}}, False, progressToken=1)
    with Stream(server, call, Mcp_Session_Id=session.id,
                **signed(issuer, "execute", sub="ann")) as stream:
        begun = stream.event()["id"]
        assert "hidden" in str(stream.rest())
    for last in ({}, {"Last_Event_ID": begun}):
        with Stream(server, method="GET", Mcp_Session_Id=session.id, **last,
                    **signed(issuer, "openid", sub="ann")) as none:
            assert none.status == 403
            challenge = none.headers["www-authenticate"]
            assert 'error="insufficient_scope"' in challenge and 'scope="read"' in challenge
    with Stream(server, method="GET", Mcp_Session_Id=session.id, Last_Event_ID=begun,
                **signed(issuer, "read", sub="ann")) as reading:
        assert reading.status == 200 and "hidden" in str(reading.rest())


ANN = {"all": "ann-that-executes-0123", "read": "ann-that-reads-012345"}


@pytest.fixture
def ann(start_fake, tmp_path):
    """One that asks before it executes, and a caller with two tokens."""
    path = tmp_path / "ann"
    path.write_text(f"ann:execute:{ANN['all']}\nann:read:{ANN['read']}\n")
    path.chmod(0o600)
    return start_fake("--token-file", path, "--confirm", "--workspace", tmp_path, token=None)


def post(server, session, message, token):
    return server.send(json.dumps(message), server.headers(
        Mcp_Session_Id=session, Authorization=f"Bearer {ANN[token]}"))


@pytest.fixture
def asked(ann):
    """(stream, session, id of the question) of a call that asks."""
    who = {"Authorization": f"Bearer {ANN['all']}"}
    session = ann.post(protocol.request(0, "initialize", {
        "protocolVersion": protocol.LEGACY, "capabilities": {"elicitation": {}},
        "clientInfo": protocol.CLIENT}, modern=False), **who).headers["mcp-session-id"]
    with Stream(ann, EXECUTE_LEGACY, Mcp_Session_Id=session, **who) as stream:
        yield stream, session, stream.message()["id"]


def test_who_may_only_read_does_not_let_a_call_go_on(ann, asked):
    stream, session, question = asked
    yes = {"jsonrpc": "2.0", "id": question,
           "result": {"action": "accept", "content": {"proceed": True}}}
    answer = post(ann, session, yes, "read")
    assert answer.status == 403
    assert 'scope="execute"' in answer.headers["www-authenticate"]
    no = {"jsonrpc": "2.0", "id": question, "error": {"code": -1, "message": "no"}}
    assert post(ann, session, no, "read").status == 403
    assert post(ann, session, yes, "all").status == 202
    assert not stream.rest()[-1]["result"].get("isError")


def test_who_may_only_read_does_not_cancel_what_executes(ann, asked):
    stream, session, question = asked
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}
    assert post(ann, session, cancel, "read").status == 202
    yes = {"jsonrpc": "2.0", "id": question,
           "result": {"action": "accept", "content": {"proceed": True}}}
    assert post(ann, session, yes, "all").status == 202
    assert not stream.rest()[-1]["result"].get("isError")


def get(server, path, **headers):
    return server.send(None, headers, "GET", path)


def test_the_metadata_is_where_clients_look(start_jwt):
    server = start_jwt()
    challenge = server.post(DISCOVER).headers["www-authenticate"]
    url = f"http://127.0.0.1:{server.port}{FORM}/mcp"
    assert f'resource_metadata="{url}"' in challenge
    assert "error" not in challenge
    for path in (FORM, FORM + "/mcp"):
        answer = get(server, path)
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.json["resource"] == server.url
        assert answer.json["authorization_servers"] == [issuers.NAME]
        assert answer.json["bearer_methods_supported"] == ["header"]
        assert answer.json["scopes_supported"] == ["read", "execute"]


def test_the_metadata_says_what_it_was_told(start_jwt, issuer):
    server = start_jwt("--public-url", "https://sandbox.example/tools/mcp", "--auth-server",
                       "https://a.example", "--auth-server", "https://b.example/realm")
    challenge = server.post(DISCOVER).headers["www-authenticate"]
    assert f'resource_metadata="https://sandbox.example{FORM}/tools/mcp"' in challenge
    for path in (FORM, FORM + "/tools/mcp", FORM + "/mcp"):
        found = get(server, path).json
        assert found["resource"] == "https://sandbox.example/tools/mcp"
        assert found["authorization_servers"] == ["https://a.example", "https://b.example/realm"]
    assert server.post(DISCOVER, **signed(issuer, "read")).status == 401
    assert server.post(DISCOVER, **signed(issuer, "read",
                                          aud="https://sandbox.example/tools/mcp")).status == 200


@pytest.mark.parametrize("headers, status", [
    ({"Origin": "http://evil.example.com"}, 403), ({"Host": "evil.example.com"}, 403),
    ({"Origin": "null"}, 403), ({"Origin": "http://localhost:3000"}, 200)])
def test_the_metadata_is_guarded_like_the_rest(start_jwt, headers, status):
    server = start_jwt()
    for path in (FORM, FORM + "/mcp"):
        assert get(server, path, **headers).status == status


def test_the_metadata_is_only_read(start_jwt):
    server = start_jwt()
    for method in ("POST", "PUT", "DELETE"):
        answer = server.send("{}", {}, method, FORM)
        assert (answer.status, answer.headers["allow"]) == (405, "GET")
    for path in (FORM + "/", FORM + "/other", "/.well-known/openid-configuration"):
        assert (get(server, path).status, get(server, path).body) == (404, b"")


def test_a_page_of_an_allowed_origin_reads_the_metadata(start_jwt):
    page = "https://app.example.com"
    server = start_jwt("--allow-origin", page)
    answer = get(server, FORM, Origin=page)
    assert answer.status == 200 and answer.json["resource"] == server.url
    assert answer.headers["access-control-allow-origin"] == page
    asked = server.send(None, {"Origin": page, "Access-Control-Request-Method": "GET",
                               "Access-Control-Request-Headers": "mcp-protocol-version"},
                        "OPTIONS", FORM + "/mcp")
    assert asked.status == 204 and asked.headers["access-control-allow-origin"] == page
    assert "access-control-allow-origin" not in get(server, FORM).headers
    challenge = server.post(DISCOVER, Origin=page)
    assert challenge.status == 401 and challenge.headers["access-control-allow-origin"] == page
    assert "resource_metadata" in challenge.headers["www-authenticate"]


def test_static_tokens_have_no_metadata(server):
    for path in (FORM, FORM + "/mcp"):
        answer = get(server, path)
        assert (answer.status, answer.body) == (404, b"")
    assert "resource_metadata" not in server.post(DISCOVER).headers["www-authenticate"]


def test_refused_tokens_are_told_where_to_ask(start_jwt):
    server = start_jwt()
    challenge = server.post(DISCOVER, Authorization="Bearer x.y.z").headers["www-authenticate"]
    assert 'error="invalid_token"' in challenge and "resource_metadata=" in challenge
    answer = server.send(None, server.headers(), "GET")
    assert answer.status == 401 and "resource_metadata=" in answer.headers["www-authenticate"]
