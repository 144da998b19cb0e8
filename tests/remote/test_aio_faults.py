"""
The ten tools while the service, or the way to it, fails: every call gives the right result or a
named error, and what has an effect has it at most once.
"""

import os
import re
import time

import pytest

from remote.conftest import eventually, process_id, section, sessions

EXEC, OUTPUT = "/v1/bash/exec", "/v1/bash/output"


def session(aio, folder):
    """All ten tools, once each at least."""
    file = f"{folder.there}/a.txt"
    assert section(aio.run("echo out; echo err >&2"), "stdout") == "out\n"
    assert section(aio.run("cat", stdin="in"), "stdout") == "in\n"
    id = aio.start("echo one; sleep 0.3; echo two")
    assert eventually(lambda: aio.output(id, cursor="0-0", wait_s=2).startswith("exit 0"), 20)
    assert section(aio.output(id, cursor="0-0"), "stdout") == "one\ntwo\n"
    id = aio.start("sleep 60")
    assert "killed" in aio.ok("terminal_kill", id=id)
    aio.run("cd /tmp; x=1", session_id="s")
    assert section(aio.run("echo $x $PWD", session_id="s"), "stdout") == "1 /tmp\n"
    assert "created" in aio.ok("file_write", path=file, content="one\ntwo\n")
    assert "one\ntwo\n" in aio.ok("file_read", path=file)
    assert "+2" in aio.ok("file_replace", path=file, edits=[{"old": "two", "new": "2"}])
    assert "a.txt" in aio.ok("file_list", path=folder.there)
    assert "a.txt:2:1: 2" in aio.ok("file_search", path=folder.there, pattern="2")
    assert "a.txt" in aio.ok("file_search", path=folder.there, pattern="*.txt", mode="name")
    assert section(aio.ok("code_execute", code="y = 6\ny * 7"), "result") == "42\n"
    assert section(aio.ok("code_execute", code="6 * 7", language="javascript"), "result") == "42\n"
    assert "workspace /home/gem" in aio.ok("sandbox_info", include=["health", "processes"])
    assert folder.read("a.txt") == b"one\n2\n"


def test_without_a_fault(aio, folder):
    session(aio, folder)


def test_answers_one_byte_at_a_time(aio, fake, folder):
    fake.fault("slow_1byte", count=-1)
    session(aio, folder)


def test_every_connection_ends_after_its_answer(aio, fake, folder):
    fake.fault("close_after", count=-1)
    session(aio, folder)


# ---- what may be repeated is

READS = {
    "file_read": ({"path": "f"}, EXEC),
    "file_list": ({"path": "."}, EXEC),
    "file_search": ({"pattern": "x"}, "/v1/file/grep"),
    "sandbox_info": ({}, "/v1/sandbox"),
}


def here(arguments, folder):
    return {k: f"{folder.there}/{v}" if k == "path" else v for k, v in arguments.items()}


@pytest.mark.parametrize("fault", ["503", "503_retry_after", "429", "500", "html_502",
                                   "cut", "reset", "reset_before"])
@pytest.mark.parametrize("tool", READS)
def test_reads_are_tried_again(aio, fake, folder, tool, fault):
    folder.write("f", "x")
    arguments, path = READS[tool]
    aio.run("true")
    fake.fault(fault, path, count=2)
    aio.ok(tool, **here(arguments, folder))
    assert [r["fault"] for r in fake.requests() if r["fault"]] == [fault] * 2


@pytest.mark.parametrize("fault, code, words", [
    ("503", "unavailable", "HTTP 503: Service Unavailable"),
    ("html_502", "unavailable", "HTTP 502: 502 Bad Gateway."),
    ("429", "rate_limited", "HTTP 429: Too Many Requests"),
    ("reset", "unavailable", "broke off"),
])
@pytest.mark.parametrize("tool", READS)
def test_but_not_for_ever(aio, fake, folder, tool, fault, code, words):
    arguments, path = READS[tool]
    aio.run("true")
    fake.fault(fault, path, count=-1)
    got, text = aio.refused(tool, **here(arguments, folder))
    assert got == code and words in text
    assert "<" not in text
    # libcurl itself tries a kept connection that died once more
    assert len([r for r in fake.requests() if r["fault"]]) in (4, 5, 6)


def test_what_the_service_asks_to_wait_is_waited(aio, fake, folder):
    aio.run("true")
    fake.fault("503_retry_after", "/v1/file/grep", count=1)
    start = time.monotonic()
    aio.ok("file_search", pattern="x", path=folder.there)
    assert 1 <= time.monotonic() - start < 3


# ---- what may not is not, and what happened is found out


