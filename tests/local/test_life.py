"""The life of local sandboxes: made, found again, stopped, killed, cleaned up."""

import json
import os
import signal
import stat
import time
from pathlib import Path

import pytest

from lib import processes, protocol
from local.terminal import ToolError, output, run

ROOT = os.geteuid() == 0


def sandboxes(state_dir):
    return sorted(p for p in (Path(state_dir) / "v1/sandbox").iterdir())


def meta(directory):
    return json.loads((directory / "meta.json").read_text())


def info(client, *include):
    result = client.call("sandbox_info", include=list(include))
    assert not result.get("isError"), result
    return result["structuredContent"]


def test_no_sandbox_is_made_before_it_is_needed(start_stdio, state_dir):
    client = start_stdio()
    client.result("tools/list")
    assert not sandboxes(state_dir)
    run(client, "true")
    assert len(sandboxes(state_dir)) == 1


def test_an_unused_one_leaves_nothing_and_a_used_one_its_files(start_stdio, state_dir):
    client = start_stdio()
    run(client, "echo hi >/tmp/x")
    assert client.close() == 0
    assert not sandboxes(state_dir)
    client = start_stdio()
    run(client, "echo work >file")
    assert client.close() == 0
    kept, = sandboxes(state_dir)
    assert (kept / "workspace/ws/file").read_text() == "work\n"
    assert meta(kept)["state"] == "stopped"
    assert meta(kept)["expires_ms"] > time.time() * 1000 + 6 * 24 * 3600 * 1000


def test_a_named_one_is_found_again(start_stdio, state_dir):
    client = start_stdio("--sandbox", "proj")
    run(client, "echo 1 >file; echo 2 >~/dot")
    assert client.close() == 0
    client = start_stdio("--sandbox", "proj")
    assert run(client, "cat file ~/dot; ls /tmp").stdout == "1\n2\n"
    other = start_stdio("--sandbox", "other")
    assert run(other, "ls").stdout == ""
    assert len(sandboxes(state_dir)) == 2


def test_a_directory_that_another_backend_made_first(start_stdio, state_dir):
    """A server for a remote service keeps its tasks there, and lets nobody else in."""
    (state_dir / "v1").mkdir(mode=0o700)
    assert run(start_stdio("--network", "none"), "echo in").stdout == "in\n"


def test_two_servers_do_not_share_one(start_stdio):
    first = start_stdio("--sandbox", "proj")
    run(first, "true")
    second = start_stdio("--sandbox", "proj")
    with pytest.raises(ToolError) as e:
        run(second, "true")
    assert e.value.code == "busy"
    assert first.close() == 0
    assert run(second, "echo mine").stdout == "mine\n"


def test_kill_9_of_the_server_leaves_no_process(start_stdio, state_dir):
    client = start_stdio("--sandbox", "proj")
    run(client, "echo kept >file; setsid sleep 81 >/dev/null 2>&1 & sleep 81 & true")
    run(client, "sleep 81", yield_s=0)
    below = processes.descendants(client.pid)
    assert len(below) > 4
    client.kill()
    processes.assert_gone(below)
    directory, = sandboxes(state_dir)
    assert meta(directory)["state"] == "running"
    client = start_stdio("--sandbox", "proj")
    assert run(client, "cat file").stdout == "kept\n"


def test_a_stopped_sandbox_starts_again_and_keeps_files(start_stdio):
    client = start_stdio()
    got = run(client, "echo 1 >file; echo out; sleep 82", yield_s=0.3)
    session = run(client, "cd /tmp; x=1", session_id="s")
    assert session.exit_code == 0
    os.kill(sandbox_pid(client), signal.SIGKILL)
    until = time.monotonic() + 5
    while output(client, got.process_id).status == "running":
        assert time.monotonic() < until
        time.sleep(0.02)
    last = output(client, got.process_id, cursor="0-0")
    assert (last.status, last.stdout) == ("killed", "out\n")
    again = run(client, "cat file")
    assert again.stdout == "1\n" and "has been started again: files are kept" in again.text
    again = run(client, "echo -$x-", session_id="s")
    assert again.stdout == "--\n" and "started again" not in again.text


def sandbox_pid(client):
    """bubblewrap's process, on the host."""
    for pid, _ in processes.descendants(client.pid):
        if "bwrap" in processes.describe(pid):
            return pid
    raise AssertionError("no sandbox runs")


def test_a_full_table_makes_room_for_who_comes(start_server):
    server = start_server("--max-sandboxes", "1")

    def call(name, command):
        return server.result("tools/call", {"name": "terminal_execute", "arguments": {
            "command": command}}, X_Sandbox=name)

    assert "\none\n" in protocol.text(call("a", "echo one; echo kept >file"))
    refused = call("b", "echo two")
    assert refused["isError"] and protocol.text(refused).startswith("quota")
    os.kill(sandbox_pid(server), signal.SIGKILL)
    until = time.monotonic() + 5
    while (answer := call("b", "echo two")).get("isError"):
        assert time.monotonic() < until, answer
        time.sleep(0.05)
    assert "\ntwo\n" in protocol.text(answer)
    os.kill(sandbox_pid(server), signal.SIGKILL)
    while (answer := call("a", "cat file")).get("isError"):
        assert time.monotonic() < until, answer
        time.sleep(0.05)
    assert "\nkept\n" in protocol.text(answer)


