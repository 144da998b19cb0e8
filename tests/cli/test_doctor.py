"""`doctor`: on a machine that has everything, and on ones where something is missing."""

import ctypes
import os
import re
import subprocess

import pytest

from lib.paths import ROOT
from lib.processes import running_from

LINE = re.compile(r"(ok  |warn|FAIL) \S.*|     Fix: \S.*")
PROFILE = (ROOT / "packaging/apparmor/bwrap-sandbox-mcp").read_text()


def findings(out):
    """[(level, text)], a Fix belongs to the line before."""
    found = []
    for line in out.split("\nThe AppArmor profile")[0].splitlines():
        if not line:
            continue
        assert LINE.fullmatch(line), line
        if line.startswith("     Fix: "):
            found[-1] = (found[-1][0], found[-1][1] + line.strip())
        else:
            found.append((line[:4].strip(), line[5:]))
    return found


def test_this_machine_can(run, state_dir, binary):
    said = run("doctor")
    found = findings(said.out)
    assert said.status == 0, said.out
    assert not [text for level, text in found if level == "FAIL"]
    texts = "\n".join(text for _, text in found)
    for name in ("kernel ", "sandbox-agent ", "bubblewrap ", "user namespaces work", "seccomp ",
                 "Landlock ", "control groups ", "bash ", "python3 ", "node ", "ffmpeg ",
                 f"state directory {state_dir} ", "sandbox works: ready and `echo ok` after "):
        assert name in texts, name
    assert "isolation: own namespaces: " in texts


def test_it_leaves_nothing(run, state_dir, binary):
    before = running_from([binary, os.path.join(os.path.dirname(binary), "sandbox-agent")])
    assert run("doctor").status == 0
    assert os.listdir(state_dir / "v1/sandbox") == []
    after = running_from([binary, os.path.join(os.path.dirname(binary), "sandbox-agent")])
    assert after <= before


def test_beside_a_server(run, start_stdio):
    server = start_stdio()
    server.call("terminal_execute", command="true")
    assert run("doctor").status == 0


def test_profile(run):
    said = run("doctor", "apparmor")
    assert (said.status, said.out) == (0, PROFILE)


def test_without_an_agent(run, tmp_path):
    said = run("doctor", env={"SANDBOX_MCP_AGENT": str(tmp_path / "none")})
    failed = [text for level, text in findings(said.out) if level == "FAIL"]
    assert said.status == 1
    assert failed[0].startswith("sandbox-agent ")
    assert failed[-1].startswith("sandbox cannot be started: ")


def test_where_nothing_can_be_written(run):
    said = run("--state-dir", "/proc/sandboxes", "doctor")
    failed = [text for level, text in findings(said.out) if level == "FAIL"]
    assert said.status == 1
    assert failed[0].startswith("state directory /proc/sandboxes: ")
    assert "Fix: " in failed[0]


@pytest.mark.parametrize("args, named", [
    (["--workspace", "/"], "--workspace"),
    (["--workspace", "/no/such/folder"], "--workspace"),
    (["--mount", "/etc"], "--mount"),
    (["--network", "everything"], "--network"),
])
def test_wrong_options_are_its_business(run, args, named):
    said = run(*args, "doctor")
    failed = [text for level, text in findings(said.out) if level == "FAIL"]
    assert said.status == 1
    assert len(failed) == 1 and named in failed[0]


def test_no_isolation_is_said(run):
    said = run("--runtime", "host", "doctor")
    assert said.status == 0, said.out
    assert "warn runtime is host: NO isolation" in said.out


def test_other_backends_are_only_tried(run):
    said = run("--backend", "fake", "doctor")
    assert said.status == 0
    assert "bubblewrap" not in said.out


def test_control_characters_are_not_printed(run, tmp_path):
    said = run("doctor", env={"SANDBOX_MCP_AGENT": f"{tmp_path}/a\x1b[31m\nok   forged"})
    assert "\x1b" not in said.out
    assert not re.search(r"^ok   forged", said.out, re.M)


@pytest.fixture
def elsewhere(binary, state_dir, tmp_path):
    """
    elsewhere(bwrap=TEXT, sysctl={...}): doctor on a machine like this one, but for its bubblewrap, a
    script or, with None, missing, and for its /proc/sys/kernel.
    """

    def one(bwrap, sysctl):
        script, kernel = tmp_path / "bwrap", tmp_path / "kernel"
        kernel.mkdir()
        for name, value in sysctl.items():
            (kernel / name).write_text(f"{value}\n")
        script.write_text(f"#!/bin/sh\n{bwrap}\n")
        script.chmod(0o755)
        return subprocess.run(
            ["bwrap", "--dev-bind", "/", "/", "--bind", kernel, "/proc/sys/kernel", "--ro-bind",
             script if bwrap else "/dev/null", "/usr/bin/bwrap", "--", binary, "doctor"],
            capture_output=True, text=True, timeout=60)

    return one


