"""Shell sessions over an AIO Sandbox: what one command leaves to the next."""

import os
import time

import pytest

from remote.conftest import eventually, process_id, section


def out(aio, command, **more):
    return section(aio.run(command, session_id="s", **more), "stdout")


def test_what_lasts(aio, folder):
    aio.run(f"cd {folder.there}; x='a  b'; export Y=$'l1\\nl2'; f() {{ echo f:$1; }}; "
            "alias hi='echo hello'; a=([2]=two [5]='fi ve'); declare -A m=([k]=v); umask 027; "
            "shopt -s nullglob extglob; set -u; readonly R=1", session_id="s")
    text = out(aio, 'pwd; echo "$x|$Y"; f 1; hi; echo "${a[5]} ${m[k]} $R"; umask; '
                    'echo none*here; [[ -o nounset ]] && echo u; sh -c \'echo "$Y"\'')
    assert text == (f"{folder.there}\na  b|l1\nl2\nf:1\nhello\nfi ve v 1\n0027\n\nu\nl1\nl2\n")


def test_where_it_is_now_is_told(aio, folder):
    assert f"cwd {folder.there} " in aio.run(f"cd {folder.there}", session_id="s").split("\n")[0]
    assert f"cwd {folder.there} " in aio.run("true", session_id="s")


def test_exit_status(aio):
    assert aio.run("false", session_id="s").startswith("exit 1")
    assert out(aio, "echo $?") == "0\n"
    assert aio.run("x=1; exit 9", session_id="s").startswith("exit 9")
    assert out(aio, "echo $x") == "1\n"
    assert aio.run("x=2; trap 'echo bye' EXIT; (exit 6)", session_id="s").startswith("exit 6")
    assert out(aio, "echo $x") == "2\n"


@pytest.mark.parametrize("command", [
    "if", "exec 1>&-", "exec >/dev/null", "set -e; false", "IFS=abcdef", "set -x",
    "unset PATH", "set -o noglob; set -o posix", "f() { return 1; }; trap f ERR; false",
    "alias exit=echo trap=echo eval=echo", "unset HOME; cd /", "shopt -s failglob",
])
def test_what_might_break_it(aio, command):
    aio.run("kept=1", session_id="s")
    aio.run(command, session_id="s")
    assert section(aio.run("builtin echo kept $kept", session_id="s"), "stdout") == "kept 1\n"


def test_stdin(aio):
    assert out(aio, "read a; cat", stdin="one\ntwo\n") == "two\n"
    assert out(aio, "cat; echo $a") == "one\n"
    assert out(aio, "wc -c", stdin="x" * 100_000) == "100000\n"


def test_env_and_cwd_of_a_call(aio, folder):
    assert out(aio, "echo $E; pwd", env={"E": "v"}, cwd=folder.there) == f"v\n{folder.there}\n"
    assert out(aio, "pwd") == f"{folder.there}\n"


def test_two_sessions_are_two(aio):
    aio.run("x=1; cd /tmp", session_id="one")
    assert section(aio.run("echo ${x-unset}; pwd", session_id="two"), "stdout") == \
        "unset\n/home/gem\n"


def test_a_directory_that_is_gone(aio, folder):
    os.mkdir(folder.path("sub"))
    aio.run(f"cd {folder.there}/sub; x=1", session_id="s")
    os.rmdir(folder.path("sub"))
    assert out(aio, "echo $x") == "1\n"


def test_commands_queue(aio):
    first = aio.stdio.start("tools/call", {"name": "terminal_execute", "arguments": {
        "command": "sleep 1; x=first", "session_id": "s"}})
    time.sleep(0.3)
    assert out(aio, "echo $x") == "first\n"
    aio.stdio.response(first)


def test_a_session_that_is_busy(aio):
    id = process_id(aio.run("echo on; sleep 60", session_id="s", yield_s=0.3))
    start = time.monotonic()
    code, text = aio.refused("terminal_execute", command="true", session_id="s")
    assert code == "busy" and "terminal_kill" in text
    assert time.monotonic() - start > 5
    aio.ok("terminal_kill", id=id)
    assert out(aio, "echo free") == "free\n"


def test_closing(aio, fake):
    id = process_id(aio.run("x=1; echo on; sleep 66", session_id="s", yield_s=0.3))
    result = aio.result("terminal_kill", id="s")["structuredContent"]
    assert result["killed"] == [id, "session s"]
    assert out(aio, "echo ${x-unset}") == "unset\n"
    assert aio.refused("terminal_kill", id="never opened")[0] == "not_found"
    assert len(os.listdir(fake.path(".cache/sandbox-mcp"))) == 1


def test_what_a_killed_command_changed_is_not_kept(aio):
    aio.run("x=before", session_id="s")
    aio.run("x=after; sleep 60", session_id="s", timeout_s=0.4)
    assert out(aio, "echo $x") == "before\n"


def test_jobs_go_on(aio, folder):
    aio.run(f"(sleep 0.5; echo done >{folder.there}/f) &", session_id="s")
    assert eventually(lambda: os.path.exists(folder.path("f")))


def test_too_many(aio):
    for n in range(64):
        aio.run("true", session_id=f"s{n}")
    code, text = aio.refused("terminal_execute", command="true", session_id="one more")
    assert code == "quota" and "terminal_kill" in text