def test_calls_in_flight_end_when_the_sandbox_dies(start_stdio):
    client = start_stdio()
    run(client, "true")
    id = client.start("tools/call", {"name": "terminal_execute", "arguments": {
        "command": "echo part; sleep 83", "yield_s": 50}})
    time.sleep(0.5)
    os.kill(sandbox_pid(client), signal.SIGKILL)
    result = client.response(id, 10)["result"]
    assert "killed" in protocol.text(result) and "part" in protocol.text(result)
    assert run(client, "echo again").stdout == "again\n"


@pytest.mark.skipif(not ROOT, reason="only root gives sandboxes users of their own")
def test_every_sandbox_of_root_has_a_user_of_its_own(start_stdio, state_dir):
    first, second = start_stdio("--sandbox", "a"), start_stdio("--sandbox", "b")
    for client in first, second:
        run(client, "echo x >file; chmod 4777 . file 2>/dev/null; true")
    uids = {meta(d)["uid"] for d in sandboxes(state_dir)}
    assert len(uids) == 2 and min(uids) >= 200000
    for d in sandboxes(state_dir):
        assert (d / "workspace").stat().st_uid == 0
        assert stat.S_IMODE((d / "workspace").stat().st_mode) == 0o710
        assert (d / "workspace/ws/file").stat().st_uid == meta(d)["uid"]


def test_info_tells_what_is_in_force(start_stdio):
    client = start_stdio("--memory", "600", "--pids", "111")
    got = info(client, "metrics", "processes")
    layers = "\n".join(got["isolation"])
    assert "own namespaces: user, mnt, pid, net, ipc, uts, cgroup" in layers
    assert "seccomp: mode 2" in layers and "no_new_privs: 1" in layers
    assert "capabilities: effective 0000000000000000" in layers
    assert "network: loopback only" in layers
    assert got["workspace"] == "/workspace" and got["home"] == "/home/user"
    assert got["facts"]["resources.processes"] == "111"
    assert got["facts"]["versions.bash"].startswith("5.")
    limited = "resources.memory_mb" in got["facts"]
    assert limited or any("memory" in line for line in got["degraded"])
    if limited:
        assert got["facts"]["resources.memory_mb"] == "600"
    assert got["egress"] == ["none"]


def test_too_much_memory_is_told_as_such(start_stdio):
    client = start_stdio("--memory", "200")
    if "resources.memory_mb" not in info(client)["facts"]:
        pytest.skip("no control groups on this machine")
    got = run(client, "python3 -c 'x = b\"x\" * 600_000_000'; echo $?; true")
    assert got.stdout == "137\n"
    got = run(client, "exec python3 -c 'x = b\"x\" * 600_000_000'")
    assert got.status == "oom"
    assert run(client, "echo alive").stdout == "alive\n"


def test_tmp_is_bounded(start_stdio):
    client = start_stdio("--memory", "200")
    got = run(client, "head -c 100000000 /dev/zero >/tmp/x; ls -l /tmp/x | cut -d' ' -f5")
    assert "No space left" in got.stderr and int(got.stdout) <= 50 << 20


def test_host_runtime_says_so(start_stdio):
    client = start_stdio("--runtime", "host")
    assert run(client, "id -u").stdout == f"{os.geteuid()}\n"
    got = info(client)
    assert not got["isolation"] and "no isolation" in got["degraded"][0]
    assert "without any isolation" in client.stderr


# ---- the user's own directory ----

@pytest.fixture
def project():
    """A directory of an ordinary user, with files that the user's own programs execute."""
    import shutil
    import tempfile
    path = Path(tempfile.mkdtemp(prefix="smcp-ws-", dir="/var/tmp"))
    for name in ".git/hooks/pre-commit", ".git/config", ".envrc", ".vscode/tasks.json", "src/a.c":
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text("original\n")
    if ROOT:
        for at in [path, *path.rglob("*")]:
            os.chown(at, 12345, 12345)
    yield path
    shutil.rmtree(path)


def test_a_live_workspace_is_there_under_both_names(start_stdio, project):
    client = start_stdio("--workspace", project)
    assert run(client, f"cat src/a.c {project}/src/a.c; pwd").stdout == "original\noriginal\n/workspace\n"
    run(client, f"echo new >src/b.c; echo two >{project}/src/c.c")
    assert (project / "src/b.c").read_text() == "new\n"
    assert (project / "src/b.c").stat().st_uid == project.stat().st_uid
    assert (project / "src/c.c").read_text() == "two\n"


