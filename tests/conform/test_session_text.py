"""Text in the encodings that files really have, ranges of it, and pictures by content."""

import base64
import hashlib
import re

import pytest

from conform.checks import PNG
from conform.session import field, section
from lib.protocol import text


@pytest.fixture
def client(connect):
    return connect("python", "stdio")


def put(client, path, data):
    client.text("file_write", path=path, content=base64.b64encode(data).decode(),
                encoding="base64")


LINES = "h\u00e9llo\n\u010a\u0a0d odd\n\U0001f600 pair\nlast"


@pytest.mark.parametrize("codec, said", [("utf-16-le", "utf-16le"), ("utf-16-be", "utf-16be")])
def test_utf16_is_shown_as_text(client, codec, said):
    data = ("\ufeff" + LINES).encode(codec)
    put(client, "wide", data)
    shown = client.text("file_read", path="wide")
    head, body = shown.split("\n", 1)
    assert f"{said} with BOM" in head and "lines 1-4 of 4" in head and f"{len(data)} B" in head
    assert hashlib.sha256(data).hexdigest() in head
    assert body == LINES
    assert client.text("file_read", path="wide", offset=3, limit=1).split("\n")[1] == \
        "\U0001f600 pair"
    assert client.text("file_read", path="wide", offset=-1).endswith("\nlast")


def test_broken_utf16_and_what_only_looks_like_it(client):
    put(client, "half", "\ufeffa".encode("utf-16-le") + b"\x00\xd8b\x00c")
    assert "a\ufffdb\ufffd" in client.text("file_read", path="half")
    put(client, "utf32", "\ufeffa".encode("utf-32-le"))
    assert "binary" in client.error("file_read", path="utf32")
    put(client, "zeros", b"\xff\xfea\x00\x00\x00b\x00")
    assert "binary" in client.error("file_read", path="zeros")


def test_large_utf16(client):
    put(client, "large", ("\ufeff" + "".join(f"line {i}\n" for i in range(150000))).encode("utf-16"))
    shown = client.text("file_read", path="large", offset=149999, limit=2)
    assert "line 149998\nline 149999\n" in shown and "of 150000" in shown
    assert "line 149999\n" in client.text("file_read", path="large", offset=-1)


def test_a_byte_order_mark_and_line_ends_are_stated(client):
    put(client, "bom", b"\xef\xbb\xbfone\r\ntwo\r\n")
    head, body = client.text("file_read", path="bom").split("\n", 1)
    assert "utf-8 with BOM, CRLF \u00b7" in head and body == "one\r\ntwo\r\n"
    assert client.text("file_read", path="bom", offset=2).split("\n", 1)[1] == "two\r\n"
    put(client, "mixed", b"one\r\ntwo\n")
    assert "utf-8, CRLF and LF" in client.text("file_read", path="mixed")
    put(client, "plain", b"one\n")
    assert "utf-8 \u00b7" in client.text("file_read", path="plain")


def test_a_cut_line_can_be_read_on(client):
    put(client, "long", b"x" * 6000 + b"END\nnext\n")
    shown = client.text("file_read", path="long", max_bytes=1000)
    at = int(re.search(r"goes on at byte (\d+)", shown)[1])
    assert at == 1000 and "offset=2 reads on" in shown
    rest = client.text("file_read", path="long", encoding="base64", offset=at, limit=5003)
    assert base64.b64decode(rest.split("\n")[1]) == b"x" * 5000 + b"END"
    put(client, "single", b"y" * 5000)
    shown = client.text("file_read", path="single", max_bytes=1000)
    assert "goes on at byte 1000" in shown and "reads on." not in shown


def test_bytes_from_the_end_and_lines_beyond_it(client):
    put(client, "bytes", bytes(range(256)))
    shown = client.text("file_read", path="bytes", encoding="base64", offset=-6)
    assert base64.b64decode(shown.split("\n")[1]) == bytes(range(250, 256))
    put(client, "short", b"1\n2\n")
    shown = client.text("file_read", path="short", offset=10)
    assert "nothing there: it has 2 lines" in shown
    assert field(client.call("file_read", path="short"), "mtime").startswith("20")


def test_a_picture_without_its_ending(client):
    client.text("file_write", path="noending", content=PNG, encoding="base64")
    result = client.call("file_read", path="noending")
    assert [b["mimeType"] for b in result["content"] if b["type"] == "image"] == ["image/png"]


def test_large_pictures_are_scaled_and_nothing_is_left(client):
    said = client.text("terminal_execute", command="command -v ffmpeg && ffmpeg -v error -f lavfi "
                       "-i testsrc=s=4000x1000 -frames:v 1 wide.png; ls -A /tmp")
    if "ffmpeg" not in said:
        pytest.skip("no ffmpeg")
    result = client.call("file_read", path="wide.png")
    assert [b["mimeType"] for b in result["content"] if b["type"] == "image"] == ["image/jpeg"]
    assert "shown 1568x392" in text(result)
    said = client.text("terminal_execute", command="ls -A /tmp")
    assert "scaled" not in section(said, "stdout")
