"""Resources and prompts over HTTP: headers, cursors of others, subscriptions in both eras."""

import base64
import time

import pytest

from lib import protocol
from lib.events import Stream

SECONDS = 20
FILE = "sandbox://default/file/notes/a%20b.md"


@pytest.fixture
def fake(start_server):
    server = start_server("--backend", "fake")
    server.call("file_write", path="notes/a b.md", content="# hi\n")
    return server


def read(server, uri, **headers):
    return server.request("resources/read", {"uri": uri}, **headers)


def test_the_name_header_is_the_uri(fake):
    assert read(fake, FILE)["result"]["contents"][0]["text"] == "# hi\n"
    encoded = "=?base64?" + base64.b64encode(FILE.encode()).decode() + "?="
    assert "result" in read(fake, FILE, Mcp_Name=encoded)
    for name in ("sandbox://default/file/other", None, "", FILE.upper()):
        assert read(fake, FILE, Mcp_Name=name)["error"]["code"] == -32020
    prompt = {"name": "fix-tests"}
    assert "result" in fake.request("prompts/get", prompt)
    assert fake.request("prompts/get", prompt, Mcp_Name="x")["error"]["code"] == -32020


def test_errors_are_in_band(fake):
    for method, params in (("resources/read", {"uri": "sandbox://default/file/none"}),
                           ("resources/read", {"uri": "x y"}), ("prompts/get", {"name": "none"}),
                           ("resources/list", {"cursor": ""}), ("completion/complete", {})):
        answer = fake.post(protocol.request(1, method, params))
        assert answer.status == 200 and answer.json["error"]["code"] == -32602


def test_lists_that_are_the_callers_are_private(fake):
    scopes = {method: fake.result(method)["cacheScope"] for method in (
        "resources/list", "resources/templates/list", "prompts/list")}
    assert scopes == {"resources/list": "private", "resources/templates/list": "public",
                      "prompts/list": "public"}
    assert fake.result("prompts/list") == fake.result("prompts/list")


def test_only_backends_that_watch_offer_it(fake, start_server):
    assert fake.result("server/discover")["capabilities"]["resources"].get("subscribe") is None
    local = start_server()
    assert local.result("server/discover")["capabilities"]["resources"]["subscribe"] is True


def heard(stream, uri):
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        message = stream.message()
        if message["method"] == "notifications/resources/updated":
            assert message["params"]["uri"] == uri
            return message
    raise AssertionError("nothing was heard")


def test_a_listen_hears_of_its_own_file(start_server, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("token-of-alice-012345\ntoken-of-bob-01234567\n")
    tokens.chmod(0o600)
    server = start_server("--token-file", tokens, token=None)
    alice, bob = ({"Authorization": f"Bearer {t}"} for t in tokens.read_text().split())
    uri = "sandbox://default/file/a"

    def write(text, who):
        server.result("tools/call", {"name": "file_write", "arguments": {
            "path": "a", "content": text}}, **who)

    message = protocol.request(7, "subscriptions/listen", {
        "notifications": {"resourceSubscriptions": [uri]}})
    with Stream(server, message, SECONDS, **alice) as hers, \
            Stream(server, message, SECONDS, **bob) as his:
        for stream in (hers, his):
            assert stream.message()["params"]["notifications"] == {"resourceSubscriptions": [uri]}
        write("1", alice)
        assert heard(hers, uri)["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == 7
        started = time.monotonic()
        write("2", bob)
        heard(his, uri)
        assert time.monotonic() - started < SECONDS
        write("3", alice)
        heard(hers, uri)