@pytest.mark.parametrize("where", ["/workspace", "{project}"])
@pytest.mark.parametrize("attack", [
    "echo evil >.git/hooks/pre-commit", "rm -f .git/hooks/pre-commit", "mv .git/hooks .git/h",
    "mv .git .git2 && cp -r .git2 .git && echo evil >.git/hooks/pre-commit",
    "echo evil >.git/config", "git config core.hooksPath /workspace/evil", "echo evil >.envrc",
    "rm .envrc; echo evil >.envrc", "ln -sf /tmp .envrc", "mv .vscode v; mkdir .vscode",
    "echo evil >.vscode/tasks.json", "echo evil >.vscode/new.json", "chmod 777 .envrc",
    "ln .envrc link; echo evil >link", "rm -rf .git .vscode .envrc",
])
def test_protected_files_stay(start_stdio, project, where, attack):
    client = start_stdio("--workspace", project)
    run(client, attack, cwd=where.format(project=project))
    for name in ".git/hooks/pre-commit", ".git/config", ".envrc", ".vscode/tasks.json":
        assert (project / name).read_text() == "original\n"
        assert not (project / name).is_symlink()
    assert not (project / ".vscode/new.json").exists()
    degraded = "\n".join(info(client)["degraded"])
    assert ".mcp.json" in degraded and "new git repositories" in degraded


def test_no_mount_point_is_left_in_the_directory(start_stdio, project):
    before = sorted(project.rglob("*"))
    client = start_stdio("--workspace", project)
    run(client, "true")
    assert client.close() == 0
    assert sorted(project.rglob("*")) == before


def test_a_read_only_workspace(start_stdio, project):
    client = start_stdio("--workspace", f"{project}:ro")
    got = run(client, "echo x >src/a.c; touch y")
    assert "Read-only file system" in got.stderr
    assert (project / "src/a.c").read_text() == "original\n"


def test_mounts_are_at_their_own_path(start_stdio, project):
    project.chmod(0o755)
    client = start_stdio("--mount", f"{project}:ro")
    got = run(client, f"cat {project}/src/a.c; touch {project}/x; pwd; ls")
    assert got.stdout == "original\n/workspace\n" and "Read-only" in got.stderr


@pytest.mark.parametrize("path", ["/", "~", "/nonexistent"])
def test_directories_that_are_refused(binary, path):
    import subprocess
    done = subprocess.run([binary, "--workspace", os.path.expanduser(path)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and "--workspace" in done.stderr


@pytest.mark.parametrize("option", ["--workspace", "--mount"])
def test_the_state_must_be_apart(binary, state_dir, project, option):
    import subprocess
    project.chmod(0o755)
    for workspace, state in (project, project / "state"), (state_dir / "v1", state_dir):
        workspace.mkdir(exist_ok=True)
        done = subprocess.run([binary, option, workspace, "--state-dir", state],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        assert done.returncode != 0
        assert "state directory" in done.stderr or "rights" in done.stderr


@pytest.mark.skipif(not ROOT, reason="only root can")
def test_a_directory_of_root_needs_a_word(start_stdio, binary, project):
    import subprocess
    os.chown(project, 0, 0)
    done = subprocess.run([binary, "--workspace", project], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and "--allow-root-workspace" in done.stderr
    client = start_stdio("--workspace", project, "--allow-root-workspace")
    run(client, "touch new")
    assert (project / "new").stat().st_uid == 0
    assert any("root" in line for line in info(client)["degraded"])


def test_environment_options_reach_commands(start_stdio):
    client = start_stdio("--env", "FOO=bar baz")
    assert run(client, 'echo "$FOO"').stdout == "bar baz\n"
    assert run(client, 'echo "$FOO"', env={"FOO": "mine"}).stdout == "mine\n"


def test_what_is_missing_is_said_in_every_call(start_stdio):
    client = start_stdio(env=dict(os.environ, SANDBOX_MCP_AGENT="/nonexistent/agent"))
    assert len(client.result("tools/list")["tools"]) >= 10
    with pytest.raises(ToolError) as e:
        run(client, "true")
    assert "/nonexistent/agent" in e.value.text


@pytest.mark.skipif(not ROOT, reason="makes a directory that only root may enter")
def test_a_closed_state_directory_is_explained(start_stdio, state_dir):
    (state_dir / "closed").mkdir(mode=0o700)
    client = start_stdio("--state-dir", state_dir / "closed/state")
    with pytest.raises(ToolError) as e:
        run(client, "true")
    assert e.value.code == "isolation" and "--state-dir" in e.value.text


def test_parts_of_sandbox_info_are_told_when_asked_for(stdio):
    assert not {"ports", "packages"} & set(info(stdio))
    got = stdio.call("terminal_execute", yield_s=0, command=(
        "python3 -c 'import socket, time\nfor family, host in ((socket.AF_INET, \"127.0.0.1\"), "
        "(socket.AF_INET6, \"::1\")):\n    s = socket.socket(family); s.bind((host, 8765)); "
        "s.listen(); globals()[host] = s\nprint(\"ready\", flush=True); time.sleep(60)'"))
    process_id = got["_meta"]["sandbox-mcp/process_id"]
    assert "ready" in stdio.call(
        "terminal_output", process_id=process_id, wait_s=20)["content"][0]["text"]
    told = info(stdio, "ports", "packages", "health")
    assert told["ports"] == ["127.0.0.1:8765", "[::1]:8765"]
    assert all("==" in line for line in told["packages"])
    assert told["facts"]["health"] == "answering"
    stdio.call("terminal_kill", id=process_id)
