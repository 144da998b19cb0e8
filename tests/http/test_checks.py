"""What is refused by its request line and headers, with which status and in which order."""

import json

import pytest

from lib import protocol

PING = protocol.request(1, "ping", modern=False)
DISCOVER = protocol.request(1, "server/discover")


def code(answer):
    return answer.json["error"]["code"]


@pytest.mark.parametrize("path", [
    "/", "/mcpx", "/mcp/x", "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_paths_are_not_found_even_without_a_token(fake, method, path):
    answer = fake.send("{}" if method == "POST" else None, {}, method, path)
    assert (answer.status, answer.body) == (404, b"")


@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/mcp?x=1"])
def test_the_endpoint_answers(fake, path):
    answer = fake.send(json.dumps(DISCOVER), fake.headers(DISCOVER), path=path)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "PATCH", "HEAD", "BREW"])
def test_other_methods_are_not_allowed(fake, method):
    answer = fake.send(None, fake.headers(), method)
    assert answer.status == 405
    assert answer.headers["allow"] == "POST, GET, DELETE"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_the_modern_era_only_posts(fake, method):
    answer = fake.send(None, fake.headers(MCP_Protocol_Version=protocol.MODERN), method)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("host, status", [
    ("127.0.0.1:{port}", 200), ("localhost:{port}", 200), ("[::1]:{port}", 200), ("localhost", 200),
    ("localhost:1", 200), ("evil.example.com", 403), ("evil.example.com:{port}", 403),
    ("localhost.evil.example.com", 403)])
def test_host_must_be_a_loopback_name(fake, host, status):
    headers = fake.headers(DISCOVER, Host=host.format(port=fake.port))
    assert fake.send(json.dumps(DISCOVER), headers).status == status


@pytest.mark.parametrize("origin, status", [
    ("http://127.0.0.1:{port}", 200), ("http://localhost:3000", 200), ("https://[::1]", 200),
    ("null", 403), ("http://evil.example.com", 403), ("http://localhost.evil.example.com", 403),
    ("file://", 403), ("", 403)])
def test_origin_must_be_local_when_there_is_one(fake, origin, status):
    headers = fake.headers(DISCOVER, Origin=origin.format(port=fake.port))
    assert fake.send(json.dumps(DISCOVER), headers).status == status


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_origin_counts_for_every_method_and_before_the_token(fake, method):
    headers = fake.headers(Origin="http://evil.example.com", Authorization=None)
    answer = fake.send("{}" if method == "POST" else None, headers, method)
    assert answer.status == 403
    assert "id" not in answer.json


def test_more_hosts_and_origins_can_be_allowed(start_fake):
    server = start_fake("--allow-host", "mcp.example.com", "--allow-origin", "https://app.example.com")
    body = json.dumps(DISCOVER)
    for host, origin, status in [
            ("mcp.example.com", None, 200), ("mcp.example.com:99", None, 200),
            ("localhost", "https://app.example.com", 200), ("other.example.com", None, 403),
            ("localhost", "http://app.example.com", 403)]:
        headers = server.headers(DISCOVER, Host=host, Origin=origin)
        assert server.send(body, headers).status == status, (host, origin)


@pytest.mark.parametrize("value, error", [
    (None, False), ("Bearer wrong-token-0123456789", True), ("Bearer", True), ("Bearer ", True),
    ("Basic dGVzdDp0ZXN0", True), ("test-token-0123456789abcdef", True),
    ("Bearer test-token-0123456789abcde", True), ("Bearer test-token-0123456789abcdefg", True),
    ("Bearer " + "x" * 5000, True)])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_token_is_required(fake, method, value, error):
    body = json.dumps(DISCOVER) if method == "POST" else None
    answer = fake.send(body, fake.headers(DISCOVER, Authorization=value), method)
    assert answer.status == 401
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith("Bearer ")
    assert ("invalid_token" in challenge) == error


