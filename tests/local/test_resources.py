"""Resources of real sandboxes: read, completed, attacked."""

import base64
import json
import time
from urllib.parse import quote

import pytest

from lib import protocol
from lib.stdio import RpcError
from local.terminal import run

NOT_FOUND, INVALID, FAILED = -32602, -32602, -32603
MB = 1024 * 1024


def read(client, uri):
    result = client.result("resources/read", {"uri": uri})
    assert result["ttlMs"] == 0 and result["cacheScope"] == "private"
    return result["contents"]


def text(client, uri):
    content, = read(client, uri)
    return content["text"]


def fault(client, uri):
    with pytest.raises(RpcError) as e:
        read(client, uri)
    return e.value.error


def listed(client):
    return [r["uri"] for r in client.result("resources/list")["resources"]]


def file(path, sandbox="default"):
    return f"sandbox://{sandbox}/file/{quote(path)}"


def test_a_list_makes_no_sandbox(stdio, state_dir):
    assert listed(stdio) == ["sandbox://policy", "sandbox://tools"]
    text(stdio, "sandbox://tools")
    assert not list((state_dir / "v1/sandbox").iterdir())
    run(stdio, "true")
    assert len(listed(stdio)) == 3


def test_a_file_is_what_the_sandbox_sees(stdio):
    run(stdio, "mkdir -p 'a b/%41'; echo 1 >'a b/%41/ü?#.txt'; ln -s /etc/passwd link; echo 2 >~/dot")
    assert text(stdio, file("a b/%41/ü?#.txt")) == "1\n"
    assert "user:x:1000" in text(stdio, file("link"))
    assert text(stdio, file("link")) == text(stdio, "sandbox://default/file//etc/passwd")
    assert text(stdio, file("~/dot")) == "2\n"
    assert text(stdio, file("/workspace/a b/%41/ü?#.txt")) == "1\n"


def test_types_and_bytes(stdio):
    run(stdio, "printf '{}' >a.json; printf '\\211PNG\\r\\n\\032\\n' >b; printf '\\0' >c.txt; : >empty")
    kinds = {name: read(stdio, file(name))[0] for name in ("a.json", "b", "c.txt", "empty")}
    assert [k["mimeType"] for k in kinds.values()] == [
        "application/json", "image/png", "application/octet-stream", "text/plain"]
    assert base64.b64decode(kinds["b"]["blob"]) == b"\x89PNG\r\n\x1a\n"
    assert kinds["empty"]["text"] == ""


def test_large_files_name_the_tool_that_reads_them(stdio):
    run(stdio, f"head -c {4 * MB} /dev/zero | tr '\\0' x >fits; head -c {8 * MB + 1} /dev/zero >large;"
               f"head -c {7 * MB} /dev/urandom >base64; truncate -s 1T huge")
    assert len(text(stdio, file("fits"))) == 4 * MB
    for name in ("large", "base64", "huge"):
        error = fault(stdio, file(name))
        assert error["code"] == FAILED and "too_large" in error["message"]
        assert "file_read" in error["message"], error


@pytest.mark.parametrize("path", [
    "../../etc/shadow", "%2e%2e/x", "%2E%2e%2Fx", "a/%2e./b", "a%2Fb", "a%5c..%2f", "x%00y", "%00",
    "a%0Ab", "%ff", "%c0%ae%c0%ae/x", "a//b", "///etc/passwd", "./a", "a/.", "%", "%4", "%g0", "a b",
    "a\x7fb", "é", "a\\b", "a|b", "a\"b"])
def test_tricks_are_refused(stdio, path):
    error = fault(stdio, f"sandbox://default/file/{path}")
    assert error["code"] == INVALID and error["message"] != "Resource not found"


@pytest.mark.parametrize("path", ["none", "no/such/dir", "a?b", "a#b", "/proc/1/environ%20", ""])
def test_what_is_not_there_is_not_found(stdio, path):
    error = fault(stdio, f"sandbox://default/file/{path}")
    assert error == {"code": NOT_FOUND, "message": "Resource not found",
                     "data": {"uri": f"sandbox://default/file/{path}"}}