@pytest.mark.parametrize("fault", ["cut", "reset"])
@pytest.mark.parametrize("yield_s", [0, 20])
def test_a_command_whose_answer_broke_off(aio, fake, folder, fault, yield_s):
    aio.run("true")
    fake.fault(fault, EXEC)
    text = aio.run(f"echo once >>{folder.there}/f; seq 20000; echo end; exit 3", yield_s=yield_s,
                   max_bytes=49152)
    if yield_s == 0:
        id = process_id(text)
        assert eventually(lambda: aio.output(id, wait_s=2).startswith("exit 3"))
        assert section(aio.output(id, tail=2), "stdout") == "20000\nend\n"
        assert f"stdout 108.9 kB" in aio.output(id, cursor="0-0")
    else:
        assert text.startswith("exit 3") and "stdout 108.9 kB" in text
        assert section(text, "stdout").endswith("20000\nend\n")
    assert folder.read("f") == b"once\n"


@pytest.mark.parametrize("fault", ["cut", "reset", "reset_before", "503"])
def test_output_whose_answer_broke_off(aio, fake, fault):
    id = aio.start("seq 30000; echo end")
    time.sleep(0.3)
    fake.fault(fault, OUTPUT, count=3)
    text = aio.output(id, wait_s=5)
    assert "stdout 168.9 kB" in text and section(text, "stdout").endswith("30000\nend\n")
    assert section(aio.output(id, cursor="0-0", max_bytes=10), "stdout") == "1\n2\n3\n4\n5\n"


def test_a_kept_connection_that_had_died(aio, fake, folder):
    aio.run("true")
    time.sleep(0.5)  # what is said behind the answer has been said: the connection is idle
    fake.fault("reset_before", EXEC)
    assert aio.run(f"echo once >>{folder.there}/f").startswith("exit 0")
    aio.ok("file_write", path=f"{folder.there}/g", content="once\n")
    time.sleep(0.5)
    fake.fault("reset_before", EXEC)
    aio.ok("file_write", path=f"{folder.there}/g", content="once\n", mode="append")
    assert (folder.read("f"), folder.read("g")) == (b"once\n", b"once\nonce\n")


def test_a_command_that_did_not_start(aio, fake, folder):
    aio.run("true")
    fake.fault("reset_before", EXEC, count=-1)
    code, text = aio.refused("terminal_execute", command=f"echo once >>{folder.there}/f")
    assert code == "unavailable" and "did not start" in text and "Next: call again" in text
    assert not os.path.exists(folder.path("f"))


def test_a_command_of_which_nothing_can_be_learnt(aio, fake, folder):
    aio.run("true")
    fake.fault("reset", EXEC)
    fake.fault("503", OUTPUT, count=-1)
    code, text = aio.refused("terminal_execute", command=f"echo once >>{folder.there}/f; sleep 60",
                              yield_s=0.5)
    assert code == "unavailable" and "may be running" in text
    id = re.search(r"process_id=(p_\w+)", text)[1]
    fake.clear("faults")
    assert aio.output(id).startswith("running")
    assert "killed" in aio.ok("terminal_kill", id=id)
    assert folder.read("f") == b"once\n"


@pytest.mark.parametrize("fault, code, words", [
    ("503", "unavailable", "Service Unavailable"), ("html_502", "unavailable", "Bad Gateway"),
    ("429", "rate_limited", ""), ("422", "invalid_argument", "body.injected: Field required"),
    ("401", "unauthorized", "SANDBOX_MCP_BACKEND_KEY"), ("success_false", "unavailable",
                                                         "injected failure"),
    ("404", "not_supported", "POST /v1/bash/exec"), ("409", "conflict", ""),
    ("413", "too_large", ""), ("500", "unavailable", ""),
])
@pytest.mark.parametrize("tool, path", [("terminal_execute", EXEC), ("code_execute",
                                                                     "/v1/jupyter/execute")])
def test_work_is_never_repeated(aio, fake, folder, tool, path, fault, code, words):
    aio.run("true")
    fake.fault(fault, path, count=-1)
    more = {"command": "true"} if tool == "terminal_execute" else {"code": "1"}
    got, text = aio.refused(tool, **more)
    assert got == code and words.replace("/v1/bash/exec", path) in text, text
    assert len([r for r in fake.requests() if r["fault"]]) == 1
    fake.clear("faults")
    aio.ok(tool, **more)


@pytest.mark.parametrize("fault", ["503", "success_false", "422", "429"])
@pytest.mark.parametrize("size", [10, 100_000])
def test_a_write_that_is_refused_leaves_the_old_file(aio, fake, folder, fault, size):
    path = folder.write("f", "old")
    aio.run("true")
    fake.fault(fault, EXEC, count=1, skip=1)  # behind the look at the old file
    assert aio.result("file_write", path=path, content="n" * size).get("isError")
    assert folder.read("f") == b"old" and os.listdir(folder.here) == ["f"]
    fake.clear("faults")
    aio.ok("file_write", path=path, content="n" * size)
    assert folder.read("f") == b"n" * size


@pytest.mark.parametrize("fault", ["cut", "reset"])
@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize("mode", ["create", "append"])
def test_a_write_whose_answer_broke_off_is_done_once(aio, fake, folder, fault, size, mode):
    aio.run("true")
    if mode == "append":
        folder.write("f", "old")
    fake.fault(fault, EXEC, count=1)
    text = aio.ok("file_write", path=f"{folder.there}/f", content="n" * size, mode=mode)
    assert ("created" in text) == (mode == "create")
    assert folder.read("f") == b"old" * (mode == "append") + b"n" * size


