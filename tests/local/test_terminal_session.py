"""Interactive sessions: what is typed, what is seen, how they begin and end."""

import threading
import time

import pytest

from lib import protocol
from local.screens import BASH, Session, listed, parse
from local.terminal import ToolError, kill, run


def fails(code, function, *args, **kwargs):
    with pytest.raises(ToolError) as e:
        function(*args, **kwargs)
    assert e.value.code == code, e.value.text
    return e.value.text


def wait_gone(client, pattern, seconds=10):
    until = time.monotonic() + seconds
    while run(client, f"ps -eo args | grep -c '[{pattern[0]}]{pattern[1:]}'").stdout != "0\n":
        assert time.monotonic() < until, run(client, "ps -ef").stdout
        time.sleep(0.05)


def test_a_shell_answers(stdio):
    s = Session(stdio)
    assert s.id.startswith("t_") and s.opened.alive and s.opened.size == (80, 24)
    assert s.opened.lines[-1].endswith("$")
    seen = s.until(BASH, "echo $((6*7)); pwd; tty; echo $TERM; stty size; shopt login_shell\n")
    assert seen.lines[1:-1] == ["42", "/workspace", "/dev/pts/0", "xterm-256color", "24 80",
                                "login_shell    \ton".expandtabs()]
    assert seen.cursor == (len(seen.lines), len(seen.lines[-1]) + 2)


def test_a_command_with_its_place_and_environment(stdio):
    run(stdio, "mkdir -p sub")
    s = Session(stdio, session_id="it", command="pwd; echo $A; read x; exit 7", cwd="sub",
                env={"A": "ü"}, cols=40, rows=10)
    assert s.id == "it" and s.opened.size == (40, 10)
    assert s.opened.lines == ["/workspace/sub", "ü"]
    end = s.send("\n")
    assert not end.alive and end.exit_code == 7 and "exit 7" in end.header
    assert s.look().lines[:2] == ["/workspace/sub", "ü"]
    assert "it · exit 7" in listed(stdio)
    assert "is over" in fails("gone", s.send, "more")


def test_what_cannot_be_opened(stdio):
    s = Session(stdio, session_id="one")
    assert "already" in fails("conflict", Session, stdio, session_id="one")
    assert "/workspace/none" in fails("not_found", Session, stdio, cwd="none")
    assert "cols" in fails("invalid_argument", Session, stdio, cols=1)
    run(stdio, "true", session_id="shell")
    fails("conflict", Session, stdio, session_id="shell")
    assert "terminal_session" in fails("conflict", run, stdio, "true", session_id="one")
    s.id = "shell"
    assert "terminal_execute" in fails("not_found", s.look)
    s.id = "nobody"
    assert "action=open" in fails("not_found", s.look)


def test_sixteen_and_no_more(stdio):
    sessions = [Session(stdio, command="cat", yield_s=0) for _ in range(16)]
    assert listed(stdio).startswith("16 interactive sessions")
    assert "action=close" in fails("quota", Session, stdio)
    sessions[3].close()
    Session(stdio, command="cat")


def test_wait_for_finds_output_and_not_what_was_typed(stdio):
    s = Session(stdio)
    began = time.monotonic()
    seen = s.until("DONE", "sleep 0.5; echo DONE\n")
    assert time.monotonic() - began >= 0.5 and "\nDONE\n" in seen.screen
    s.until("two words", "sleep 0.3; echo two words; sleep 0.3\n")
    assert "\ntwo words\n" in s.until("two words", "sleep 0.1; echo two words; sleep 0.1\n").screen
    s.until(BASH, "\n")


def test_what_was_there_before_does_not_match(stdio):
    s = Session(stdio)
    s.until(r"needle\n", "echo nee''dle\n")
    assert not s.send("echo other\n", wait_for="needle", yield_s=0.5).matched
    assert s.send(wait_for="needle", yield_s=0).matched


def test_a_pattern_sees_a_prompt_with_its_blank_and_wrapped_lines(stdio):
    s = Session(stdio, cols=20)
    s.until(r"^>>> $", "PS1='>>> '\n")
    s.until(r"a{50}b", "printf 'a%.0s' {1..50}; echo b\n")
    s.until(r"^one$\n^two$", "printf 'one\\ntwo\\n'\n")


def test_wait_for_that_does_not_come_or_cannot_be(stdio):
    s = Session(stdio)
    began = time.monotonic()
    seen = s.send("echo x\n", wait_for="never", yield_s=0.5)
    assert not seen.matched and 0.5 <= time.monotonic() - began < 5
    assert "no match" in seen.header and "waits on" in seen.text
    assert "wait_for" in fails("invalid_argument", s.send, "echo never typed\n", wait_for="(")
    assert "never typed" not in s.look().screen
    hard = s.send("printf 'a%.0s' {1..5000}; echo\n", wait_for="(a|a|aa)+$x", yield_s=2)
    assert not hard.matched and s.send("", wait_for=".", yield_s=1).matched