@pytest.mark.parametrize("value", ["bearer {}", "BEARER  {}", "Bearer {} "])
def test_the_scheme_is_read_leniently(fake, value):
    headers = fake.headers(DISCOVER, Authorization=value.format(fake.token))
    assert fake.send(json.dumps(DISCOVER), headers).status == 200


@pytest.mark.parametrize("header", [True, False])
def test_a_token_in_the_query_is_refused(fake, header):
    path = f"/mcp?access_token={fake.token}"
    headers = fake.headers(DISCOVER, **({} if header else {"Authorization": None}))
    answer = fake.send(json.dumps(DISCOVER), headers, path=path)
    assert answer.status == 400
    assert 'error="invalid_request"' in answer.headers["www-authenticate"]


def test_two_tokens_are_refused(connect, fake):
    raw = connect()
    raw.post(DISCOVER, extra=[f"Authorization: Bearer {fake.token}"])
    assert raw.answer()[0] == 400


def test_each_token_of_a_file_is_let_in(start_fake, tmp_path):
    path = tmp_path / "tokens"
    path.write_text("# comment\n\nfirst-token-0123456789\n  ci:second-token-0123456789 \r\n")
    path.chmod(0o600)
    server = start_fake("--token-file", path, token=None)
    for token, status in [("first-token-0123456789", 200), ("second-token-0123456789", 200),
                          ("ci:second-token-0123456789", 401), ("# comment", 401)]:
        headers = server.headers(DISCOVER, Authorization=f"Bearer {token}")
        assert server.send(json.dumps(DISCOVER), headers).status == status, token


def test_a_token_may_come_from_the_environment(start_fake, monkeypatch):
    monkeypatch.setenv("SANDBOX_MCP_TOKEN", "env-token-0123456789")
    server = start_fake(token=None)
    assert server.post(DISCOVER).status == 401
    assert server.post(DISCOVER, Authorization="Bearer env-token-0123456789").status == 200
    assert "env-token" not in server.stderr


def test_without_authentication_everyone_is_let_in(start_fake):
    server = start_fake("--no-auth", token=None)
    assert server.post(DISCOVER).status == 200


@pytest.mark.parametrize("kind, status", [
    ("application/json", 200), ("application/json; charset=utf-8", 200), ("APPLICATION/JSON", 200),
    ("text/plain", 415), ("application/jsonp", 415), ("application/x-www-form-urlencoded", 415),
    (None, 415), ("", 415)])
def test_content_type_must_be_json(fake, kind, status):
    answer = fake.post(DISCOVER, Content_Type=kind)
    assert answer.status == status
    assert status == 200 or code(answer) == -32000


@pytest.mark.parametrize("accept, status, kind", [
    (None, 200, "application/json"), ("*/*", 200, "application/json"),
    ("application/json", 200, "application/json"),
    ("application/json, text/event-stream", 200, "application/json"),
    ("application/*;q=0.5", 200, "application/json"),
    ("text/event-stream", 200, "text/event-stream"), ("text/html", 406, "application/json"),
    ("", 406, "application/json")])
def test_accept_is_read_leniently(fake, accept, status, kind):
    answer = fake.post(DISCOVER, Accept=accept)
    assert (answer.status, answer.headers["content-type"]) == (status, kind)
    if status == 200:
        assert answer.messages[0]["result"]["supportedVersions"]
    else:
        assert code(answer) == -32000


@pytest.mark.parametrize("name, status", [
    ("a", 200), ("my.box_1-2", 200), ("x" * 64, 200), ("x" * 65, 400), ("A", 400), ("a b", 400),
    ("../a", 400), ("", 400)])
def test_sandbox_names_are_checked(fake, name, status):
    assert fake.post(DISCOVER, X_Sandbox=name).status == status


def test_the_order_of_checks(connect):
    """Each step removes the reason of the refusal before; the body is never looked at."""
    big = {"length": 100_000_000}
    steps = [
        (404, dict(path="/x", method="PUT", Host="evil", Authorization=None)),
        (405, dict(method="PUT", Host="evil", Authorization=None)),
        (403, dict(Origin="http://evil", Authorization=None, Content_Type="a/b")),
        (401, dict(Authorization=None, Content_Type="a/b", Accept="a/b")),
        (415, dict(Content_Type="a/b", Accept="a/b")),
        (406, dict(Accept="a/b")),
        (413, dict()),
    ]
    for status, options in steps:
        options = {k: v for k, v in options.items() if k != "Host"}
        raw = connect()
        raw.send(raw.head(**big, **options))
        assert raw.answer()[0] == status


