"""Resources, prompts and completion through the official SDKs, which check what they get."""

import base64
import json

import pytest

from lib.stdio import RpcError

SDKS = [("python", "auto"), ("python", "legacy"), ("v2", "auto"), ("v2", "legacy"), ("v1", "legacy")]
FILE = {"type": "ref/resource", "uri": "sandbox://{id}/file/{+path}"}


@pytest.fixture(params=SDKS, ids=["-".join(row) for row in SDKS])
def sdk(request):
    return request.param


@pytest.fixture(params=["stdio", "http"])
def client(request, connect, sdk):
    return connect(sdk[0], request.param, mode=sdk[1])


def text(client, uri):
    content, = client.read(uri)
    assert content["uri"] == uri
    return content["text"]


def test_what_is_there_is_listed(client):
    assert [r["uri"] for r in client.resources()] == ["sandbox://policy", "sandbox://tools"]
    assert [t["uriTemplate"] for t in client.templates()] == [
        "sandbox://{id}/info", FILE["uri"], "sandbox://{id}/output/{pid}",
        "sandbox://{id}/recording/{rid}"]
    client.text("terminal_execute", command="true")
    info = client.resources()[2]["uri"]
    assert json.loads(text(client, info))["sandbox_id"] == info.split("/")[2]


def test_files_and_output_are_read(client):
    client.text("file_write", path="a b/ü.md", content="# hi\n")
    assert text(client, "sandbox://default/file/a%20b/%C3%BC.md") == "# hi\n"
    client.text("terminal_execute", command="head -c 3 /dev/zero >zero")
    zero, = client.read("sandbox://default/file/zero")
    assert base64.b64decode(zero["blob"]) == bytes(3)
    result = client.call("terminal_execute", command="seq 1 50000", max_bytes=1000)
    link, = [b for b in result["content"] if b["type"] == "resource_link"]
    assert text(client, link["uri"]).splitlines() == [str(i) for i in range(1, 50001)]
    with pytest.raises(RpcError) as e:
        client.read("sandbox://default/file/none")
    assert e.value.error["code"] in (-32002, -32602)


def test_prompts_become_messages(client):
    assert [p["name"] for p in client.prompts()] == ["explore-data", "fix-tests"]
    message, = client.prompt("explore-data", {"path": "x.csv"})["messages"]
    assert message["role"] == "user" and "`x.csv`" in message["content"]["text"]
    with pytest.raises(RpcError) as e:
        client.prompt("explore-data")
    assert e.value.error["code"] == -32602


def test_arguments_are_completed(client):
    client.text("file_write", path="data/one.csv", content="a\n")
    client.text("file_write", path="data.csv", content="a\n")
    assert client.complete(FILE, {"name": "path", "value": "da"})["values"] == ["data/", "data.csv"]
    found = client.complete({"type": "ref/prompt", "name": "explore-data"},
                            {"name": "path", "value": "data/"})
    assert found["values"] == ["data/one.csv"]