def test_waiting_ends_with_the_program(stdio):
    s = Session(stdio, command="sleep 0.3; echo last words")
    seen = s.send(wait_for="never", yield_s=20)
    assert not seen.alive and seen.exit_code == 0 and seen.lines == ["last words"]


def test_signals_are_told(stdio):
    s = Session(stdio, command="kill -9 $$; true")
    seen = s.send(wait_for="never", yield_s=5)
    assert not seen.alive and seen.exit_code == 137 and "signal 9" in seen.header


def test_keys_come_in_order_behind_text(stdio):
    wanted = b"a\r\x01\x1bx\x1b[A\x1b[Z\x1b[15~ \0\xc3\xa9\x7f\x1b[3~"
    s = Session(stdio, command="stty raw -echo; echo ready; head -c %d | od -An -v -tx1 -w64; "
                "echo en''d" % len(wanted), cols=200)
    s.until("ready")
    seen = s.until("end", "a\n", "C-a", "M-x", "Up", "S-Tab", "F5", "Space", "C-Space", "é",
                   "Backspace", "Delete")
    assert wanted.hex(" ") in seen.screen


def test_arrows_edit_the_line(stdio):
    s = Session(stdio)
    s.until(BASH, "echo first\n")
    seen = s.until(r"^firsX$", None, "Up", "Backspace", "X", "Enter")
    assert "firsX" in seen.screen
    s.until(r"^Zecho: not|Zecho: command not found", None, "Up", "C-a", "Z", "Enter")


def test_an_unknown_key_is_refused_and_nothing_typed(stdio):
    s = Session(stdio)
    text = fails("invalid_argument", s.send, "echo never\n", "Enter", "Nope")
    assert "Nope" in text and "PageDown" in text and "never" not in s.look().screen


def test_control_c_ends_a_command(stdio):
    s = Session(stdio)
    s.send("sleep 1000\n", yield_s=0.2)
    s.until(BASH, None, "C-c")
    s.until("rc=130", "echo rc=$?\n")
    wait_gone(stdio, "sleep 1000")


def test_another_size(stdio):
    s = Session(stdio)
    assert s.resize(132, 50).size == (132, 50)
    assert "\n50 132\n" in s.until(r"\d+ \d+\n", "stty size\n").screen
    s = Session(stdio, command="trap 'stty size' WINCH; echo ready; while :; do sleep 0.1; done")
    s.until("ready")
    s.resize(20, 5)
    assert s.until("^5 20").size == (20, 5)


def test_wide_characters_and_emoji(stdio):
    s = Session(stdio)
    seen = s.until(r"^日本語 😀 é ü", "printf '日本語 😀 e\\u0301 ü\\n'\n".replace("e\\u0301", "é"))
    assert "日本語 😀 é ü" in seen.lines
    s.until(r"4\.日", "printf '%s\\n' '\n".strip("\n") + "4.日'\n")


def test_colours_when_asked_for(stdio):
    s = Session(stdio)
    s.until(r"green", "printf '\\e[1;32mgr''een\\e[0m \\e[38;5;208;44mx\\e[0m\\n'\n")
    assert "\x1b[0;1;32mgreen\x1b[0m \x1b[0;38;5;208;44mx\x1b[0m" in s.look(format="ansi").screen
    assert "\x1b" not in s.look().text and "green x" in s.look().screen


def test_lines_that_scroll_off_are_told_once(stdio):
    s = Session(stdio)
    seen = s.until(r"^100\n.*\$ $", "seq 1 100\n")
    assert [line for line in (seen.scrolled + seen.screen).split("\n") if line.isdigit()] == \
        [str(n) for n in range(1, 101)]
    again = s.until(r"^103$\n.*\$ $", "seq 101 103\n")
    assert again.scrolled == "" and "\n103\n" in again.screen


def test_a_flood_is_cut_and_ends(stdio):
    s = Session(stdio)
    flood = s.send("yes\n", yield_s=1)
    assert "times more" in flood.scrolled and len(flood.text) < 2000
    began = time.monotonic()
    s.look()
    s.until(r"\^C", None, "C-c")
    assert time.monotonic() - began < 5
    flood = s.until(r"^100000\n.*\$ $", "seq 1 100000\n", seconds=50)
    assert len(flood.text) < 26000 and "lines omitted" in flood.scrolled
    tail = [line for line in flood.scrolled.splitlines() if line.isdigit()]
    assert tail == [str(n) for n in range(int(tail[0]), int(tail[-1]) + 1)]
    assert int(tail[-1]) + 1 == int(flood.lines[0])


