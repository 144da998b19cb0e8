"""The command line: what it says of itself, and what it refuses."""

import re

import pytest

FAKE = ("--backend", "fake")
CALL = ("call", "terminal_execute", '{"command": "echo hi"}')


def test_help_can_be_read(run):
    """In sections, none of them longer than half a screen."""
    page = run("--help")
    lines = page.out.splitlines()
    assert (page.status, page.err) == (0, "")
    assert max(map(len, lines)) <= 100
    sections = re.findall(r"^\w+:\n((?:  --.*\n)+)", page.out, re.M)
    assert "".join(sections).splitlines() == [line for line in lines if line[:4] == "  --"]
    assert all(section.count("\n") <= 20 for section in sections)
    for word in ("call", "doctor", "--http", "--workspace", "--network", "SANDBOX_MCP_"):
        assert word in page.out


def test_version(run):
    said = run("--version")
    assert said.status == 0
    assert re.fullmatch(r"sandbox-mcp \d+\.\d+\.\d+\n", said.out)


def test_help_needs_nothing_else(run):
    assert run("--help", "--backend", "nonsense", "--memory", "nonsense").status == 0


@pytest.mark.parametrize("args, named", [
    (["--frobnicate"], "--frobnicate"),
    (["--frobnicate=1"], "--frobnicate=1"),
    (["-x"], "-x"),
    (["--memory"], "--memory"),
    (["--memory", "lots"], "--memory"),
    (["--memory", "1"], "--memory"),
    (["--memory="], "--memory"),
    (["--memory", "64MB"], "--memory"),
    (["--pids", "-1"], "--pids"),
    (["--pids", "99999999999999999999"], "--pids"),
    (["--max-calls", "0"], "--max-calls"),
    (["--max-sandboxes", "0"], "--max-sandboxes"),
    (["--runtime", "docker"], "--runtime"),
    (["--backend", "nonsense"], "--backend"),
    (["--log-level", "loud"], "--log-level"),
    (["--env", "NOVALUE"], "--env"),
    (["--env", "=x"], "--env"),
    (["--no-auth"], "--no-auth"),
    (["--no-auth=yes"], "--no-auth"),
    (["--http", "8080", "--no-auth", "--workspace", "/tmp"], "--no-auth"),
    (["--http", "8080", "--no-auth", "--mount", "/tmp"], "--no-auth"),
    (["--http", "8080", "--no-auth", "--host-dir", "/tmp"], "--no-auth"),
    (["--http", "8080", "--no-auth", "--runtime", "host"], "--no-auth"),
    (["--host-dir", "/"], "--host-dir"),
    (["--host-dir", "tmp"], "--host-dir"),
    (["--host-dir", "/nowhere-at-all"], "--host-dir"),
    (["--http", "eighty"], "--http"),
    (["--http", "127.0.0.1:99999"], "--http"),
    (["--http", ""], "--http"),
    (["nonsense"], "nonsense"),
    (["doctor", "nonsense"], "nonsense"),
])
def test_what_is_wrong_is_named(run, args, named):
    if "--backend" not in args and args[0] != "doctor":
        args = [*args, *FAKE] if args[-1] != "--memory" else [*FAKE, *args]
    said = run(*args)
    assert said.status == 2, said
    assert said.out == ""
    assert said.err.startswith("sandbox-mcp: ")
    assert named in said.err


@pytest.mark.parametrize("args", [
    ["--workspace", "/tmp"], ["--mount", "/tmp"], ["--network", "none"], ["--memory", "64"],
    ["--pids", "64"], ["--runtime", "host"], ["--allow-root-workspace"]])
def test_a_remote_service_is_promised_nothing(run, args):
    said = run("--backend", "aio", "--backend-url", "http://127.0.0.1:1", *args, *CALL)
    assert said.status == 2
    assert f"{args[0]} does not go with --backend aio" in said.err


@pytest.mark.parametrize("args", [
    ["--backend-url", "http://127.0.0.1:1"], ["--backend-key-file", "/dev/null"],
    ["--backend-header", "A: b"]])
def test_the_local_backend_has_no_url(run, args):
    said = run(*args, *CALL)
    assert said.status == 2
    assert f"{args[0]} does not go with --backend local" in said.err


def test_a_list_option_has_a_bound(run):
    said = run(*FAKE, *["--env", "A=1"] * 33, *CALL)
    assert said.status == 2
    assert "--env" in said.err


def test_unknown_backend_lists_those_there_are(run):
    assert "fake" in run("--backend", "nonsense", *CALL).err


def test_options_from_the_environment(run):
    assert "hi" in run(*CALL, env={"SANDBOX_MCP_BACKEND": "fake"}).out


def test_an_option_beats_the_environment(run):
    said = run(*FAKE, *CALL, env={"SANDBOX_MCP_BACKEND": "nonsense"})
    assert said.status == 0, said.err


def test_a_wrong_environment_names_the_option(run):
    said = run(*FAKE, *CALL, env={"SANDBOX_MCP_MEMORY": "lots"})
    assert said.status == 2
    assert "--memory" in said.err


def test_a_flag_from_the_environment(run):
    said = run(*FAKE, *CALL, env={"SANDBOX_MCP_NO_AUTH": "1"})
    assert said.status == 2
    assert "--no-auth" in said.err


def test_an_empty_variable_is_none(run):
    assert run(*FAKE, *CALL, env={"SANDBOX_MCP_MEMORY": ""}).status == 0