def test_a_link_out_ends_inside(stdio, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("host\n")
    run(stdio, f"ln -s {secret} out; ln -s ../../../../../../../../{secret} up; ln -s . loop; ln -s x x")
    for name in ("out", "up", "x"):
        assert "host" not in json.dumps(fault(stdio, file(name)))
    assert fault(stdio, f"sandbox://default/file/{secret}")["message"] == "Resource not found"
    assert fault(stdio, file("loop"))["code"] == INVALID


def test_devices_and_pipes_do_not_hang(stdio):
    run(stdio, "mkfifo pipe")
    started = time.monotonic()
    for path in ("pipe", "/dev/zero", "/dev/tty", "/proc/kmsg"):
        assert "error" in stdio.request("resources/read", {"uri": file(path)}), path
    assert time.monotonic() - started < 10


def test_long_uris_are_refused_early(stdio):
    for size in (8001, 100_000, MB):
        error = fault(stdio, "sandbox://default/file/" + "a" * size)
        assert error["code"] == INVALID and "8000" in error["message"]
        assert len(json.dumps(error)) < 1000


def test_foreign_sandboxes_look_like_unknown_ones(start_server, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("token-of-alice-012345\ntoken-of-bob-01234567\n")
    tokens.chmod(0o600)
    server = start_server("--token-file", tokens, token=None)
    alice, bob = ({"Authorization": f"Bearer {t}"} for t in tokens.read_text().split())
    result = server.result("tools/call", {"name": "terminal_execute", "arguments": {
        "command": "echo mine >file; seq 1 9999", "max_bytes": 500}}, **alice)
    own, = [r["uri"] for r in server.result("resources/list", **alice)["resources"]][2:]
    output = [b for b in result["content"] if b["type"] == "resource_link"][0]["uri"]
    name = own.split("/")[2]
    for uri in (own, output, file("file", name)):
        assert server.result("resources/read", {"uri": uri}, **alice)["contents"]
        unknown = uri.replace(name, "sb_" + "a" * 26)
        foreign = server.request("resources/read", {"uri": uri}, **bob)["error"]
        missing = server.request("resources/read", {"uri": unknown}, **bob)["error"]
        assert foreign.pop("data")["uri"] == uri and missing.pop("data")["uri"] == unknown
        assert foreign == missing == {"code": NOT_FOUND, "message": "Resource not found"}
    assert len(server.result("resources/list", **bob)["resources"]) == 2
    found = server.result("completion/complete", {
        "ref": {"type": "ref/resource", "uri": "sandbox://{id}/info"},
        "argument": {"name": "id", "value": "sb_"}}, **bob)
    assert found["completion"]["values"] == []


def test_output_is_whole_and_moves_nobody(stdio):
    r = run(stdio, "echo one; echo e >&2; sleep 1; seq 1 5000", yield_s=0)
    uri = f"sandbox://default/output/{r.process_id}"
    until = time.monotonic() + 20
    while not read(stdio, uri)[0]["text"].endswith("\n5000\n"):
        assert time.monotonic() < until
        time.sleep(0.1)
    for _ in range(2):
        out, errs = read(stdio, uri)
        assert out["text"].startswith("one\n1\n2\n") and out["text"].endswith("\n5000\n")
        assert (errs["uri"], errs["text"]) == (f"{uri}#stderr", "e\n")


def test_reading_output_does_not_take_it_from_the_tool(stdio):
    r = run(stdio, "echo first; sleep 0.5; echo second", yield_s=0)
    uri = f"sandbox://default/output/{r.process_id}"
    until = time.monotonic() + 20
    while "second" not in text(stdio, uri):
        assert time.monotonic() < until
        time.sleep(0.1)
    told = protocol.text(stdio.call("terminal_output", process_id=r.process_id))
    assert "first" in r.stdout + told and "second" in told


def complete(client, uri, name, value, **known):
    params = {"ref": {"type": "ref/resource", "uri": uri}, "argument": {"name": name, "value": value}}
    return client.result("completion/complete", params | {
        "context": {"arguments": known}})["completion"]


def test_paths_are_completed(stdio):
    run(stdio, "mkdir -p src/lib .git; touch 'src/a b' src/[x] .env; for i in $(seq 150); do : >f$i; done")
    path = "sandbox://{id}/file/{+path}"
    assert complete(stdio, path, "path", "s")["values"] == ["src/"]
    assert complete(stdio, path, "path", "src/")["values"] == ["src/[x]", "src/a b", "src/lib/"]
    assert complete(stdio, path, "path", "src/[")["values"] == ["src/[x]"]
    assert complete(stdio, path, "path", ".")["values"] == [".env", ".git/"]
    assert "/etc/passwd" in complete(stdio, path, "path", "/etc/p")["values"]
    assert complete(stdio, path, "path", "no/such/") == {"values": [], "hasMore": False}
    many = complete(stdio, path, "path", "f")
    assert len(many["values"]) == 100 and many["hasMore"]
    with pytest.raises(RpcError):
        complete(stdio, path, "path", "s", id="sb_" + "a" * 26)


def test_running_processes_are_completed(stdio):
    r = run(stdio, "sleep 60", yield_s=0)
    run(stdio, "echo over; sleep 0.2", yield_s=0)
    uri, until = "sandbox://{id}/output/{pid}", time.monotonic() + 10
    while (found := complete(stdio, uri, "pid", "")["values"]) != [r.process_id]:
        assert time.monotonic() < until, found
        time.sleep(0.1)
    assert complete(stdio, uri, "pid", "x")["values"] == []


def test_the_policy_says_what_is_in_force(start_stdio, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    client = start_stdio("--workspace", work, "--allow-root-workspace", "--network",
                         "allow=example.com")
    policy = json.loads(text(client, "sandbox://policy"))
    assert ".envrc" in policy["protected_paths"] and ".git/hooks" in policy["protected_paths"]
    assert policy["network"] == ["allow example.com"] or "example.com" in policy["network"][0]
    assert any("seccomp" in layer for layer in policy["isolation"])
    assert int(policy["limits"]["processes"]) > 0
