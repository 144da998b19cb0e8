"""
The fixture's tools through the official clients, which check what they get against their own
schemas: every kind of content block, a tool's own progress, errors. Over stdio as well, which the
official suite never tries.
"""

import base64

import pytest

from conform import suite

CLIENTS = [("python", "auto"), ("python", "legacy"), ("v1", "auto"), ("v2", "auto"),
           ("v2", "legacy")]


@pytest.fixture
def binary():
    return str(suite.FIXTURE)


@pytest.fixture(params=CLIENTS, ids=lambda param: "-".join(param))
def sdk(request):
    return request.param


@pytest.fixture(params=["stdio", "http"])
def client(sdk, request, connect):
    name, mode = sdk
    return connect(name, request.param, mode=mode)


def test_content_blocks(client):
    def blocks(tool):
        result = client.call(tool)
        assert not result.get("isError")
        return result["content"]

    (text,) = blocks("test_simple_text")
    assert text["type"] == "text" and text["text"]
    (image,) = blocks("test_image_content")
    assert image["mimeType"] == "image/png"
    assert base64.b64decode(image["data"], validate=True).startswith(b"\x89PNG\r\n")
    (audio,) = blocks("test_audio_content")
    assert audio["mimeType"] == "audio/wav"
    assert base64.b64decode(audio["data"], validate=True).startswith(b"RIFF")
    (embedded,) = blocks("test_embedded_resource")
    assert embedded["resource"]["uri"].rstrip("/") == "test://embedded-resource"
    assert [block["type"] for block in blocks("test_multiple_content_types")] == [
        "text", "image", "resource"]


def test_a_tool_that_fails(client):
    assert "intentionally" in client.error("test_error_handling")


def test_progress_of_a_tool(client):
    call = client.start("test_tool_with_progress", {}, progress=True)
    assert not call.result().get("isError")
    assert [at for at, _ in call.progress] == [0, 50, 100]


def test_a_schema_of_many_keywords_arrives_whole(client):
    (tool,) = [t for t in client.tools() if t["name"] == "json_schema_2020_12_tool"]
    assert set(tool["inputSchema"]) == {
        "$schema", "type", "$defs", "properties", "allOf", "if", "then", "else",
        "additionalProperties"}
    assert tool["inputSchema"]["$defs"]["address"]["$anchor"] == "addressDef"
