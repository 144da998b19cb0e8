"""Subscribers hear of what changes in a real sandbox, and floods stay small."""

import os
import signal
import time

import pytest

from lib import processes
from lib.stdio import RpcError
from local.terminal import run

SECONDS = 20
UPDATED = "notifications/resources/updated"


@pytest.fixture
def client(start_stdio):
    client = start_stdio()
    client.initialize()
    return client


def file(name):
    return f"sandbox://default/file/{name}"


def subscribe(client, *uris):
    for uri in uris:
        assert client.result("resources/subscribe", {"uri": uri}) == {}


def refused(client, uri):
    with pytest.raises(RpcError) as e:
        client.result("resources/subscribe", {"uri": uri})
    return e.value.error


def updates(client, seconds=0):
    """What was said by now, and within so many seconds; forgotten then."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        try:
            client.notifications.append(client.recv(left))
        except TimeoutError:
            break
    found = [n["params"]["uri"] for n in client.notifications if n.get("method") == UPDATED]
    client.notifications.clear()
    return found


def hears(client, *uris):
    missing, until = set(uris), time.monotonic() + SECONDS
    while missing:
        missing -= set(updates(client, 0.2))
        assert time.monotonic() < until, f"not heard of {missing}"


def below(pid, wanted):
    """How many processes below pid have `wanted` among their open files."""
    count = 0
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            files = [os.readlink(f"/proc/{entry}/fd/{fd}") for fd in os.listdir(f"/proc/{entry}/fd")]
            with open(f"/proc/{entry}/cmdline", "rb") as f:
                agent = b"sandbox-agent" in f.read() or int(entry) == pid
        except OSError:
            continue
        count += agent and wanted in files
    return count


def test_a_file_is_heard_of_however_it_changes(client):
    run(client, "echo 0 >a; mkdir d; echo 0 >d/target; ln -s d/target link")
    subscribe(client, file("a"), file("link"))
    for how in ("echo 1 >a", "echo 2 >>a", "echo 3 >b; mv b a", "rm a", "echo 4 >a", "mv a c",
                "cp c a", "touch a", "truncate -s 0 a"):
        run(client, how)
        hears(client, file("a"))
    run(client, "echo 1 >d/target")
    hears(client, file("link"))
    run(client, "ln -s a new; mv new link")
    hears(client, file("link"))


def test_what_is_written_behind_the_answer_is_heard_of(client):
    run(client, "true")
    for i in range(20):
        subscribe(client, file(f"f{i}"))
        client.call("file_write", path=f"f{i}", content="x")
    hears(client, *(file(f"f{i}") for i in range(20)))


def test_a_file_that_is_not_there_yet_is_heard_of(client):
    subscribe(client, file("deep/er/file"), file("deep/er/other"))
    run(client, "mkdir -p deep/er; echo >deep/er/file")
    hears(client, file("deep/er/file"))
    run(client, "rm -r deep")
    hears(client, file("deep/er/file"))
    run(client, "mkdir -p deep/er; echo >deep/er/other; echo >deep/er/file")
    hears(client, file("deep/er/file"), file("deep/er/other"))


def test_others_are_not_heard_of(client):
    run(client, "mkdir d; echo >a; echo >d/a")
    subscribe(client, file("a"))
    run(client, "echo >d/a; echo >b; cat a; chmod 600 d; mkdir e")
    assert updates(client, 2.5) == []
    run(client, "echo >a")
    hears(client, file("a"))
    client.result("resources/unsubscribe", {"uri": file("a")})
    updates(client, 1.5)
    run(client, "echo >a")
    assert updates(client, 2.5) == []


def test_watching_goes_on_when_all_inside_is_killed(client):
    subscribe(client, file("a"))
    run(client, "echo >a; sleep 600", yield_s=0)
    hears(client, file("a"))
    client.call("terminal_execute", command="kill -9 -1", timeout_s=5)
    updates(client, 1.5)
    run(client, "true")
    run(client, "echo >a")
    hears(client, file("a"))


def test_watching_goes_on_when_the_sandbox_was_stopped(start_stdio, state_dir):
    client = start_stdio()
    client.initialize()
    subscribe(client, file("a"))
    run(client, "echo >a")
    hears(client, file("a"))
    for pid, _ in processes.descendants(client.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    until = time.monotonic() + SECONDS
    while client.call("terminal_execute", command="true").get("isError"):
        assert time.monotonic() < until
    updates(client, 1.5)
    run(client, "echo >a")
    hears(client, file("a"))


def test_output_and_state_are_heard_of_once_a_second(client):
    subscribe(client, "sandbox://default/info")
    r = run(client, "for i in $(seq 40); do echo $i; sleep 0.1; done", yield_s=0)
    uri = f"sandbox://default/output/{r.process_id}"
    subscribe(client, uri)
    hears(client, uri, "sandbox://default/info")
    found = updates(client, 6)
    assert 2 <= found.count(uri) <= 8
    assert "sandbox://default/info" in found
    assert updates(client, 2.5) == []


def test_only_what_can_be_read_is_watched(client):
    for uri in ("test://x", "sandbox://default/output/p_none", f"sandbox://sb_{'a' * 26}/info",
                "file:///etc/passwd"):
        assert refused(client, uri)["code"] == -32002
    for uri in (file("../x"), file("%00"), file("%2e%2e"), file("a%2fb"), "x"):
        assert refused(client, uri)["code"] == -32602
    subscribe(client, "sandbox://policy", "sandbox://tools")


def test_a_bomb_of_watches_is_bounded(client):
    run(client, "true")
    taken = 0
    for i in range(10_000):
        answer = client.request("resources/subscribe", {"uri": file(f"f{i}")})
        if "error" in answer:
            assert "watch" in answer["error"]["message"] or "subscri" in answer["error"]["message"]
        taken += "result" in answer
    assert 0 < taken <= 256
    run(client, "for i in $(seq 0 255); do echo >f$i; done")
    hears(client, file("f0"), file(f"f{taken - 1}"))
    assert below(client.pid, "anon_inode:inotify") == 1
    for i in range(taken):
        client.result("resources/unsubscribe", {"uri": file(f"f{i}")})
    until = time.monotonic() + SECONDS
    while below(client.pid, "anon_inode:inotify"):
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_million_events_are_a_few_messages(client):
    run(client, "echo >a")
    subscribe(client, file("a"))
    script = "import os\nfor i in range(150000):\n os.close(os.open('x', os.O_CREAT)); os.unlink('x')\n"
    client.call("file_write", path="/tmp/flood.py", content=script)
    r = run(client, "python3 /tmp/flood.py & python3 -c \"\nf = open('a', 'w')\nfor i in range(150000):"
                    " f.write('x'); f.flush()\n\"; wait", yield_s=0, timeout_s=120)
    started, heard = time.monotonic(), 0
    while True:
        heard += updates(client, 0.5).count(file("a"))
        text = client.call("terminal_output", process_id=r.process_id)["content"][0]["text"]
        if not text.startswith("running"):
            break
        assert time.monotonic() - started < 120
    assert 1 <= heard <= time.monotonic() - started + 2
    updates(client, 2)
    run(client, "echo end >a")
    hears(client, file("a"))
