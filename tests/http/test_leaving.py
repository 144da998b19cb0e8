"""What becomes of a real command when its client leaves, in each era."""

import time

from lib import protocol


def run(server, command, modern, connect_to, **headers):
    raw = connect_to(server)
    raw.post(protocol.request(1, "tools/call", {
        "name": "terminal_execute", "arguments": {"command": command}}, modern), **headers)
    return raw


def files(server):
    return protocol.text(server.call("terminal_execute", command="ls"))


def test_a_modern_command_dies_with_its_client_and_a_legacy_one_does_not(
        server, start_session, connect_to):
    session = start_session(server)
    modern = run(server, "touch modern-began; sleep 2; touch modern-ended", True, connect_to)
    legacy = run(server, "touch legacy-began; sleep 2; touch legacy-ended", False, connect_to,
                 Mcp_Session_Id=session.id)
    until = time.monotonic() + 10
    while not {"modern-began", "legacy-began"} <= set(files(server).split()):
        assert time.monotonic() < until
        time.sleep(0.05)
    modern.close()
    legacy.close()
    while "legacy-ended" not in files(server):
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(1)
    assert "modern-ended" not in files(server)
