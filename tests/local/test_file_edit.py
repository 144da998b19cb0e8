"""file_edit in a local sandbox: lines, undo, and what is done to a file between the two."""

import hashlib

import pytest

from local.terminal import ToolError, run

TOOLS = ("--toolsets", "core,file")


@pytest.fixture
def stdio(start_stdio):
    return start_stdio(*TOOLS)


def say(client, tool, **arguments):
    result = client.call(tool, **arguments)
    if result.get("isError"):
        raise ToolError(result)
    return result["content"][0]["text"]


def edit(client, path, action, **more):
    return say(client, "file_edit", path=path, action=action, **more)


def write(client, path, content, **more):
    return say(client, "file_write", path=path, content=content, **more)


def held(client, path):
    return run(client, f"cat {path}").stdout


def depth(text):
    return int(text.split("undo_depth ")[1].split()[0])


def test_undo_restores_content_and_mode_byte_for_byte(stdio):
    states, modes = [], ["0644", "0755", "0600"]
    run(stdio, "head -c 3000000 /dev/urandom > big; chmod 640 big")
    for i, mode in enumerate(modes):
        states.append(run(stdio, "sha256sum < big; stat -c %a big").stdout)
        write(stdio, "big", "x" * (10 ** (2 * i + 1)), permissions=mode)
    write(stdio, "big", "appended", mode="append")
    edit(stdio, "big", "undo")
    for state in reversed(states):
        edit(stdio, "big", "undo")
        assert run(stdio, "sha256sum < big; stat -c %a big").stdout == state


def test_all_writing_tools_share_one_stack(stdio):
    write(stdio, "f", "one\n")
    write(stdio, "f", "two\n", mode="append")
    say(stdio, "file_replace", path="f", edits=[{"old": "two", "new": "2"}])
    assert depth(edit(stdio, "/workspace/./f", "insert", line=1, text="middle")) == 4
    text = edit(stdio, "f", "undo", steps=3)
    assert depth(text) == 1 and held(stdio, "f") == "one\n" and "-middle" in text
    assert "removed" in edit(stdio, "f", "undo")
    assert run(stdio, "ls -A").stdout == ""


def test_an_append_to_a_file_too_large_to_keep_is_cut_off_again(stdio):
    run(stdio, "head -c 20000000 /dev/zero > log")
    before = run(stdio, "sha256sum log").stdout
    write(stdio, "log", "line\n", mode="append")
    assert "too large for a diff" in edit(stdio, "log", "undo")
    assert run(stdio, "sha256sum log").stdout == before


def test_what_is_too_large_to_keep_says_so(stdio):
    run(stdio, "head -c 9000000 /dev/zero > large")
    write(stdio, "large", "small")
    with pytest.raises(ToolError) as e:
        edit(stdio, "large", "undo")
    assert e.value.code == "not_found" and "8 MiB" in e.value.text


def test_sixteen_steps_are_kept(stdio):
    for i in range(20):
        write(stdio, "f", f"{i}\n")
    text = edit(stdio, "f", "undo", steps=16)
    assert held(stdio, "f") == "3\n"
    assert depth(text) == 0 and "dropped" in text


@pytest.mark.parametrize("change", [
    "echo other > f", "echo >> f", "rm f; ln -s g f", "rm f; mkfifo f", "rm f; mkdir f", "rm f",
    "rm f; ln g f", "mv f h; ln -s h f"])
def test_what_something_else_did_to_the_file_is_never_overwritten(stdio, change):
    run(stdio, "echo g > g")
    write(stdio, "f", "1\n")
    write(stdio, "f", "2\n")
    run(stdio, change)
    before = run(stdio, "ls -lA; cat g h").stdout
    with pytest.raises(ToolError) as e:
        edit(stdio, "f", "undo")
    assert e.value.code in ("conflict", "not_found", "invalid_argument"), e.value.text
    assert run(stdio, "ls -lA; cat g h").stdout == before


def test_a_folder_that_became_a_link_is_not_followed(stdio):
    write(stdio, "d/f", "1\n")
    write(stdio, "d/f", "2\n")
    run(stdio, "mkdir e; echo 2 > e/f; mv d d2; ln -s e d")
    with pytest.raises(ToolError):
        edit(stdio, "d/f", "undo")
    assert held(stdio, "e/f") == "2\n"


