"""`call --url`: a tool of the server that runs there."""

import json

import pytest


@pytest.fixture
def there(start_server):
    return start_server("--backend", "fake")


@pytest.fixture
def tokens(there, tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"# people\n\nalice:{there.token}\n")
    return path


def test_the_first_token_of_the_file_is_used(run, there, tokens):
    said = run("call", "terminal_execute", json.dumps({"command": "echo héllo"}),
               "--url", there.url, "--token-file", str(tokens))
    assert (said.status, said.err) == (0, "")
    assert "héllo" in said.out


def test_the_token_of_the_environment_is_used(run, there):
    said = run("call", "sandbox_info", "--url", there.url,
               env={"SANDBOX_MCP_TOKEN": there.token})
    assert said.status == 0
    assert "backend fake" in said.out


def test_the_path_may_be_left_out(run, there):
    said = run("call", "sandbox_info", "--url", there.url.removesuffix("/mcp"),
               env={"SANDBOX_MCP_TOKEN": there.token})
    assert said.status == 0


def test_a_named_sandbox_is_asked_for(run, there, tokens):
    arguments = json.dumps({"path": "a.txt", "content": "x"})
    said = run("call", "file_write", arguments, "--url", there.url, "--token-file", str(tokens),
               "--sandbox", "two words")
    assert said.status != 0, "a name that no sandbox may have was not sent"
    said = run("call", "file_write", arguments, "--url", there.url, "--token-file", str(tokens),
               "--sandbox", "other")
    assert said.status == 0


def test_a_failing_tool_is_exit_status_one(run, there, tokens):
    said = run("call", "terminal_execute", json.dumps({"command": "fail denied"}),
               "--url", there.url, "--token-file", str(tokens))
    assert said.status == 1
    assert said.out.startswith("denied: ")


def test_a_slow_tool_that_answers_by_events(run, there, tokens):
    said = run("call", "terminal_execute", json.dumps({"command": "sleep 2"}),
               "--url", there.url, "--token-file", str(tokens))
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("exit 0")


def test_without_a_token_it_says_how(run, there):
    said = run("call", "sandbox_info", "--url", there.url)
    assert said.status != 0
    assert "401" in said.err and "--token-file" in said.err
    assert said.out == ""


@pytest.mark.parametrize("url, why", [
    ("nowhere", "must begin with http"),
    ("http://", "names no host"),
    ("http://127.0.0.1:1/mcp", "cannot reach"),
    ("http://a b/", "percent-encoded"),
])
def test_urls_that_lead_nowhere(run, url, why):
    said = run("call", "sandbox_info", "--url", url)
    assert said.status != 0
    assert why in said.err


def test_a_server_that_is_none_of_ours(run, there, tokens):
    said = run("call", "sandbox_info", "--url", there.url + "/elsewhere",
               "--token-file", str(tokens))
    assert said.status != 0
    assert "404" in said.err


def test_the_token_is_never_shown(run, there, tokens):
    said = run("call", "sandbox_info", "--url", there.url, "--token-file", str(tokens),
               "--log-level", "debug")
    assert said.status == 0
    assert "http method=POST" in said.err
    assert there.token not in said.err + said.out
