"""file_watch in a local sandbox: what is told, how soon, and what is thrown at it."""

import re
import time

import pytest

from local.terminal import ToolError, run

TOOLS = ("--toolsets", "core,file")


@pytest.fixture
def stdio(start_stdio):
    return start_stdio(*TOOLS)


def watch(client, action, **more):
    result = client.call("file_watch", action=action, **more)
    if result.get("isError"):
        raise ToolError(result)
    return result["structuredContent"]


def start(client, path="/workspace", recursive=True):
    return watch(client, "start", path=path, recursive=recursive)["watch_id"]


def gather(client, watch_id, *wanted, seconds=15):
    """All events until every wanted (kind, path) was among them."""
    seen, until = [], time.monotonic() + seconds
    while True:
        got = watch(client, "poll", watch_id=watch_id, wait_s=1)
        seen += got["events"]
        have = {(e["kind"], e["path"].removeprefix("/workspace/")) for e in seen}
        if set(wanted) <= have:
            return seen
        assert time.monotonic() < until, (wanted, seen)


def test_every_kind_of_change(stdio):
    run(stdio, "mkdir d; echo > d/f")
    w = start(stdio)
    run(stdio, "echo x > d/new")
    gather(stdio, w, ("created", "d/new"))
    run(stdio, "echo y >> d/new; chmod 600 d/f")
    gather(stdio, w, ("modified", "d/new"), ("attributes", "d/f"))
    run(stdio, "mv d/new moved; rm d/f")
    seen = gather(stdio, w, ("moved", "moved"), ("deleted", "d/f"))
    move = next(e for e in seen if e["kind"] == "moved")
    assert move["from"] == "/workspace/d/new"
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", e["time"]) for e in seen)


def test_the_file_tools_show_as_what_they_are(stdio):
    """Not as the temporary that they write to."""
    w = start(stdio)
    stdio.call("file_write", path="f", content="1")
    seen = gather(stdio, w, ("created", "f"))
    stdio.call("file_write", path="f", content="2")
    seen += gather(stdio, w, ("modified", "f"))
    assert {e["path"] for e in seen} == {"/workspace/f"}


def test_a_poll_answers_soon_after_the_first_change(stdio):
    w = start(stdio)
    delays = []
    for i in range(5):
        run(stdio, f"sleep 0.3; date +%s.%N > stamp{i}", yield_s=0)
        gather(stdio, w, ("created", f"stamp{i}"))
        came = time.time()
        delays.append(came - float(run(stdio, f"cat stamp{i}").stdout))
    assert min(delays) < 0.2, delays


def test_a_burst_of_writes_is_one_event(stdio):
    w = start(stdio)
    run(stdio, "echo > f; sleep 0.2")
    gather(stdio, w, ("created", "f"))
    run(stdio, "for i in $(seq 500); do echo $i >> f; done; echo > done")
    seen = gather(stdio, w, ("created", "done"))
    assert 1 <= sum(e["path"].endswith("/f") for e in seen) < 50


def test_new_folders_are_entered_and_what_is_in_them_is_told(stdio):
    w = start(stdio)
    run(stdio, "mkdir -p a/b/c/d; echo > a/b/c/d/early; sleep 0.3; echo > a/b/c/d/late; "
               "mv a z; sleep 0.2; echo > z/b/c/d/after")
    gather(stdio, w, ("created", "z/b/c/d/after"))
    seen = watch(stdio, "poll", watch_id=w, cursor="0")["events"]
    paths = {e["path"].removeprefix("/workspace/") for e in seen}
    assert {"a", "a/b", "a/b/c/d/early", "a/b/c/d/late", "z"} <= paths


def test_only_the_folder_itself_without_recursive(stdio):
    run(stdio, "mkdir d")
    w = start(stdio, recursive=False)
    run(stdio, "echo > d/inside; mkdir e; echo > e/inside; sleep 0.2; echo > last")
    seen = gather(stdio, w, ("created", "last"))
    assert {e["path"] for e in seen if e["kind"] == "created"} == {"/workspace/e", "/workspace/last"}


def test_git_and_node_modules_are_left_out(stdio):
    run(stdio, "mkdir -p .git/objects")
    w = start(stdio)
    run(stdio, "echo > .git/index; mkdir -p node_modules/a; sleep 0.2; echo > node_modules/a/b; "
               "echo > last")
    seen = gather(stdio, w, ("created", "last"))
    assert {e["path"] for e in seen} == {"/workspace/node_modules", "/workspace/last"}


def test_a_file_that_is_not_there_yet(stdio):
    w = start(stdio, "ready", recursive=False)
    run(stdio, "echo > other; echo > ready; mv other ready")
    seen = gather(stdio, w, ("created", "ready"), ("moved", "ready"))
    assert {e["path"] for e in seen} == {"/workspace/ready"}