def test_swapping_the_file_for_a_link_all_the_time(stdio):
    run(stdio, "mkdir other; echo secret > other/f; cp other/f f; "
               "(while :; do ln -sfn other/f l; mv -T l f 2>/dev/null; "
               "cp other/f t; mv -T t f; done) & echo $! > pid")
    for i in range(60):
        try:
            write(stdio, "f", f"{i}\n")
            edit(stdio, "f", "insert", line=0, text="x")
            edit(stdio, "f", "undo")
        except ToolError as e:
            assert e.code in ("conflict", "not_found", "denied", "invalid_argument",
                              "unavailable"), e.text
    run(stdio, "kill $(cat pid)")
    assert run(stdio, "echo alive").stdout == "alive\n"


def test_the_agent_cannot_be_made_to_tell_another_past(stdio):
    """What was kept is the server's: commands cannot reach it."""
    write(stdio, "f", "original\n")
    write(stdio, "f", "new\n")
    run(stdio, "find / -xdev -name '*undo*' -delete 2>/dev/null; kill -9 -1")
    edit(stdio, "f", "undo")
    assert held(stdio, "f") == "original\n"


def test_undo_after_the_sandbox_was_stopped(stdio):
    write(stdio, "f", "1\n")
    write(stdio, "f", "2\n")
    run(stdio, "kill -9 1; true")
    edit(stdio, "f", "undo")
    assert held(stdio, "f") == "1\n"


def test_two_calls_at_once_keep_the_stack_in_order(stdio):
    write(stdio, "f", "start\n")
    asked = [stdio.start("tools/call", {"name": "file_write", "arguments": {
        "path": "f", "content": f"{i}\n"}}) for i in range(10)]
    for one in asked:
        stdio.response(one)
    edit(stdio, "f", "undo", steps=10)
    assert held(stdio, "f") == "start\n"


def test_in_place_writes_are_undone_too(stdio):
    run(stdio, "echo old > f; ln f second")
    write(stdio, "f", "new\n")
    assert held(stdio, "second") == "new\n"
    edit(stdio, "f", "undo")
    assert held(stdio, "second") == "old\n" and held(stdio, "f") == "old\n"


def test_lines_keep_their_endings(stdio):
    run(stdio, r"printf 'a\r\nb\r\nc' > dos; printf '\xff\n' > latin")
    edit(stdio, "dos", "insert", line=3, text="d\ne\n")
    edit(stdio, "dos", "delete", line=1)
    assert run(stdio, "od -An -c dos | tr -d ' \\n'").stdout.strip() == r"b\r\nc\r\nd\r\ne"
    edit(stdio, "dos", "delete", line=2, end_line=4)
    assert run(stdio, "od -An -c dos | tr -d ' \\n'").stdout.strip() == "b"
    edit(stdio, "latin", "insert", line=1, text="plain")
    with pytest.raises(ToolError):
        edit(stdio, "latin", "insert", line=1, text="é")


def test_the_hash_guards(stdio):
    write(stdio, "f", "1\n")
    for action in ({"action": "insert", "line": 0, "text": "x"}, {"action": "delete", "line": 1},
                   {"action": "undo"}):
        with pytest.raises(ToolError) as e:
            say(stdio, "file_edit", path="f", expect_sha256="0" * 64, **action)
        assert e.value.code == "conflict"
    good = hashlib.sha256(b"1\n").hexdigest()
    edit(stdio, "f", "insert", line=0, text="x", expect_sha256=good)


def test_large_files_are_refused(stdio):
    run(stdio, "head -c 9000000 /dev/zero | tr '\\0' '\\n' > f")
    with pytest.raises(ToolError) as e:
        edit(stdio, "f", "insert", line=0, text="x")
    assert e.value.code == "too_large"


def test_a_name_cannot_pass_for_a_part_of_the_diff(stdio):
    name = 'a\n+++ /etc/passwd\n@@ -1 +1 @@\n"\\'
    write(stdio, name, "one\n")
    quoted = '"/workspace/a\\012+++ /etc/passwd\\012@@ -1 +1 @@\\012\\"\\\\"'
    for text in (edit(stdio, name, "insert", line=1, text="two"), edit(stdio, name, "undo"),
                 say(stdio, "file_replace", path=name, edits=[{"old": "one", "new": "1"}])):
        assert f"--- {quoted}\n+++ {quoted}\n@@ -1" in text
