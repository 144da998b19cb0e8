"""`call`: one tool, its text on stdout, its failure in the exit status."""

import json
import os
import pty
import subprocess

import pytest

FAKE = ("--backend", "fake", "call")


def call(run, tool, *arguments):
    return run(*FAKE, tool, *(a if isinstance(a, str) else json.dumps(a) for a in arguments))


def test_text(run):
    said = call(run, "terminal_execute", {"command": "echo héllo"})
    assert (said.status, said.err) == (0, "")
    assert "exit 0" in said.out.splitlines()[0]
    assert "héllo" in said.out
    assert said.out.endswith("\n")


def test_a_non_zero_exit_is_no_error(run):
    said = call(run, "terminal_execute", {"command": "exit 3"})
    assert said.status == 0
    assert "exit 3" in said.out


def test_error_of_the_tool(run):
    said = call(run, "terminal_execute", {"command": "fail denied"})
    assert said.status == 1
    assert said.out.startswith("denied: ")


def test_wrong_argument(run):
    said = call(run, "terminal_execute", {"comand": "ls"})
    assert said.status == 1
    assert "invalid_argument" in said.out
    assert "command" in said.out


def test_no_arguments_are_empty_ones(run):
    assert call(run, "sandbox_info").status == 0


@pytest.mark.parametrize("text", ["{", "", "{\"a\":1}x", "\"", "{'command': 'ls'}"])
def test_bad_json(run, text):
    said = call(run, "terminal_execute", text)
    assert said.status == 2
    assert "arguments" in said.err
    assert said.out == ""


@pytest.mark.parametrize("text", ["[]", "1", "\"x\""])
def test_json_that_is_no_object(run, text):
    said = call(run, "terminal_execute", text)
    assert said.status == 2
    assert "arguments" in said.err


def test_unknown_tool(run):
    said = call(run, "no_such_tool", {})
    assert said.status == 2
    assert "no_such_tool" in said.err


def test_without_a_tool(run):
    said = run(*FAKE)
    assert said.status == 2
    assert "call needs a tool" in said.err


def test_too_many_words(run):
    assert call(run, "sandbox_info", {}, {}).status == 2


def test_image_is_named(run):
    said = call(run, "code_execute", {"code": "plot"})
    assert said.status == 0
    assert "[image image/png]" in said.out
    assert "iVBOR" not in said.out


def test_output_that_cannot_be_written(binary, state_dir):
    with open("/dev/full", "w") as full:
        done = subprocess.run([binary, *FAKE, "terminal_execute", '{"command": "print 100000"}'],
                              stdout=full, stderr=subprocess.PIPE, timeout=30)
    assert done.returncode == 1
    assert b"sandbox-mcp: " in done.stderr


def on_a_terminal(*command):
    """What a person would see of both outputs."""
    ours, theirs = pty.openpty()
    subprocess.run(command, stdout=theirs, stderr=theirs, timeout=30)
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 4096):
            seen += piece
    except OSError:
        pass
    os.close(ours)
    return seen


def test_control_sequences_stay_off_a_terminal(binary, state_dir):
    command = json.dumps({"command": "echo a\x1b[31mred\x1b]0;title\x07b"})
    seen = on_a_terminal(binary, *FAKE, "terminal_execute", command)
    assert b"aredb" in seen
    assert b"\x1b" not in seen


def test_nor_do_they_come_in_errors(binary, state_dir):
    seen = on_a_terminal(binary, *FAKE, "a\x1b[31mred\x1b]0;title\x07b", "{}")
    assert b"Unknown tool: aredb" in seen and b"--toolsets all" in seen
    assert b"\x1b" not in seen