def test_cursors_read_again_and_a_flood_says_overflow(stdio):
    w = start(stdio)
    run(stdio, "echo > first; sleep 0.1")
    first = watch(stdio, "poll", watch_id=w, wait_s=5)
    assert watch(stdio, "poll", watch_id=w, cursor="0")["events"] == first["events"]
    run(stdio, "python3 -c \"for i in range(100000): open(f'flood{i}', 'w').close()\"", yield_s=50)
    got = watch(stdio, "poll", watch_id=w, cursor=first["cursor"], wait_s=5)
    assert got["overflow"] and got["more"]
    count = len(got["events"])
    while got["more"]:
        got = watch(stdio, "poll", watch_id=w)
        count += len(got["events"])
    assert count < 50000  # what comes meanwhile is told too
    run(stdio, "echo > end")
    gather(stdio, w, ("created", "end"))


def test_more_folders_than_are_watched(stdio):
    run(stdio, "mkdir a; cd a; seq 5000 | xargs mkdir", yield_s=50)
    got = watch(stdio, "start", recursive=True)
    assert got["folders"] == 4096 and got["partial"]
    run(stdio, "echo > last")
    gather(stdio, got["watch_id"], ("created", "last"))


@pytest.mark.parametrize("path, code", [
    ("/proc", "not_supported"), ("/proc/self", "not_supported"), ("fifo", "invalid_argument"),
    ("/dev/null", "invalid_argument"), ("locked", "denied"), ("locked/f", "denied"),
    ("no/such/file", "not_found"), ("loop", "invalid_argument"), ("x" * 4000, "invalid_argument")])
def test_what_cannot_be_watched(stdio, path, code):
    run(stdio, "mkfifo fifo; mkdir locked; chmod 0 locked; ln -s loop loop")
    with pytest.raises(ToolError) as e:
        start(stdio, path)
    assert e.value.code == code, e.value.text


def test_a_link_that_is_swapped_in_is_not_entered(stdio):
    run(stdio, "mkdir d")
    w = start(stdio)
    run(stdio, "for i in $(seq 200); do mkdir n; rmdir n; ln -s /etc n; rm n; done; "
               "ln -s / root; echo > last")
    seen = gather(stdio, w, ("created", "last"))
    assert all(e["path"].count("/") == 2 for e in seen), seen


def test_hostile_names(stdio):
    w = start(stdio)
    run(stdio, r"""touch $'a\nb' $'\xff\xfe' $'\e[31mred' "$(printf 'x%.0s' $(seq 255))"; """
               "echo > last")
    seen = gather(stdio, w, ("created", "last"))
    assert len(seen) >= 5
    assert not any(c in e["path"] for e in seen for c in "\n\x1b")


def test_the_folder_goes_away(stdio):
    run(stdio, "mkdir d")
    w = start(stdio, "d")
    run(stdio, "rmdir d")
    got = watch(stdio, "poll", watch_id=w, wait_s=5)
    assert got["ended"] and [e["kind"] for e in got["events"]] == ["deleted"]
    with pytest.raises(ToolError) as e:
        watch(stdio, "poll", watch_id=w)
    assert e.value.code == "gone"


def test_a_watch_ends_with_its_sandbox_and_says_so(stdio):
    w = start(stdio)
    run(stdio, "kill -9 1; true")
    stopped = time.monotonic()
    try:
        run(stdio, "ps >/dev/null")
        watch(stdio, "poll", watch_id=w)
    except ToolError as e:
        assert e.code == "gone"
    assert time.monotonic() - stopped < 10


def test_stop_ends_a_poll_that_waits(stdio):
    w = start(stdio)
    waiting = stdio.start("tools/call", {"name": "file_watch", "arguments": {
        "action": "poll", "watch_id": w, "wait_s": 30}})
    time.sleep(0.3)
    with pytest.raises(ToolError) as e:
        watch(stdio, "poll", watch_id=w)
    assert e.value.code == "busy"
    watch(stdio, "stop", watch_id=w)
    assert ToolError(stdio.response(waiting, 10)["result"]).code == "gone"


def test_sixteen_at_most_and_others_do_not_see_them(stdio, start_stdio):
    ids = [start(stdio) for _ in range(16)]
    assert len(set(ids)) == 16
    with pytest.raises(ToolError) as e:
        start(stdio)
    assert e.value.code == "quota"
    other = start_stdio(*TOOLS)
    with pytest.raises(ToolError) as e:
        watch(other, "poll", watch_id=ids[0])
    assert e.value.code == "gone"
    watch(stdio, "stop", watch_id=ids[0])
    start(stdio)


def test_killing_what_watches_from_inside(stdio):
    w = start(stdio)
    run(stdio, "for p in /proc/[0-9]*; do kill -9 ${p#/proc/} 2>/dev/null; done; true")
    try:
        watch(stdio, "poll", watch_id=w, wait_s=1)
    except ToolError as e:
        assert e.code == "gone"
    assert run(stdio, "echo alive").stdout == "alive\n"
