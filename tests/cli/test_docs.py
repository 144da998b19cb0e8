"""README and docs say only what is so."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lib.paths import ROOT
from lib.stdio import Stdio

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = PAGES[0].read_text()
# Of other programs, in lines about them.
FOREIGN = {"--security-opt", "--exec", "--noproxy", "--no-sandbox"}
MORE_VARIABLES = {"SANDBOX_MCP_TOKEN", "SANDBOX_MCP_BACKEND_KEY", "SANDBOX_MCP_AGENT",
                  "SANDBOX_MCP_BROWSER_CDP_KEY", "SANDBOX_MCP_STATE_KEY"}


def blocks(language, text=README):
    return re.findall(rf"^[ ]*```{language}\n(.*?)^[ ]*```$", text, re.M | re.S)


@pytest.fixture
def options(run):
    return set(re.findall(r"^  (--[a-z-]+)", run("--help").out, re.M))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_exist(page, options):
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", page.read_text())) <= options | FOREIGN


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_variables_exist(page, options):
    known = {"SANDBOX_MCP_" + option[2:].upper().replace("-", "_") for option in options}
    assert set(re.findall(r"SANDBOX_MCP_\w+", page.read_text())) <= known | MORE_VARIABLES


def test_the_table_has_every_option(options):
    section = README.split("\n## Options\n")[1].split("\n## ")[0]
    listed = set(re.findall(r"`(--[a-z-]+)", " ".join(
        line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))))
    assert listed == options


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    said = re.sub(r"^````text$.*?^````$", "", page.read_text(), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)]+)\)", said):
        if target.startswith("http"):
            continue
        name, _, heading = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
            assert heading in [h.lower().replace(" ", "-") for h in headings], target


def test_every_tool_is_in_the_table():
    table = README.split("<!-- tools:begin -->")[1].split("<!-- tools:end -->")[0]
    names = [tool["name"] for tool in json.loads((ROOT / "tools.json").read_text())]
    assert names and all(f"| `{name}` |" in table for name in names)


def servers():
    """(name, command, arguments) of every client block."""
    for text in blocks("json"):
        config = json.loads(text)
        assert len(config) == 1
        for name, server in next(iter(config.values())).items():
            yield name, server["command"], server["args"]


@pytest.fixture
def folder():
    """A folder of an ordinary user, as a workspace is."""
    path = tempfile.mkdtemp(prefix="smcp-ws-")
    os.chmod(path, 0o755)
    if os.geteuid() == 0:
        os.chown(path, 1000, 1000)
    yield path
    shutil.rmtree(path)


def test_client_blocks(folder, binary, state_dir):
    """Each starts a server that works in the folder which it names."""
    seen = []
    for name, command, arguments in servers():
        words = [command, *arguments]
        own = words[words.index("sandbox-mcp") + 1:]
        own[own.index("--workspace") + 1] = folder
        server = Stdio(binary, *own, modern=False)
        try:
            server.initialize()
            assert server.result("tools/list")["tools"]
            seen.append(command)
        finally:
            server.close()
    assert seen == ["sandbox-mcp"] * 3 + ["ssh", "wsl.exe"]


def test_claude_code_line(folder, binary, state_dir):
    line = re.search(r"^claude mcp add (.*)$", README, re.M).group(1).split()
    assert line[1:3] == ["--", "sandbox-mcp"]
    server = Stdio(binary, *line[3:], cwd=folder)
    server.call("file_write", path="made.txt", content="by the sandbox")
    server.close()
    assert Path(folder, "made.txt").read_text() == "by the sandbox"


def test_first_call(run):
    arguments = re.search(r"^build/sandbox-mcp (call \w+) '(.*)'$", README, re.M)
    said = run(*arguments.group(1).split(), arguments.group(2))
    assert said.status == 0, said.err
    assert "exit 0" in said.out and "Linux" in said.out


def test_call_to_a_server(run, start_server, tmp_path):
    """The line as it is printed, but for the port; what it leaves is there for the next."""
    server = start_server()
    tmp_path.joinpath("token").write_text(server.token + "\n")
    line = re.search(r"^build/sandbox-mcp (call --url .*)\\\n(.*)$", README, re.M)
    words = [word.replace(":8080", f":{server.port}") for word in shlex.split("".join(
        line.groups()))]
    said = run(*words, cwd=tmp_path)
    assert said.status == 0, said.err
    assert "3." in said.out
    assert "3." in run(*words[:-1], '{"code": "sys.version"}', cwd=tmp_path).out


def test_http_example(start_server, tmp_path):
    """The example as it is printed, with the token file that the lines above it make."""
    server = start_server()
    tmp_path.joinpath("token").write_text(server.token + "\n")
    code = re.search(r"<!-- example:http -->\n```python\n(.*?)```", README, re.S).group(1)
    tmp_path.joinpath("example.py").write_text(code)
    done = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, timeout=60,
                          env=dict(os.environ, SANDBOX_URL=server.url), capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    assert "terminal_execute" in done.stdout
    assert "hello" in done.stdout


def test_token_line(tmp_path, start_server):
    """What makes the token makes one that the server takes."""
    line = re.search(r"^\(umask 077; (.*)\)$", README, re.M).group(1)
    subprocess.run(["sh", "-c", f"umask 077; {line}"], cwd=tmp_path, check=True)
    path = tmp_path / "token"
    assert path.stat().st_mode & 0o077 == 0
    server = start_server("--token-file", path, token=None)
    server.token = path.read_text().strip()
    assert "result" in server.request("server/discover")


def test_network_example(run):
    policy = re.search(r"--network '(allow=[^']*)'", PAGES[0].parent.joinpath(
        "docs/configuration.md").read_text()).group(1)
    said = run("--network", policy, "call", "sandbox_info", "{}")
    assert said.status == 0, said.err
    assert "files.pythonhosted.org" in said.out


MIB = 1 << 20
# (constant, its unit, what README's table of limits says of it)
LIMITS = [
    ("SPOOL_HEAD", MIB, "the first and the last {}"),
    ("SPOOL_RING", MIB, "the first and the last {}"),
    ("SPOOL_QUOTA", MIB, "{} MiB per sandbox"),
    ("JOB_LIVE_MAX", 1, "{} running"),
    ("JOB_KEPT_MAX", 1, "the last {} finished"),
    ("SESSIONS_MAX", 1, "shell sessions, interpreters | {}, "),
    ("CODE_CONTEXTS_MAX", 1, ", {} |"),
    ("LOCAL_NPROC", 1, "`--pids` ({})"),
    ("LOCAL_NOFILE", 1, "`/dev/shm` | {};"),
    ("LOCAL_IDLE_MS", 60_000, "after {} minutes"),
    ("STATE_KEEP_MS", 24 * 3600_000, "for {} days"),
    ("EGRESS_CONNECTIONS", 1, "egress proxy | {} per"),
    ("FILE_WRITE_MAX", MIB, "one `file_write` | {} MiB"),
    ("SEARCH_MS", 1000, "`file_search` | {} s"),
    ("SEARCH_FILE_MAX", MIB, "over {} MiB are skipped"),
    ("SEARCH_NAMED_MAX", MIB, "over {} MiB if named"),
    ("HTTP_BODY_MAX", MIB, "| {} MiB; "),
    ("SERVER_MESSAGE_MAX", MIB, "| {} MiB; "),
    ("SERVER_REPLY_MAX", MIB, "; {} MiB |"),
    ("ERROR_TEXT_MAX", 1024, "text of an error | {} kB"),
    ("PICTURE_SIDE_MAX", 1, "{} pixels"),
    ("PICTURE_BYTES_MAX", 1000, "{} kB; larger"),
]


HEADERS = "".join(path.read_text() for folder in ("mcp", "transport", "tools", "backend")
                  for path in (ROOT / folder).rglob("*.h"))


@pytest.mark.parametrize("name, unit, said", LIMITS, ids=[row[0] for row in LIMITS])
def test_limits_are_those_of_the_code(name, unit, said):
    defined = re.findall(rf"^#define {name}\s(?:\\\n)?([^/\n]*)", HEADERS, re.M)
    assert defined
    section = README.split("\n## Limits\n")[1].split("\n## ")[0]
    for expression in defined:
        expression = re.sub(r"(?<=\d)(ll|u)\b", "", expression).strip()
        assert re.fullmatch(r"[\d *()]+", expression), expression
        value, rest = divmod(eval(expression), unit)
        assert rest == 0 and said.format(value) in section


def test_limits_are_those_of_the_tools():
    tools = {tool["name"]: tool["inputSchema"]["properties"]
             for tool in json.loads((ROOT / "tools.json").read_text())}
    execute, code = tools["terminal_execute"], tools["code_execute"]
    section = README.split("\n## Limits\n")[1].split("\n## ")[0]
    for said in (f"{execute['max_bytes']['default'] // 1024} kB unless",
                 f"{execute['max_bytes']['maximum'] // 1024} kB at most",
                 f"{execute['yield_s']['default']} s unless asked otherwise, "
                 f"{execute['yield_s']['maximum']} s at most",
                 f"{execute['timeout_s']['default']} s, code after {code['timeout_s']['default']} s",
                 f"{execute['timeout_s']['maximum'] // 3600} h at most"):
        assert said in section, said


@pytest.mark.skipif(not any(map(shutil.which, ["chromium-headless-shell", "chromium"])),
                    reason="no Chromium here: install chromium-headless-shell or chromium")
def test_the_page_of_tools_is_current_and_its_calls_succeed(binary):
    """Runs every call that docs/tools.md shows."""
    done = subprocess.run(
        [sys.executable, ROOT / "tools/gen/reference.py", binary, ROOT / "docs/tools.md", "--check"],
        capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
