"""Mcp-Param-* headers over the wire: the tool test_x_mcp_header of the conformance fixture."""

import http.client
import json
from pathlib import Path

import pytest

from lib import protocol
from lib.paths import BINARY
from lib.server import Server

FIXTURE = Path(BINARY).parent / "tests/conform/fixture/server"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    one = Server(FIXTURE, "--state-dir", tmp_path_factory.mktemp("state"))
    yield one
    assert one.close() == 0


def call(arguments):
    return protocol.request(1, "tools/call", {
        "name": "test_x_mcp_header", "arguments": arguments})


def status(server, region, **headers):
    answer = server.post(call({"region": region}), **headers)
    if answer.status == 200:
        assert not answer.messages[-1]["result"].get("isError")
    else:
        assert answer.json["error"]["code"] == -32020
        assert answer.json["error"]["message"].startswith("Header mismatch: Mcp-Param-Region ")
    return answer.status


@pytest.mark.parametrize("region, header, wanted", [
    ("eu", "eu", 200), ("eu", "  eu \t", 200), ("eu", "us", 400), ("eu", "", 400), ("", "", 200),
    ("Hello", "=?base64?SGVsbG8=?=", 200), ("Hello", "=?base64?SGVsbG8?=", 400),
    ("Hello", "=?base64?SGVs!G8=?=", 400), ("=?base64?SGVsbG8=", "=?base64?SGVsbG8=", 200),
    ("SGVsbG8=?=", "SGVsbG8=?=", 200), ("ä", "=?base64?w6Q=?=", 200), ("ä", "ä", 400),
    ("a\tb", "a\tb", 200)])
def test_a_header_agrees_with_its_argument(server, region, header, wanted):
    value = header.encode().decode("latin-1")
    assert status(server, region, **{"Mcp-Param-Region": value}) == wanted


def test_a_header_must_be_there_whatever_its_case(server):
    assert status(server, "eu") == 400
    assert status(server, "eu", **{"MCP_PARAM_REGION": "eu"}) == 200
    assert status(server, "eu", **{"Mcp_Param_Zone": "eu"}) == 400
    assert status(server, "eu", **{"Mcp_Param_Region": "eu", "Mcp_Param_Zone": "x"}) == 200


def test_headers_without_an_argument_are_ignored(server):
    """Validation, not the header check, speaks about what is missing or of a wrong type."""
    for arguments in ({}, {"region": None}, {"region": ["eu"]}):
        answer = server.post(call(arguments), **{"Mcp-Param-Region": "eu"})
        assert answer.status == 200 and answer.messages[-1]["result"]["isError"]


def test_two_headers_of_one_name_are_refused(server):
    message = call({"region": "eu"})
    lines = list(server.headers(message).items()) + [("Mcp-Param-Region", "eu")] * 2
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.putrequest("POST", "/mcp")
        body = json.dumps(message).encode()
        for name, value in [*lines, ("Content-Length", str(len(body)))]:
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["error"]["code"]) == (400, -32020)
    finally:
        connection.close()


def test_many_headers_cannot_hide_one(server):
    more = {f"Mcp_Param_X{i}": "x" for i in range(60)}
    assert status(server, "eu", **more) == 400
    assert status(server, "eu", **{"Mcp_Param_Region": "eu"}, **more) == 200


def test_a_raw_schema_arrives_as_it_was_written(server):
    written = {tool["name"]: tool for tool in json.loads(
        (Path(__file__).parent.parent / "conform/fixture/tools.json").read_text())}
    name = "json_schema_2020_12_tool"
    listed = {tool["name"]: tool for tool in server.result("tools/list")["tools"]}
    assert json.dumps(listed[name]["inputSchema"]) == json.dumps(written[name]["inputSchema"])
    good = server.call(name, contactMethod="phone", phone="1", address={"street": "a"})
    assert not good.get("isError"), good
    for arguments in ({}, {"contactMethod": "phone", "email": "a"}, {"phone": "1"},
                      {"email": "a", "address": {"street": 7}}, {"email": "a", "more": 1}):
        assert server.call(name, **arguments)["isError"], arguments
