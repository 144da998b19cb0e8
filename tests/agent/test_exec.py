"""Commands: what they get, what they give, and that nothing of them stays."""

import os
import signal
import time

import pytest

from agent.harness import ERROR, EXEC, EXIT, INVALID, NOT_FOUND, QUOTA, REPLY, START, STARTED
from lib.processes import assert_gone, children, descendants


def test_exit_codes(agent):
    for code in (0, 1, 3, 127, 255):
        assert agent.run(f"exit {code}").code == code


def test_a_signal_is_told_as_such(agent):
    assert agent.run("kill -SEGV $$").code == -signal.SIGSEGV


def test_output_goes_where_it_belongs(agent):
    result = agent.run("echo out; echo err >&2; echo more >/dev/stdout")
    assert (result.out, result.err) == (b"out\nmore\n", b"err\n")


def test_usage_is_told(agent):
    frame = agent.run("for ((i = 0; i < 200000; i++)); do :; done").frame
    assert frame.number("UTIME_US") > 10000
    assert frame.number("MAXRSS_KB") > 500
    assert frame.number("DESCENDANTS") == 0


def test_stdin(agent):
    assert agent.run("cat", stdin=b"hello\0there").out == b"hello\0there"
    assert agent.run("cat").out == b""


def test_the_environment_is_that_of_config_with_the_additions(start):
    agent = start(env={"A": "config", "B": "config"})
    result = agent.run("env", env={"B": "mine", "C": "x=y\nz"})
    assert b"A=config\n" in result.out and b"B=mine\n" in result.out
    assert b"C=x=y\nz\n" in result.out
    names = {line.split(b"=")[0] for line in result.out.splitlines() if b"=" in line}
    assert names == {b"A", b"B", b"C", b"PATH", b"HOME", b"LANG", b"PWD", b"SHLVL", b"_"}


def test_cwd(agent):
    assert agent.run("pwd").out.decode().strip() == agent.cwd
    assert agent.run("pwd", cwd="/usr/bin").out == b"/usr/bin\n"


def test_a_missing_cwd_is_named(agent):
    frame = agent.run("true", cwd="/nowhere/at all")
    assert frame.number("CODE") == NOT_FOUND
    assert "/nowhere/at all" in frame.text("TEXT")


def test_a_file_as_cwd(agent):
    frame = agent.run("true", cwd="/usr/bin/env")
    assert frame.number("CODE") in (INVALID, NOT_FOUND) and "/usr/bin/env" in frame.text("TEXT")


def test_too_much_environment_is_refused(agent):
    frame = agent.run("true", env={f"V{i}": "" for i in range(1000)})
    assert frame.number("CODE") == INVALID and "env" in frame.text("TEXT")


def test_nothing_is_inherited_but_the_three(agent):
    result = agent.run("exec ls -l /proc/self/fd")
    fds = [line.split()[8:] for line in result.out.decode().splitlines()[1:]]
    assert [fd[0] for fd in fds if "/proc/" not in fd[-1]] == ["0", "1", "2"]


def test_signals_are_as_at_a_fresh_start(agent):
    status = agent.run("exec cat /proc/self/status").out.decode()
    for name in ("SigBlk", "SigIgn", "SigCgt"):
        assert f"{name}:\t0000000000000000" in status


def test_each_command_is_a_session_of_its_own(agent):
    pid, sid, group = agent.run("ps -o pid=,sid=,pgid= -p $$").out.split()
    assert pid == sid == group


@pytest.mark.parametrize("size", [200, 40000, 140000, 900000])
def test_commands_of_any_length(agent, size):
    words = "x" * (size - 40)
    result = agent.run(f"printf %s '{words}' | wc -c; cat; echo \"$0\"", stdin=b"free\n")
    assert result.out.decode().split() == [str(len(words)), "free", "bash"]


def test_a_long_command_shows_no_descriptor(agent):
    result = agent.run("ls /proc/self/fd; : " + "x" * 200000)
    assert result.out.split() == [b"0", b"1", b"2", b"3"]  # 3 is what ls reads


def test_a_command_beyond_the_bound_is_refused(agent):
    assert agent.run(": " + "x" * (1 << 20)).number("CODE") == INVALID


def test_ten_megabytes_of_output(agent):
    result = agent.run("head -c 10485760 /dev/zero | tr '\\0' x")
    assert result.code == 0 and len(result.out) == 10 << 20 and set(result.out) == {ord("x")}


def test_a_signal_reaches_the_whole_tree(agent):
    running = agent.start("(setsid sleep 100 & sleep 100) & sleep 100; sleep 100")
    running.started()
    while len(agent.processes()) < 5:
        time.sleep(0.02)
    running.channel.signal(signal.SIGTERM)
    assert running.finish().code == -signal.SIGTERM
    running.channel.assert_closed()
    assert agent.processes() == []
    running.close()


def test_a_signal_that_is_ignored(agent):
    running = agent.start("trap 'echo got' TERM; echo ready; while :; do sleep 0.05; done")
    running.started()
    assert os.read(running.ends[0], 100) == b"ready\n"
    running.channel.signal(signal.SIGTERM)
    assert os.read(running.ends[0], 100) == b"got\n"
    running.close()
    agent.wait_alone()


