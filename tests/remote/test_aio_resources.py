"""Resources over an AIO Sandbox: the same URIs, without being watched."""

import json
import time


def contents(aio, uri):
    return aio.stdio.result("resources/read", {"uri": uri})["contents"]


def test_files_and_facts_are_read(aio, folder):
    aio.ok("file_write", path=f"{folder.there}/a b.json", content="{}")
    content, = contents(aio, f"sandbox://default/file/{folder.there}/a%20b.json")
    assert (content["text"], content["mimeType"]) == ("{}", "application/json")
    info = json.loads(contents(aio, "sandbox://default/info")[0]["text"])
    assert info["backend"] == "aio"
    assert contents(aio, f"sandbox://{info['sandbox_id']}/info")
    error = aio.stdio.request("resources/read", {"uri": f"sandbox://sb_{'a' * 26}/info"})["error"]
    assert error["message"] == "Resource not found"


def test_output_is_whole_and_moves_nobody(aio):
    result = aio.result("terminal_execute", command="echo one; sleep 1; seq 1 2000", yield_s=0)
    pid = result["_meta"]["sandbox-mcp/process_id"]
    uri, until = f"sandbox://default/output/{pid}", time.monotonic() + 30
    while not contents(aio, uri)[0]["text"].endswith("\n2000\n"):
        assert time.monotonic() < until
        time.sleep(0.2)
    assert contents(aio, uri)[0]["text"].startswith("one\n1\n2\n")
    assert "\n2000\n" in aio.ok("terminal_output", process_id=pid)


def test_paths_are_completed_and_nothing_is_watched(aio, folder):
    aio.ok("file_write", path=f"{folder.there}/x/one", content="")
    found = aio.stdio.result("completion/complete", {
        "ref": {"type": "ref/resource", "uri": "sandbox://{id}/file/{+path}"},
        "argument": {"name": "path", "value": f"{folder.there}/x"}})
    assert found["completion"]["values"] == [f"{folder.there}/x/"]
    capabilities = aio.stdio.result("server/discover")["capabilities"]
    assert not capabilities["resources"].get("subscribe")
