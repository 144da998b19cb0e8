"""Shell sessions: what stays, what ends them, and what a command cannot do to the one after it."""

import glob
import os
import signal
import time

import pytest

from agent.harness import BUSY, EXIT, INVALID, LOST, NOT_FOUND, QUOTA, RUN, STARTED, Session


def dirs(agent):
    """The directories of an agent's sessions: a pattern for the shell."""
    return f"/tmp/.session-{agent.pid if agent.host else 1}-*"


def ok(result, out=None):
    assert result.frame.op == EXIT and result.code == 0, result
    if out is not None:
        assert result.out.decode() == out
    return result


def test_state_stays(session):
    ok(session.run("cd /usr; A=1; export B=2; f() { echo $A$B$1; }; shopt -s extglob; set -f"))
    ok(session.run("f 3; pwd; echo $-; shopt extglob"), "123\n/usr\nfhB\nextglob        \ton\n")


def test_cwd_and_exit_code_are_told(session):
    result = session.run("cd /usr/bin; (exit 42)")
    assert result.code == 42 and result.frame.text("CWD") == "/usr/bin"
    assert session.run("true").frame.text("CWD") == "/usr/bin"


def test_it_starts_in_the_workspace(agent, session):
    result = ok(session.run("pwd; echo ${OLDPWD-none}; echo $0"))
    assert result.out.decode() == f"{agent.cwd}\nnone\nbash\n"


def test_cwd_of_a_request(session):
    ok(session.run("pwd", cwd="/usr/bin"), "/usr/bin\n")
    ok(session.run("pwd"), "/usr/bin\n")
    assert session.run("pwd", cwd="/nowhere").number("CODE") == NOT_FOUND
    ok(session.run("pwd"), "/usr/bin\n")


def test_a_missing_cwd_at_the_start_leaves_a_session(session):
    frame = session.run("pwd", cwd="/nowhere/it's")
    assert frame.number("CODE") == NOT_FOUND and "/nowhere/it's" in frame.text("TEXT")
    ok(session.run("echo on"), "on\n")


def test_env_is_of_one_command(session):
    ok(session.run("echo $A; env | grep ^A=", env={"A": "it's \"a\"\n$B"}), "it's \"a\" $B\n"
       "A=it's \"a\"\n")
    ok(session.run("echo ${A-unset}"), "unset\n")


def test_env_names_are_checked(session):
    for name in ("A B", "1A", "A;touch", "é", "A-B"):
        assert session.run("true", env={name: "1"}).number("CODE") == INVALID
    ok(session.run("echo on"), "on\n")


def test_output_and_errors(session):
    result = ok(session.run("echo out; echo err >&2; nosuch; true"))
    assert result.out == b"out\n"
    assert result.err == b"err\nbash: line 2: nosuch: command not found\n"


