"""Browsers of other origins: only where the operator listed them."""

import pytest

from lib import protocol

ORIGIN = "https://app.example"
DISCOVER = protocol.request(1, "server/discover")


@pytest.fixture
def listed(start_fake):
    return start_fake("--allow-origin", ORIGIN)


def preflight(server, origin=ORIGIN, **headers):
    sent = {"Origin": origin, "Access-Control-Request-Method": "POST", **headers}
    return server.send(None, {k: v for k, v in sent.items() if v}, method="OPTIONS")


def test_without_the_option_there_is_no_preflight(fake):
    for origin in (None, "http://localhost:3000"):
        answer = preflight(fake, origin)
        assert answer.status == 405
        assert not any(name.startswith("access-control") for name in answer.headers)
    assert preflight(fake, ORIGIN).status in (403, 405)


def test_a_preflight_of_a_listed_origin(listed):
    answer = preflight(listed, **{
        "Access-Control-Request-Headers":
            "authorization,content-type, mcp-protocol-version,Mcp-Param-Region,x-evil,cookie"})
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-allow-methods"] == "POST, GET, DELETE"
    assert answer.headers["access-control-allow-headers"].split(", ") == [
        "authorization", "content-type", "mcp-protocol-version", "Mcp-Param-Region"]
    assert answer.headers["vary"] == "Origin"
    assert int(answer.headers["access-control-max-age"]) > 0
    assert "access-control-allow-credentials" not in answer.headers


def test_a_preflight_that_names_no_header(listed):
    allowed = preflight(listed).headers["access-control-allow-headers"]
    for name in ("Authorization", "Content-Type", "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name",
                 "Mcp-Session-Id", "Last-Event-ID", "X-Sandbox"):
        assert name in allowed


@pytest.mark.parametrize("origin", [
    "https://evil.example", "https://app.example.evil.example", "http://app.example",
    "https://app.example:444", "null", "http://localhost:3000"])
def test_others_are_told_nothing(listed, origin):
    for answer in (preflight(listed, origin), listed.post(DISCOVER, Origin=origin)):
        assert not any(name.startswith("access-control") for name in answer.headers)
    assert preflight(listed, origin).status in (403, 405)


def test_answers_to_a_listed_origin_can_be_read(listed):
    answer = listed.post(DISCOVER, Origin=ORIGIN)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"Mcp-Session-Id", "WWW-Authenticate"} <= set(exposed)
    assert answer.headers["vary"] == "Origin"


def test_refusals_too(listed, execute):
    for answer, status in (
            (listed.post(DISCOVER, Origin=ORIGIN, Authorization=None), 401),
            (listed.send("{}", {"Origin": ORIGIN}, path="/nowhere"), 404),
            (listed.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, Origin=ORIGIN,
                         MCP_Protocol_Version="2026-07-28"), 202),
            (listed.post(execute("echo hi", progressToken=1), Origin=ORIGIN), 200)):
        assert answer.status == status
        assert answer.headers["access-control-allow-origin"] == ORIGIN


def test_without_an_origin_nothing_is_said(listed):
    answer = listed.post(DISCOVER)
    assert answer.status == 200
    assert not any(name.startswith("access-control") for name in answer.headers)
    assert listed.send(None, {}, method="OPTIONS").status == 405