def test_stop_and_continue(agent):
    running = agent.start("for i in 1 2 3 4 5; do sleep 0.1; done; echo done")
    running.started()
    running.channel.signal(signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        running.finish(1)
    running.channel.signal(signal.SIGCONT)
    assert running.finish().out == b"done\n"
    running.close()


def test_a_daemon_lives_on_and_dies_with_its_channel(agent):
    running = agent.start("(setsid setsid sleep 100 >/dev/null 2>&1 </dev/null &) ; echo ok")
    result = running.finish()
    assert result.out == b"ok\n" and result.code == 0
    assert result.frame.number("DESCENDANTS") >= 1
    time.sleep(0.3)
    assert [p[4] for p in agent.processes()] == ["sleep 100"]
    running.close()
    agent.wait_alone()


def test_a_channel_closes_when_the_last_daemon_has_ended(agent):
    running = agent.start("(setsid sleep 0.3 >/dev/null 2>&1 &) ; echo ok")
    assert running.finish().frame.number("DESCENDANTS") == 1
    running.channel.assert_closed()
    running.close()


def test_a_child_that_holds_the_pipe(agent):
    running = agent.start("sleep 0.5 & echo ok")
    result = running.finish()
    assert result.out == b"ok\n" and result.frame.number("DESCENDANTS") == 1 and running.held
    running.close()
    agent.wait_alone()


SPAWNER = "while :; do (setsid sleep 100 &) & done"


@pytest.mark.parametrize("command", [
    "sleep 100", "trap '' TERM INT HUP; while :; do sleep 1; done", "kill -STOP $$",
    "(setsid sleep 100 &) & (setsid setsid sleep 100 &) ; sleep 100", "yes", SPAWNER],
    ids=["sleep", "ignores", "stopped", "daemons", "floods", "spawns"])
def test_closing_the_channel_leaves_nothing(start, command):
    agent = start(nproc=150)
    running = agent.start("ulimit -u 200; " + command if agent.host else command)
    running.started()
    time.sleep(0.4)
    running.close()
    agent.wait_alone()


def test_closing_before_the_start(agent):
    agent.open(EXEC, None, [0, 1, 2]).close()
    agent.wait_alone()
    assert agent.run("echo on").out == b"on\n"


def test_a_hundred_at_once(agent):
    many = [agent.start(f"echo {i}; sleep 0.2; exit {i}") for i in range(100)]
    for i, running in enumerate(many):
        result = running.finish()
        assert (result.out, result.code) == (b"%d\n" % i, i)
        running.channel.assert_closed()
        running.close()
    assert agent.processes() == []


def test_a_fork_bomb_stops_at_the_limit(start_boxed):
    agent = start_boxed(nproc=50)
    bomb = agent.start("bomb() { bomb | bomb & }; bomb 2>/dev/null; sleep 100")
    bomb.started()
    time.sleep(1)
    assert len(agent.processes()) <= 50
    bomb.close()
    agent.wait_alone()
    assert agent.run("echo on").out == b"on\n"


def test_the_process_limit_is_exact_and_leaves_room_for_help(start_boxed):
    agent = start_boxed(nproc=50)
    full = agent.start("for i in $(seq 100); do sleep 100 & done 2>/dev/null; echo full; wait")
    full.started()
    while len(agent.processes()) < 45:
        time.sleep(0.02)
    time.sleep(0.3)
    assert 45 <= len(agent.processes()) <= 48
    # The shell itself starts, but nothing that it would start.
    result = agent.run("exec sh -c 'kill -0 $$ && echo builtin; /bin/true; echo never'")
    assert result.out == b"builtin\n" and result.code != 0 and b"fork" in result.err
    victims = agent.processes()
    assert agent.kill(victims[0][0], signal.SIGKILL).op == REPLY
    full.close()
    agent.wait_alone()


def test_processes_of_a_dead_agent_are_gone(start):
    agent = start()
    running = agent.start("(setsid sleep 100 &) ; sleep 100" if agent.host else SPAWNER)
    running.started()
    time.sleep(0.3)
    left = descendants(agent.pid)
    assert left
    agent.channel.close()
    assert agent.ended() is not None
    assert_gone(left)
    running.close()


def test_out_of_memory_hits_commands_first(boxed):
    score = int(boxed.run("cat /proc/self/oom_score_adj").out)
    with open("/proc/self/oom_score_adj") as f:
        assert score == min(1000, int(f.read()) + 500)
    with open(f"/proc/{children(boxed.pid)[0]}/oom_score_adj") as f:
        assert int(f.read()) < score


def test_a_second_start_is_a_violation(agent):
    running = agent.start("sleep 100")
    running.started()
    running.channel.send(START, {"COMMAND": "true"})
    assert agent.ended() is not None
    running.close()


def test_without_a_command(agent):
    channel = agent.open(EXEC, {}, [0, 1, 2])
    assert channel.receive().number("CODE") == INVALID
    channel.assert_closed()
    channel.close()


def test_quota_when_no_process_can_be_made(start_boxed):
    agent = start_boxed(nproc=20)
    running, refused = [], None
    for _ in range(100):
        one = agent.start("sleep 100")
        running.append(one)
        frame = one.channel.receive()
        if frame.op != STARTED:
            refused = frame
            break
    assert refused.op == ERROR and refused.number("CODE") == QUOTA
    for one in running:
        one.close()
    agent.wait_alone()
    assert agent.run("echo on").out == b"on\n"


def test_exit_comes_with_all_output(agent):
    for i in range(30):
        result = agent.run(f"head -c {i * 3000} /dev/zero; exit 7")
        assert len(result.out) == i * 3000 and result.frame.op == EXIT
