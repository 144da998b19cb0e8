"""Recordings belong to who made them."""

import pytest

OTHER = "other-token-0123456789abcdef"


@pytest.fixture
def server(tmp_path, start_fake):
    path = tmp_path / "tokens"
    path.write_text(f"first-token-0123456789abcdef\n{OTHER}\n")
    path.chmod(0o600)
    one = start_fake("--toolsets", "all", "--state-dir", tmp_path / "state", "--token-file", path,
                     token=None)
    one.token = "first-token-0123456789abcdef"
    return one


def call(server, tool, token=None, **arguments):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return server.result("tools/call", {"name": tool, "arguments": arguments}, **headers)


def test_nobody_else_sees_them(server):
    made = call(server, "recording_start", kind="terminal", name="mine")["structuredContent"]
    rid, uri = made["recording_id"], made["uri"]
    assert call(server, "recording_list", OTHER)["structuredContent"]["recordings"] == []
    for tool, arguments in [("recording_get", {"recording_id": rid}),
                            ("recording_control", {"recording_id": rid, "action": "stop"}),
                            ("recording_delete", {"recording_ids": [rid]})]:
        refused = call(server, tool, OTHER, **arguments)
        assert refused["isError"] and refused["content"][0]["text"].startswith("not_found")
    call(server, "terminal_execute", OTHER, command="theirs")
    call(server, "terminal_execute", command="ours")
    stopped = call(server, "recording_control", recording_id=rid, action="stop")
    assert stopped["structuredContent"]["state"] == "stopped"
    for where in (uri, f"sandbox://default/recording/{rid}"):
        refused = server.request("resources/read", {"uri": where},
                                 Authorization=f"Bearer {OTHER}")
        assert "error" in refused
        text = server.result("resources/read", {"uri": where})["contents"][0]["text"]
        assert "ours" in text and "theirs" not in text
    assert call(server, "recording_delete", OTHER, recording_ids=[rid])["isError"]
    assert call(server, "recording_delete", recording_ids=[rid])["structuredContent"] == {
        "deleted": [rid]}


def test_so_many_run_at_once(server):
    made = [call(server, "recording_start", kind="terminal")["structuredContent"]["recording_id"]
            for _ in range(8)]
    refused = call(server, "recording_start", kind="actions")
    assert refused["isError"] and refused["content"][0]["text"].startswith("quota")
    assert not call(server, "recording_start", OTHER, kind="actions").get("isError")
    call(server, "recording_control", recording_id=made[0], action="stop")
    assert not call(server, "recording_start", kind="actions").get("isError")