FORBIDDEN = """[ "$*" = --version ] && echo bubblewrap 0.9.0 && exit
echo "bwrap: setting up uid map: Permission denied" >&2; exit 1"""


def test_apparmor_forbids_them(elsewhere):
    said = elsewhere(FORBIDDEN, {"apparmor_restrict_unprivileged_userns": 1})
    found = findings(said.stdout)
    failed = [text for level, text in found if level == "FAIL"]
    assert said.returncode == 1
    assert any(text.startswith("bubblewrap 0.9.0 (/usr/bin/bwrap)") for _, text in found)
    assert "AppArmor forbids them" in failed[0]
    assert "setting up uid map: Permission denied" in failed[0]
    assert "Fix: sandbox-mcp doctor apparmor | sudo tee /etc/apparmor.d/" in failed[0]
    assert "sudo apparmor_parser -r /etc/apparmor.d/" in failed[0]
    assert said.stdout.endswith(PROFILE)


def test_a_sysctl_forbids_them(elsewhere):
    said = elsewhere(FORBIDDEN, {"unprivileged_userns_clone": 0,
                                 "apparmor_restrict_unprivileged_userns": 0})
    failed = [text for level, text in findings(said.stdout) if level == "FAIL"]
    assert said.returncode == 1
    assert "kernel.unprivileged_userns_clone is 0" in failed[0]
    assert "Fix: sudo sysctl -w kernel.unprivileged_userns_clone=1" in failed[0]


def test_something_else_forbids_them(elsewhere):
    said = elsewhere(FORBIDDEN, {})
    failed = [text for level, text in findings(said.stdout) if level == "FAIL"]
    assert said.returncode == 1
    assert "--security-opt seccomp=unconfined" in failed[0]
    assert "AppArmor profile" not in said.stdout


def test_without_bubblewrap(elsewhere):
    said = elsewhere(None, {})
    failed = [text for level, text in findings(said.stdout) if level == "FAIL"]
    assert said.returncode == 1
    assert failed[0].startswith("bubblewrap is not installed")
    assert "Fix: " in failed[0]


def test_old_bubblewrap(elsewhere):
    said = elsewhere(FORBIDDEN.replace("0.9.0", "0.6.2"), {})
    assert ("warn", "bubblewrap is older than 0.8.0, the oldest that is tested") in findings(
        said.stdout)


CLONE_NEWUSER, PR_SET_DUMPABLE = 0x10000000, 4


def enter_barren_namespace():
    """Between fork and exec: an ordinary user in a user namespace in which no other can be made."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(1000, 1000, 1000)
        os.setresuid(1000, 1000, 1000)
        libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")
    for path, text in (("/proc/self/setgroups", "deny"),
                       ("/proc/self/uid_map", f"{uid} {uid} 1"),
                       ("/proc/self/gid_map", f"{gid} {gid} 1"),
                       ("/proc/sys/user/max_user_namespaces", "0")):
        with open(path, "w") as f:
            f.write(text)


@pytest.fixture
def without_namespaces(binary, state_dir):
    if os.geteuid() == 0:
        os.chown(state_dir, 1000, 1000)
    return lambda *args: subprocess.run([binary, *args], capture_output=True, text=True,
                                        timeout=60, preexec_fn=enter_barren_namespace)


def test_without_user_namespaces(without_namespaces):
    said = without_namespaces("doctor")
    failed = [text for level, text in findings(said.stdout) if level == "FAIL"]
    assert said.returncode == 1
    assert failed[0].startswith("user namespaces do not work: user.max_user_namespaces is 0")
    assert "Fix: sudo sysctl -w user.max_user_namespaces=" in failed[0]


def test_a_call_then_says_so_too(without_namespaces):
    said = without_namespaces("call", "terminal_execute", '{"command": "true"}')
    assert said.returncode == 1
    assert said.stdout.startswith("isolation: ")


def test_root_of_a_small_namespace(binary, state_dir):
    said = subprocess.run(["unshare", "--user", "--map-root-user", binary, "doctor"],
                          capture_output=True, text=True, timeout=60)
    found = findings(said.stdout)
    assert said.returncode == 0 and not [text for level, text in found if level == "FAIL"]
    assert [text for level, text in found if level == "warn" and "users of their own" in text]
