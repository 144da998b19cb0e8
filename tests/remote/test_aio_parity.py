"""
The same calls over an AIO Sandbox and in a sandbox of this machine: an agent sees the same, but for
what cannot be the same (ids, times, where the workspace is).
"""

import re

import pytest

from lib import protocol
from remote.conftest import Tools

CALLS = [
    ("terminal_execute", {"command": "echo out; echo err >&2; exit 3"}),
    ("terminal_execute", {"command": "printf '%s' \"$A\"; cat", "stdin": "ä\n",
                          "env": {"A": "x 'y'"}, "cwd": "/tmp"}),
    ("terminal_execute", {"command": "read x; echo end $?; echo $TERM $PAGER; tty"}),
    ("terminal_execute", {"command": "kill -9 $$"}),
    ("terminal_execute", {"command": "if"}),
    ("terminal_execute", {"command": "nosuchprogram"}),
    ("terminal_execute", {"command": "echo a; sleep 30", "timeout_s": 0.5}),
    ("terminal_execute", {"command": "pwd", "cwd": "/no/where"}),
    ("terminal_execute", {"command": "seq 1 3000", "max_bytes": 200}),
    ("terminal_execute", {"command": r"printf 'a\0b\033[1mc\r\nd\n'"}),
    ("terminal_execute", {"command": "x=1; cd /tmp; f() { echo f$1; }", "session_id": "s"}),
    ("terminal_execute", {"command": "f $x; pwd; false", "session_id": "s"}),
    ("terminal_kill", {"id": "s"}),
    ("terminal_execute", {"command": "echo ${x-unset}; pwd | wc -l", "session_id": "s"}),
    ("terminal_output", {"process_id": "p_" + "a" * 26}),
    ("terminal_kill", {"id": "p_" + "a" * 26}),
    ("file_write", {"path": "d/a.txt", "content": "eins\nzwei ä\ndrei"}),
    ("file_write", {"path": "d/a.txt", "content": "x", "mode": "create"}),
    ("file_write", {"path": "d/a.txt", "content": "\nvier\n", "mode": "append"}),
    ("file_write", {"path": "d/b.sh", "content": "aGk=", "encoding": "base64",
                    "permissions": "0755"}),
    ("file_write", {"path": "d/b.sh", "content": "x", "expect_sha256": "0" * 64}),
    ("file_write", {"path": "d", "content": "x"}),
    ("file_read", {"path": "d/a.txt"}),
    ("file_read", {"path": "d/a.txt", "offset": 2, "limit": 1, "numbered": True}),
    ("file_read", {"path": "d/a.txt", "offset": -1}),
    ("file_read", {"path": "d/a.txt", "encoding": "base64", "offset": 3, "limit": 4}),
    ("file_read", {"path": "d/a.txt", "offset": 99}),
    ("file_read", {"path": "d/none"}),
    ("file_read", {"path": "d"}),
    ("file_replace", {"path": "d/a.txt", "edits": [{"old": "zwei", "new": "2"}]}),
    ("file_replace", {"path": "d/a.txt", "edits": [{"old": "gone", "new": "2"}]}),
    ("file_replace", {"path": "d/a.txt", "edits": [{"old": "e", "new": "E"}]}),
    ("file_list", {"path": "d"}),
    ("file_list", {"path": "d", "glob": "*.sh"}),
    ("file_list", {"path": "d", "depth": 3, "sort": "size"}),
    ("file_list", {"path": "d/a.txt"}),
    ("file_list", {"path": "d/none"}),
    ("file_search", {"path": "d", "pattern": "e.n"}),
    ("file_search", {"path": "d", "pattern": "EINS", "ignore_case": True, "context": 1}),
    ("file_search", {"path": "d", "pattern": "(", "literal": True}),
    ("file_search", {"path": "d", "pattern": "*.txt", "mode": "name"}),
    ("file_search", {"path": "d/none", "pattern": "x"}),
    ("file_search", {"path": "d", "pattern": "("}),
    ("code_execute", {"code": "x = 6\nprint('out')\nx * 7"}),
    ("code_execute", {"code": "x + 1"}),
    ("code_execute", {"code": "None"}),
    ("code_execute", {"code": "x", "context_id": "new"}),
    ("code_execute", {"code": "1", "context_id": "ctx_" + "a" * 26}),
    ("code_execute", {"code": "const a = 2; console.log('j'); a + 1", "language": "javascript"}),
    ("code_execute", {"code": "echo $((40 + 2)); (exit 4)", "language": "bash"}),
]

# Only how it ends is the same: the service counts only the names that it found, and the
# interpreters' tracebacks are their own. (The words of errors may differ everywhere.)
OWN_WORDS = {("file_search", "*.txt"), ("code_execute", "x")}


def plain(text, workspace):
    """Without what is different by nature."""
    for pattern, by in (
            (re.escape(workspace), "WORKSPACE"), (r"\b\d+ ms\b|\b\d+\.\d s\b", "TIME"),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d", "DATE"), (r"\b(p|ctx|sb)_[a-z2-7]{26}\b", r"\1_ID"),
            (r"^(drwx[^ ]*) +\d+", r"\1 SIZE"), (r"execution \d+", "execution N")):
        text = re.sub(pattern, by, text, flags=re.M)
    return text


@pytest.fixture
def both(start_aio, start_stdio, fake):
    there = start_aio()
    here = Tools(start_stdio("--network", "none"))
    yield there, here
    there.run("rm -rf ~/d")


def test_an_agent_sees_the_same(both):
    there, here = both
    wrong = []
    for tool, arguments in CALLS:
        seen = []
        for tools, workspace in ((there, "/home/gem"), (here, "/workspace")):
            result = tools.result(tool, **arguments)
            seen.append((bool(result.get("isError")), plain(protocol.text(result), workspace)))
        key = (tool, arguments.get("pattern") or arguments.get("code"))
        if seen[0][0] == seen[1][0] and (seen[0][0] or key in OWN_WORDS):
            seen = [(failed, text.partition(":")[0] if failed else text.partition(" ")[0])
                    for failed, text in seen]
        if seen[0] != seen[1]:
            wrong.append(f"{tool} {arguments}\n--- aio\n{seen[0]}\n--- local\n{seen[1]}")
    assert not wrong, "\n".join(wrong)