def test_an_edit_whose_answer_broke_off_is_done_once(aio, fake, folder):
    path = folder.write("f", "one")
    aio.ok("file_read", path=path)
    fake.fault("reset", EXEC, skip=1)
    aio.ok("file_replace", path=path, edits=[{"old": "one", "new": "oneone"}])
    assert folder.read("f") == b"oneone"


@pytest.mark.parametrize("fault", ["cut", "reset"])
def test_a_cell_whose_answer_broke_off(aio, fake, folder, fault):
    aio.ok("code_execute", code="x = 1")
    fake.fault(fault, "/v1/jupyter/execute")
    code, text = aio.refused("code_execute", code=f"open('{folder.there}/f', 'a').write('once')")
    assert code == "unavailable" and "broke off" in text
    assert folder.read("f") == b"once"
    assert section(aio.ok("code_execute", code="1 + 1"), "result") == "2\n"


def test_a_cell_that_fails_after_it_was_left(aio, fake):
    fake.fault("reset", "/v1/jupyter/execute")
    text = aio.ok("code_execute", code="import time; time.sleep(0.5)", yield_s=0)
    assert eventually(lambda: "broke off" in aio.output(process_id(text), wait_s=1))


# ---- a service that says nothing at all


@pytest.mark.parametrize("tool, more, path", [
    ("terminal_execute", {"command": "true", "yield_s": 50}, EXEC),
    ("file_search", {"pattern": "x"}, "/v1/file/grep"),
    ("file_write", {"path": "f", "content": "x"}, EXEC),
    ("code_execute", {"code": "1", "yield_s": 50}, "/v1/jupyter/execute"),
    ("sandbox_info", {}, "/v1/sandbox"),
])
def test_cancelling_ends_the_waiting_at_once(aio, fake, tool, more, path):
    aio.run("true")
    fake.fault("hang", path, count=1)
    id = aio.stdio.start("tools/call", {"name": tool, "arguments": more})
    assert eventually(lambda: [r for r in fake.requests() if r["fault"] == "hang"])
    start = time.monotonic()
    aio.stdio.notify("notifications/cancelled", {"requestId": id})
    aio.run("true")
    assert time.monotonic() - start < 2
    assert aio.stdio.close() == 0
    assert time.monotonic() - start < 6


def test_the_end_does_not_wait_for_a_service_that_hangs(start_aio, fake):
    aio = start_aio()
    for _ in range(3):
        aio.start("sleep 60")
    fake.fault("hang", count=-1)
    start = time.monotonic()
    assert aio.stdio.close(20) == 0
    assert time.monotonic() - start < 8
    fake.clear("faults")
    for id in sessions(fake):
        fake.json("POST", f"/v1/bash/sessions/{id}/close")


def test_a_service_that_goes_away_for_a_moment(aio, fake):
    id = aio.start("for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.2; done")
    fake.fault("503", OUTPUT, count=4)
    code, text = aio.refused("terminal_output", process_id=id, wait_s=1)
    assert code == "unavailable"
    assert eventually(lambda: aio.output(id, cursor="0-0", wait_s=2).startswith("exit 0"))
    assert section(aio.output(id, cursor="0-0"), "stdout").split() == list("12345678")


def test_a_command_that_cannot_be_followed(aio, fake):
    fake.fault("503", OUTPUT, count=4)
    id = aio.stdio.start("tools/call", {"name": "terminal_execute", "arguments": {
        "command": "echo one; sleep 3; echo two", "yield_s": 20}}, progressToken="t")
    text = aio.stdio.response(id)["result"]["content"][0]["text"]
    assert text.startswith("running") and "Its state could not be read: " in text
    id = process_id(text)
    assert eventually(lambda: aio.output(id, cursor="0-0", wait_s=2).startswith("exit 0"))


def test_a_session_that_the_service_forgot(aio, fake):
    id = aio.start("echo before; sleep 60")
    assert eventually(lambda: "before" in aio.output(id, cursor="0-0", wait_s=1))
    fake.json("POST", f"/v1/bash/sessions/{id}/close")
    text = aio.output(id, wait_s=1)
    assert text.startswith("killed") and "forgotten" in text
    assert section(aio.output(id, cursor="0-0"), "stdout").startswith("before\n")


def test_helpers_that_the_service_forgot(aio, fake, folder):
    path = folder.write("f", "x")
    aio.ok("file_read", path=path)
    for id in sessions(fake):
        fake.json("POST", f"/v1/bash/sessions/{id}/close")
    aio.ok("file_read", path=path)


def test_an_interpreter_that_the_service_forgot(aio, fake):
    aio.ok("code_execute", code="x = 1")
    fake.json("DELETE", "/v1/jupyter/sessions")
    text = aio.ok("code_execute", code="x")
    assert "NameError" in text and "variables are lost" in text
