"""Resources and prompts over stdio, with scripted answers behind them."""

import json

import pytest

from lib.stdio import RpcError

FILE = "sandbox://default/file/"


@pytest.fixture
def fake(start_stdio):
    return start_stdio("--backend", "fake")


def refused(client, method, params):
    with pytest.raises(RpcError) as e:
        client.result(method, params)
    return e.value.error


def test_the_catalogue_is_what_is_listed(start_stdio):
    for options in ((), ("--toolsets", "slim"), ("--read-only",)):
        client = start_stdio("--backend", "fake", *options)
        content, = client.result("resources/read", {"uri": "sandbox://tools"})["contents"]
        catalogue = json.loads(content["text"])
        assert [t["name"] for t in catalogue["tools"]] == [
            t["name"] for t in client.result("tools/list")["tools"]]
        assert catalogue["tokens"] == sum(t["tokens"] for t in catalogue["tools"]) > 0


def test_instructions_fit_where_they_are_cut(fake):
    instructions = fake.result("server/discover")["instructions"]
    assert len(instructions.encode()) < 2048


def test_requests_of_any_size_are_answered(fake):
    for size in (9000, 1 << 20, 8 << 20):
        assert refused(fake, "resources/read", {"uri": FILE + "x" * size})["code"] == -32602
        assert refused(fake, "resources/list", {"cursor": "x" * size})["code"] == -32602
        assert refused(fake, "prompts/get", {
            "name": "fix-tests", "arguments": {"command": "x" * size}})["code"] == -32602
        assert refused(fake, "completion/complete", {
            "ref": {"type": "ref/prompt", "name": "fix-tests"},
            "argument": {"name": "command", "value": "x" * size}})["code"] == -32602
    assert fake.result("resources/list")["resources"]


def test_bytes_that_are_no_text_are_no_uri(fake):
    fake.send_raw(b'{"jsonrpc":"2.0","id":"u","method":"resources/read","params":{"uri":"sandbox:'
                  b'//default/file/\xff\xfe"}}\n')
    assert fake.recv()["error"]["code"] in (-32700, -32600)
    assert refused(fake, "resources/read", {"uri": FILE + "a\x00b"})["code"] == -32602
    assert refused(fake, "resources/read", {"uri": FILE + "\u202e"})["code"] == -32602


def test_reads_go_side_by_side_with_calls(fake):
    fake.call("file_write", path="a", content="x")
    slow = fake.start("tools/call", {"name": "terminal_execute",
                                     "arguments": {"command": "sleep 3"}})
    for _ in range(50):
        assert fake.result("resources/read", {"uri": FILE + "a"}, timeout=2)["contents"]
    assert "result" in fake.response(slow)


def test_a_read_can_be_cancelled(fake):
    fake.call("file_write", path="a", content="x")
    id = fake.start("resources/read", {"uri": FILE + "a"})
    fake.notify("notifications/cancelled", {"requestId": id})
    assert fake.result("resources/list")["resources"]
