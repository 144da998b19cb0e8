"""Programs that want a terminal, used as an agent uses them."""

import json
import shutil

import pytest

from local.screens import BASH, Session
from local.terminal import run


def needs(*programs):
    missing = [p for p in programs if not shutil.which(p, path="/usr/bin:/usr/local/bin:/bin")]
    return pytest.mark.skipif(bool(missing), reason=f"no {missing}")


@needs("vim")
def test_vim_edits_and_saves_a_file(stdio):
    run(stdio, "printf 'one\\ntwo\\nthree\\n' >notes.txt")
    s = Session(stdio, command="vim -u NONE -N notes.txt")
    seen = s.until(r"notes.txt.*3L|3 lines")
    assert seen.lines[:4] == ["one", "two", "three", "~"] and "full-screen" in seen.header
    seen = s.until(r"^TWO$", "jccTWO", "Escape")
    assert seen.lines[1] == "TWO"
    s.until(r"^four$", "Gofour", "Escape")
    s.send(None, "Up", "Up", "Up", "End")
    assert s.look().cursor == (1, 3)
    end = s.send(":wq\n", wait_for="never", yield_s=10)
    assert not end.alive and end.exit_code == 0
    assert run(stdio, "cat notes.txt").stdout == "one\nTWO\nthree\nfour\n"


@needs("vim")
def test_vim_in_a_shell_gives_the_screen_back(stdio):
    s = Session(stdio)
    s.until("before", "echo bef''ore\n")
    assert "full-screen" in s.until(r"^~$", "vim -u NONE x\n").header
    s.send(None, "Escape")
    seen = s.until(BASH, ":q!\n")
    assert "before" in seen.screen and "~" not in seen.screen and "full-screen" not in seen.header


@needs("top")
def test_top_refreshes_and_ends(stdio):
    s = Session(stdio, command="top -d 60", cols=120, rows=40)
    seen = s.until(r"PID +USER")
    assert "load average" in seen.screen and " top" in seen.screen
    s.until(r"load average", None, "Space")
    end = s.send("q", wait_for="never", yield_s=10)
    assert not end.alive and end.exit_code == 0


@needs("gdb", "gcc")
def test_gdb_breaks_runs_and_prints(stdio):
    run(stdio, "printf 'int twice(int n)\\n{\\n  return n * 2;\\n}\\nint main(void)\\n{\\n"
               "  return twice(21) - 42;\\n}\\n' >a.c && gcc -g -O0 -o a a.c")
    s = Session(stdio, command="gdb -q -nx ./a")
    prompt = r"^\(gdb\) $"
    s.until(prompt)
    s.until(r"\$1 = 42\n\(gdb\) $", "p 6*7\n")
    assert "Breakpoint 1 at" in s.until(prompt, "break twice\n").screen
    s.send("set startup-with-shell off\nset debuginfod enabled off\n")
    seen = s.until(r"Breakpoint 1, twice.*\n(.*\n)+\(gdb\) $", "run\n")
    assert "Breakpoint 1, twice (n=21)" in seen.screen, seen.text
    assert "$2 = 21" in s.until(r"\$2 = \d+\n\(gdb\) $", "print n\n").screen
    s.until(r"Value returned is \$3 = 42", "finish\n")
    s.until("exited normally", "continue\n")
    assert not s.send("quit\n", wait_for="never", yield_s=10).alive


def test_the_python_prompt(stdio):
    s = Session(stdio, command="python3 -q")
    prompt = r"^>>> $"
    s.until(prompt)
    assert "42" in s.until(prompt, "6 * 7\n").lines
    s.until(prompt, "for i in range(3):\n    print('n', i)\n\n")
    assert {"n 0", "n 2"} <= set(s.look().lines)
    assert "ZeroDivisionError: division by zero" in s.until(prompt, "1 / 0\n").lines
    s.until(r"^name\? $", "x = input('name? ')\n")
    assert "'Ada'" in s.until(prompt, "Ada\nx\n").screen
    s.send("import time; time.sleep(1000)\n", yield_s=0.3)
    assert "KeyboardInterrupt" in s.until(prompt, None, "C-c").screen
    assert not s.send(None, "C-d", wait_for="never", yield_s=10).alive


@needs("npm", "node")
def test_an_npm_wizard(stdio):
    run(stdio, "mkdir -p demo")
    s = Session(stdio, command="npm init", cwd="demo", rows=50)
    s.until(r"package name: \(demo\) $")
    s.until(r"^version: .*$", "my-demo\n")
    s.until(r"^description: $", "2.3.4\n")
    s.until(r"^entry point", "what it is\n")
    seen = s.send("\n")
    for _ in range(12):
        if "Is this OK" in seen.screen:
            break
        seen = s.send("\n", wait_for=r"^\S.*: .*$", yield_s=5)
    end = s.send("yes\n", wait_for="never", yield_s=20)
    assert end.exit_code == 0, end.text
    written = json.loads(run(stdio, "cat demo/package.json").stdout)
    assert (written["name"], written["version"], written["description"]) == \
        ("my-demo", "2.3.4", "what it is")


@needs("less")
def test_less_and_arrows(stdio):
    run(stdio, "seq 1 500 >numbers")
    s = Session(stdio, command="less numbers", rows=11)
    assert s.until(r"^10$").lines[0] == "1"
    assert s.until(r"^12$", None, "Down", "Down").lines[0] == "3"
    assert s.until(r"^2$", None, "Up").lines[0] == "2"
    assert s.until(r"^21$", None, "PageDown").lines[0] == "12"
    assert s.until(r"^500$", "G").lines[9] == "500"
    assert s.until(r"^250$", "?250\n").lines[0] == "250"
    assert s.send("q", wait_for="never", yield_s=10).exit_code == 0


def test_a_password_is_not_shown(stdio):
    s = Session(stdio, command="read -rsp 'password: ' p; echo; echo ${#p} characters")
    s.until("password: $")
    end = s.send("secret\n", wait_for="never", yield_s=10)
    assert "6 characters" in end.screen and "secret" not in end.text


def test_job_control(stdio):
    s = Session(stdio)
    s.send("sleep 1000\n", yield_s=0.2)
    s.until("Stopped", None, "C-z")
    s.until(r"Running +sleep 1000", "bg; jobs\n")
    s.send("fg\n", yield_s=0.2)
    s.until(BASH, None, "C-c")


DRAWS = """\
import sys, time
say = lambda text: (sys.stdout.write(text), sys.stdout.flush())
say("\\33[?1049h\\33[?25lhalf")
time.sleep(0.1)
say(" and whole\\33[?25h")
sys.stdin.read()
"""


def test_a_program_that_hides_its_cursor_to_draw_is_waited_for(stdio):
    stdio.call("file_write", path="draws.py", content=DRAWS)
    result = stdio.call("terminal_session", action="open", command="python3 -S -E draws.py")
    assert "half and whole" in result["content"][0]["text"]
