"""What programs in a terminal may try: on the screen, on the emulator, on the supervisor."""

import time

import pytest

from local.screens import BASH, Session, listed
from local.terminal import ToolError, run

UGLY = [
    r"\e]52;c;c2VjcmV0\a", r"\e]0;\e[31m\nevil\x01\a", r"\e]8;;http://x\e\\link\e]8;;\e\\",
    r"\e[99999999999999999999A\e[4294967295;4294967295H\e[2147483647S\e[2147483647L",
    r"\e[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18;19;20;21;22;23;24;25;26;27;28;29;30m",
    r"\e[10;2r\e[S\e[T\e[r", r"\eP1$r0m\e\\\e_G\e\\\e^x\e\\\eXs\e\\", r"\e[8;65535;65535t\e[!p\ec",
    r"\xec\e[1m\xf0\x9f\n\xc0\x80\xed\xa0\x80\xff\xfe", r"\e#8\e#3\e#6\e[?69h\e[5;9s\e[?3h\e[20h",
    r"\ec\e[5b\xcc\x81\e[5b\e[1;2H\xe5\xad\x97\e[999b", r"\xcc\x81$(printf '\xcc\x81%%.0s' $(seq 9999))",
    r"\e[2147483647b\e[?1049h\e[?1047h\e[?47h\e[?1049l", r"\xe2\x80\xae\xe2\x81\xa6rtl\xe2\x80\x8b",
]


@pytest.mark.parametrize("number", range(len(UGLY)))
def test_sequences_do_no_harm(stdio, number):
    s = Session(stdio, rows=6)
    s.send(f"printf '{UGLY[number]}'\n")
    for size in ((2, 2), (400, 200), (80, 6)):
        s.resize(*size)
        s.look(format="ansi")
    seen = s.until(r"^still here$", "reset -Q; printf '\\ec'; echo still here\n")
    assert "\x1b" not in seen.text and "\x07" not in seen.text


@pytest.mark.parametrize("sequence", ["#8", "c"])
def test_bytes_that_draw_a_large_screen_again_and_again_block_nothing(stdio, sequence):
    flood = rf"import os; exec('while 1: os.write(1, b\'\33{sequence}\' * 9999)')"
    s = Session(stdio, rows=200, cols=400, yield_s=0, command=f'exec python3 -c "{flood}"')
    s.send(yield_s=2)
    began = time.monotonic()
    assert s.look().alive
    assert time.monotonic() - began < 8  # beyond 15 s the server would give the session up
    s.close()


@pytest.mark.parametrize("text", [r"\e[5b", r"\xcc\x81\e[5b", r"\e[1;2H\xe5\xad\x97\e[99b"])
def test_what_has_no_width_or_no_room_is_not_repeated(stdio, text):
    s = Session(stdio, command=f"printf '{text}here'; exec sleep 100", wait_for="here", yield_s=10)
    assert s.opened.matched and s.look().alive


def test_a_title_is_a_name_in_the_header(stdio):
    s = Session(stdio)
    seen = s.until("^end", "printf '\\e]2;a\\nb \\xe2\\x80\\xaegnp %s\\a' $(seq -s. 1 500); echo en''d\n")
    header = seen.text.split("\n")[0]
    assert " · title ab " in header and "\u202e" not in header and len(header) < 1200
    assert "· title" not in s.until("^end", "printf '\\e]2;\\a'; echo en''d\n").header


def test_a_string_without_end_is_bounded(stdio):
    s = Session(stdio)
    s.send("printf '\\e]0;'; head -c 30000000 /dev/zero | tr '\\0' x; printf '\\a'; echo ov''er\n",
           wait_for="^over", yield_s=50)
    assert "over" in s.look().screen
    memory = run(stdio, "for p in $(pgrep -f sandbox); do grep VmRSS /proc/$p/status; done; "
                 "ps -eo rss=,args= | sort -n | tail -3").stdout
    assert max(int(line.split()[0]) for line in memory.splitlines()
               if line.split()[0].isdigit()) < 100_000, memory
    s.until(BASH, "\n")


def test_questions_in_a_flood_are_answered_as_far_as_somebody_reads(stdio):
    s = Session(stdio, command="stty raw -echo; for i in $(seq 5000); do printf '\\e[6n\\e[c'; done; "
                "stty cooked; echo done; exec cat >/dev/null")
    s.until("done")
    assert s.look().alive
    s.close()


def test_the_position_of_the_cursor_is_told(stdio):
    s = Session(stdio, command="stty raw -echo; printf 'abc\\e[6n'; head -c 6 | od -An -c; sleep 100")
    assert "033 [ 1 ; 4 R" in " ".join(s.until(r"R").screen.split())


def test_binary_output(stdio):
    s = Session(stdio)
    s.until("^end", "head -c 3000000 /dev/urandom; printf '\\ec'; echo en''d\n", seconds=50)
    assert s.look(format="ansi").alive


def test_ansi_holds_colours_and_nothing_else(stdio):
    s = Session(stdio)
    s.send("head -c 200000 /dev/urandom\n", yield_s=3)
    text = s.look(format="ansi").text
    for part in text.split("\x1b")[1:]:
        head, m, _ = part.partition("m")
        assert m and head.startswith("[") and set(head[1:]) <= set("0123456789;"), repr(part[:20])
    assert all(c == "\n" or c == "\x1b" or c >= " " and not "\x7f" <= c <= "\x9f" for c in text)


def test_stopping_the_supervisor_stops_nothing(stdio):
    s = Session(stdio)
    s.send("kill -STOP $PPID\n", yield_s=0.5)
    s.until("^on$", "echo on\n")


def test_a_supervisor_that_is_killed_takes_all_with_it(stdio):
    s = Session(stdio)
    with pytest.raises(ToolError) as e:
        s.until("never", "setsid sleep 4721 & kill -9 $PPID\n")
    assert e.value.code == "gone"
    until = time.monotonic() + 10
    while run(stdio, "ps -eo args | grep -c '[s]leep 4721'").stdout != "0\n":
        assert time.monotonic() < until
        time.sleep(0.05)
    assert "was killed" in listed(stdio)


def test_other_terminals_of_the_sandbox_are_separate(stdio):
    """The user is the same, so one can write to the other; it cannot type into it."""
    a, b = Session(stdio), Session(stdio)
    tty = a.until(r"^/dev/pts/\d+$", "tty\n").lines[1]
    out = run(stdio, "python3 - <<'E'\nimport fcntl, termios\n"
              f"f = open('{tty}', 'wb', 0)\n"
              "try:\n    fcntl.ioctl(f, termios.TIOCSTI, b'x')\n    print('typed')\n"
              "except OSError as e:\n    print(e.errno)\nE").stdout
    assert out.strip() in ("1", "5"), out
    assert b.look().alive


def test_a_hungry_program_leaves_the_terminal(stdio):
    """Closed by all who had it open, and opened again."""
    s = Session(stdio, command="exec 3>/dev/tty; exec </dev/null >/dev/null 2>&1 3>&-; sleep 1; "
                "exec >/dev/tty; echo back; sleep 100")
    assert "back" in s.send(wait_for="back", yield_s=20).screen


def test_everything_ends_with_the_server(start_stdio):
    client = start_stdio()
    for _ in range(3):
        Session(client, command="trap '' HUP TERM; setsid sleep 4722 & while :; do sleep 1; done")
    client.close()