@pytest.mark.parametrize("size", [100, 600, 3000, 60000, 900000])
def test_commands_of_any_length(session, size):
    words = "it'\\''s " * (size // 8)
    ok(session.run(f"printf %s '{words}' | wc -c"), f"{size // 8 * 5}\n")
    ok(session.run("echo on"), "on\n")


def test_ten_megabytes_of_output(session):
    result = ok(session.run("head -c 10485760 /dev/zero; echo err >&2"))
    assert len(result.out) == 10 << 20 and result.err == b"err\n"
    ok(session.run("echo on"), "on\n")


def test_all_output_comes_before_the_exit(session):
    for i in range(20):
        assert len(ok(session.run(f"head -c {i * 9000} /dev/zero")).out) == i * 9000


def test_many_small_writes(session):
    result = ok(session.run("for ((i = 0; i < 5000; i++)); do echo $i; done"))
    assert result.out == b"".join(b"%d\n" % i for i in range(5000))


HARMLESS = {
    "close out": "exec 1>&-",
    "close all": "for fd in 0 1 2 3 4 5 6 7 8 9; do eval \"exec $fd>&-\"; done",
    "exec to file": "exec >/tmp/x 2>/tmp/y </dev/zero",
    "quote": "echo 'unterminated",
    "double quote": "echo \"unterminated",
    "backquote": "echo `unterminated",
    "substitution": "echo $(unterminated",
    "heredoc": "cat <<EOF\nunterminated",
    "syntax": "if then ) fi",
    "brace": "f() {",
    "case": "case x in",
    "backslash": "echo \\",
    "break": "break 5",
    "return": "return 7",
    "comment": "echo x # y",
    "newline": "\n\n",
    "space": "   ",
    "crlf": "echo a\r\necho b\r",
    "bytes": b"echo '\xff\xfe\xe2'",
    "half a character": b"echo \xe2",
    "readonly": "readonly A=1; A=2",
    "stdin": "cat; read x; read -t 1 y",
    "trap": "trap 'echo trapped' DEBUG ERR RETURN; false",
    "noclobber": "set -C",
    "posix": "set -o posix; . /nowhere",
    "ifs": "IFS=0123456789/",
    "pwd": "PWD=junk",
    "xtrace": "set -x",
    "verbose": "set -v",
    "umask": "umask 777",
    "background": "sleep 0.1 &",
    "functions": "cd() { echo mine; }; exit_() { :; }; test() { :; }; echo() { command echo f; }",
    "lastpipe": "shopt -s lastpipe; echo x | read y",
    "subshell exit": "(exit 9); exit() { :; }; exit",
    "kill child": "sleep 5 & kill -9 $!; wait",
    "aliases": "shopt -s expand_aliases; alias ls='echo no' true=false",
    "removed fifos": "rm -rf DIRS/*",
    "removed directory": "rm -rf DIRS",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless(session, name):
    ok(session.run("cd /usr"))
    command = HARMLESS[name]
    if isinstance(command, str):
        command = command.replace("DIRS", dirs(session.agent))
    result = session.run(command)
    assert result.frame.op == EXIT
    result = session.run("command echo on; set +x; pwd")
    assert b"on\n" in result.out and b"/usr\n" in result.out, result


ENDS = {
    "exit": ("exit 3", 3),
    "errexit": ("set -e; false", 1),
    "exec": ("exec sh -c 'exit 5'", 5),
    "kill": ("kill -9 $$", -9),
    "message": ("echo ${nothing:?gone}", 1),
    "nounset": ("set -u; echo $nothing", 1),
}


@pytest.mark.parametrize("name", ENDS)
def test_what_ends_the_shell(session, name):
    command, code = ENDS[name]
    ok(session.run("cd /usr; sleep 100 &"))
    result = session.run("echo before; " + command)
    assert result.frame.op == LOST and result.out == b"before\n" and result.code == code
    assert result.frame.text("CWD") == "/usr"
    session.channel.assert_closed()
    session.agent.wait_alone()


def test_errexit_hits_later_commands(session):
    ok(session.run("set -e"))
    assert session.run("false").frame.op == LOST


@pytest.mark.parametrize("command", [
    "printf() { :; }; builtin() { :; }", "set -n", "enable -n printf"])
def test_a_lost_delimiter_is_a_command_that_runs_on(session, command):
    session.send(command)
    with pytest.raises(TimeoutError):
        session.finish(0.7)
    session.close()
    session.agent.wait_alone()


def test_a_forged_status_is_not_believed_further_than_its_form(session):
    session.run("true")
    status = f"{dirs(session.agent)}/[0-9]*.s"
    session.send(f"printf 'garbage\\0' >{status}; sleep 5")
    assert session.finish().frame.op == LOST
    other = Session(session.agent)
    other.send(f"printf '0 junk\\0' >{status}; sleep 5")
    result = other.finish()
    assert result.frame.op == EXIT and result.frame.text("CWD") == session.agent.cwd
    other.close()


def test_jobs_stay_and_go_on_writing(session):
    ok(session.run("(while :; do echo tick; sleep 0.05; done) & echo $!"))
    assert session.held
    time.sleep(0.3)
    assert os.read(session.ends[0], 1000).startswith(b"tick\n")
    ok(session.run("kill -0 $!; jobs -rp | wc -l"), "1\n")
    time.sleep(0.3)
    ok(session.run("kill $!; wait; echo gone"), "gone\n")


def test_a_flooding_job_does_not_hold_up_what_follows(session):
    session.send("yes & echo started")
    frame = None
    while frame is None or frame.op != EXIT:
        os.read(session.ends[0], 1 << 20)
        try:
            frame = session.channel.receive(0)
        except TimeoutError:
            pass
    ok(session.run("echo on; kill $!"), "on\n")


def test_jobs_whose_pipe_nobody_reads(session):
    ok(session.run("yes &"))
    time.sleep(0.3)
    ok(session.run("echo on"), "on\n")


def test_a_hundred_jobs(session):
    for i in range(100):
        ok(session.run("sleep 100 &"))
    assert len(session.agent.processes()) == 101
    session.close()
    session.agent.wait_alone()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signals_are_for_the_command(session, number):
    ok(session.run("A=1; sleep 100 & true"))
    job = session.agent.processes()[-1][0]
    # What a shell starts in the background ignores SIGINT.
    daemon = "" if number == signal.SIGINT else "(setsid sleep 100 &) ; "
    session.send(daemon + "sleep 100 | cat")
    until = time.monotonic() + 10
    while sorted(p[4] for p in session.agent.processes()) != sorted(
            ["bash --noprofile --norc bash", "cat"] + ["sleep 100"] * (3 if daemon else 2)):
        assert time.monotonic() < until
        time.sleep(0.05)
    session.channel.signal(number)
    result = session.finish()
    assert result.frame.op == EXIT
    ok(session.run("echo $A"), "1\n")
    until = time.monotonic() + 5
    while (left := [p[0] for p in session.agent.processes() if "sleep" in p[4]]) != [job]:
        assert job in left and time.monotonic() < until, left
        time.sleep(0.02)


def test_a_signal_to_a_busy_shell_ends_it(session):
    session.send("while :; do :; done")
    time.sleep(0.2)
    session.channel.signal(signal.SIGTERM)
    assert session.finish().frame.op == LOST


def test_signals_between_commands_do_nothing(session):
    ok(session.run("A=1"))
    session.channel.signal(signal.SIGTERM)
    ok(session.run("echo $A"), "1\n")


def test_two_at_once_are_refused(session):
    session.send("sleep 0.5; echo first")
    assert session.channel.expect(STARTED).number("SUPERVISOR")
    first = session.ends
    session.ends = []
    session.send("echo second")
    frame = session.channel.receive()
    assert frame.number("CODE") == BUSY
    for fd in session.ends:
        os.close(fd)
    session.ends = first
    ok(session.finish(), "first\n")


@pytest.mark.parametrize("command", ["sleep 100", "trap '' TERM; sleep 100", "yes", "kill -STOP $$",
                                     "(setsid sleep 100 &); yes >&2 &"])
def test_closing_leaves_nothing(session, command):
    session.send(command)
    time.sleep(0.3)
    session.close()
    session.agent.wait_alone()
    assert session.agent.run(f"ls -d {dirs(session.agent)} 2>/dev/null").out == b""


def test_what_a_killed_supervisor_leaves_goes_with_the_agent(start):
    agent = start()
    sessions = [Session(agent) for _ in range(3)]
    for session in sessions:
        ok(session.run("true"))
    sessions[0].send("kill -9 $PPID")
    sessions[0].channel.assert_closed()
    pattern = dirs(agent)
    assert len(agent.run(f"ls -d {pattern}").out.split()) == 3
    agent.channel.close()
    assert agent.ended() is not None
    assert not agent.host or not glob.glob(pattern)
    for session in sessions:
        session.close()


def test_a_killed_supervisor(session):
    ok(session.run("cd /usr"))
    session.send("(setsid sleep 100 &) ; kill -9 $PPID; sleep 100")
    session.channel.assert_closed()
    session.agent.wait_alone()


def test_nothing_is_inherited_but_the_three(session):
    result = ok(session.run("ls -l /proc/self/fd"))
    fds = [line.split()[8:] for line in result.out.decode().splitlines()[1:]]
    assert [fd[0] for fd in fds if "/proc/" not in fd[-1]] == ["0", "1", "2"]


def test_a_run_without_descriptors_is_a_violation(session):
    ok(session.run("true"))
    session.channel.send(RUN, {"COMMAND": "true"})
    assert session.agent.ended() is not None


def test_a_full_tmp(boxed):
    session = Session(boxed)
    ok(session.run("head -c 100000000 /dev/zero >/tmp/full; true"))
    ok(session.run("echo on"), "on\n")
    for size, fits in ((2000, True), (30000, True), (100000, False)):
        result = session.run("echo on; : " + "x" * size)
        if fits:
            ok(result, "on\n")
        else:
            assert result.number("CODE") == QUOTA
    ok(session.run("rm /tmp/full; echo on"), "on\n")
    session.close()


def test_sessions_side_by_side(agent):
    many = [Session(agent) for _ in range(10)]
    for i, session in enumerate(many):
        session.send(f"I={i}; sleep 0.1")
    for session in many:
        ok(session.finish())
    for i, session in enumerate(many):
        ok(session.run("echo $I"), f"{i}\n")
        session.close()
    agent.wait_alone()


def test_an_unreadable_status_of_a_deep_directory(boxed):
    session = Session(boxed)
    result = session.run("for i in $(seq 30); do mkdir -p " + "d" * 200 + "; cd " + "d" * 200
                         + "; done; echo ${#PWD}")
    assert result.frame.op == EXIT and int(result.out) > 6000
    assert result.frame.text("CWD") == "/workspace"
    ok(session.run("cd /; echo on"), "on\n")
    session.close()