def test_a_program_that_does_not_read_blocks_nothing(stdio):
    s = Session(stdio, command="stty raw -echo; sleep 1000")
    with pytest.raises(ToolError) as e:
        for _ in range(50):
            s.send("x" * 32768, yield_s=0)
    assert e.value.code == "busy"
    assert s.look().alive
    s.close()


def test_many_wait_at_a_time_and_a_look_does_not(start_stdio):
    client = start_stdio()
    s = Session(client)
    waiting = [client.start("tools/call", {"name": "terminal_session", "arguments": {
        "action": "send", "session_id": s.id, "wait_for": "gone by", "yield_s": 30}})
        for _ in range(10)]
    began = time.monotonic()
    assert s.look().alive and time.monotonic() - began < 3
    s.send("echo gone' 'by\n", yield_s=0)
    for id in waiting:
        assert parse(client.response(id)["result"]).matched


def test_closing_kills_the_tree_daemons_too(stdio):
    s = Session(stdio)
    s.until("ready", "(setsid sleep 4711 &); nohup sleep 4712 >/dev/null 2>&1 & sleep 4713 & echo rea''dy\n")
    assert "ended" in s.close()
    for n in (4711, 4712, 4713):
        wait_gone(stdio, f"sleep {n}", 1)
    fails("not_found", s.look)
    assert listed(stdio).startswith("0 ")


def test_terminal_kill_closes_one(stdio):
    s = Session(stdio, command="trap '' TERM HUP INT; setsid sleep 4714 & while :; do sleep 1; done")
    assert kill(stdio, s.id)["killed"] == [f"session {s.id}"]
    wait_gone(stdio, "sleep 4714", 1)
    fails("not_found", s.look)


def test_closing_while_a_call_waits(start_stdio):
    client = start_stdio()
    s = Session(client)
    id = client.start("tools/call", {"name": "terminal_session", "arguments": {
        "action": "send", "session_id": s.id, "wait_for": "never", "yield_s": 40}})
    time.sleep(0.2)
    s.close()
    result = client.response(id, 10)["result"]
    assert result["isError"] and protocol.text(result).startswith("gone: ")
    assert "closed" in protocol.text(result)


def test_a_cancelled_wait_leaves_the_session(start_stdio):
    client = start_stdio()
    client.initialize()
    s = Session(client)
    id = client.start("tools/call", {"name": "terminal_session", "arguments": {
        "action": "send", "session_id": s.id, "wait_for": "never", "yield_s": 40}})
    time.sleep(0.2)
    client.notify("notifications/cancelled", {"requestId": id})
    assert s.until(r"^on$", "echo on\n").alive


def test_a_cancelled_open_leaves_nothing(start_stdio):
    client = start_stdio()
    client.initialize()
    run(client, "true")
    id = client.start("tools/call", {"name": "terminal_session", "arguments": {
        "action": "open", "command": "sleep 4715", "wait_for": "never", "yield_s": 40}})
    time.sleep(0.5)
    client.notify("notifications/cancelled", {"requestId": id})
    wait_gone(client, "sleep 4715")
    assert listed(client).startswith("0 ")


def test_the_end_of_the_sandbox_is_told(stdio):
    s = Session(stdio)
    with pytest.raises(ToolError) as e:
        s.until("never", "kill -9 $PPID\n", seconds=20)
    text = e.value.text
    assert e.value.code == "gone" and "action=open" in text
    assert "was killed" in listed(stdio)
    again = Session(stdio, session_id=s.id)
    assert again.opened.alive


def test_two_clients_do_not_share(start_stdio):
    one, two = start_stdio(), start_stdio()
    s = Session(one, session_id="mine")
    assert listed(two).startswith("0 ")
    s.client = two
    fails("not_found", s.look)


def test_speed(stdio):
    run(stdio, "true")
    times = []
    for _ in range(5):
        began = time.monotonic()
        s = Session(stdio)
        times.append(time.monotonic() - began)
    assert min(times) < 0.25
    times = []
    for i in range(20):
        began = time.monotonic()
        s.until(rf"^quick{i}$", f"echo quick{i}\n")
        times.append(time.monotonic() - began)
    print(f"open, send and match: {sorted(times)[10] * 1000:.1f} ms")
    assert min(times) < 0.1


def test_threads_of_one_server(start_stdio):
    clients = [start_stdio() for _ in range(3)]

    def work(client):
        s = Session(client)
        for i in range(10):
            s.until(rf"^n{i}$", f"echo n{i}\n")
        s.close()

    threads = [threading.Thread(target=work, args=(c,)) for c in clients]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
        assert not t.is_alive()