@pytest.mark.parametrize("name", ["MCP-Protocol-Version", "Mcp-Method"])
def test_repeated_protocol_headers_are_a_mismatch(connect, name):
    raw = connect()
    raw.post(DISCOVER, extra=[f"{name}: {protocol.headers(DISCOVER)[name]}"])
    status, _, body = raw.answer()
    assert (status, json.loads(body)["error"]["code"]) == (400, -32020)


def test_repeated_names_are_a_mismatch(connect, execute):
    raw = connect()
    raw.post(execute("echo a"), extra=["Mcp-Name: terminal_execute"])
    status, _, body = raw.answer()
    assert (status, json.loads(body)["error"]["code"]) == (400, -32020)


def test_padded_protocol_headers_are_trimmed(fake, execute):
    answer = fake.post(execute("echo a"), Mcp_Method=" \ttools/call \t",
                       Mcp_Name="  terminal_execute  ", MCP_Protocol_Version=" 2026-07-28 ")
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("extra", [
    ["Content-Length: 2", "Content-Length: 2"], ["Content-Length: 2", "Transfer-Encoding: chunked"],
    ["Content-Length: +2"], ["Content-Length: 0x2"], ["Content-Length: -2"],
    ["Transfer-Encoding: gzip"]])
def test_ambiguous_framing_is_refused(connect, extra):
    raw = connect()
    raw.send(raw.head(extra=extra) + b"{}")
    assert raw.answer()[0] == 400
    assert raw.closed()


def test_a_request_without_host_is_refused(connect, fake):
    for version, status in (("1.1", 400), ("1.0", 403)):
        raw = connect()
        raw.send(f"POST /mcp HTTP/{version}\r\nAuthorization: Bearer {fake.token}\r\n"
                 "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        assert raw.answer()[0] in (status, 403)


@pytest.mark.parametrize("text", [
    b"\r\n\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0" * 100,
    b"POST /mcp HTTP/1.1\r\nHost localhost\r\n\r\n", b"A" * 100_000,
    b"GET /mcp HTTP/1.1\r\nX: " + b"y" * 100_000 + b"\r\n\r\n"])
def test_garbage_harms_nobody(connect, fake, text):
    raw = connect()
    try:
        raw.send(text)
        raw.socket.shutdown(1)
    except OSError:
        pass
    assert raw.closed()
    assert fake.post(DISCOVER).status == 200


def test_legacy_statuses_of_the_router_pass_through(fake, legacy):
    assert fake.post(PING).status == 400
    assert legacy.request("no/such").status == 200
    assert legacy.request("ping", MCP_Protocol_Version="2020-01-01").status == 400
    assert legacy.post({"jsonrpc": "2.0", "method": "notifications/initialized"}).status == 202


def test_modern_statuses_of_the_router_pass_through(fake):
    unknown = protocol.request(1, "no/such")
    assert fake.post(unknown).status == 404
    assert code(fake.post(unknown)) == -32601
    assert fake.post(DISCOVER, MCP_Protocol_Version="2025-11-25").status == 400
    assert fake.send("{", fake.headers(DISCOVER)).status == 400
    assert fake.send("", fake.headers(DISCOVER)).status == 400
    assert fake.post({"jsonrpc": "2.0", "method": "notifications/cancelled"},
                     MCP_Protocol_Version=protocol.MODERN).status == 202


def test_the_token_is_in_no_log(fake, execute, logged):
    fake.post(execute("echo a"))
    fake.post(DISCOVER, Authorization="Bearer some-other-secret-0123")
    logged(" http method=POST status=401")
    assert fake.token not in fake.stderr
    assert "some-other-secret" not in fake.stderr
