"""A live workspace: what is planted there must not run with its owner's rights afterwards."""

import os
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from escape.place import PATH, USER, as_user

HOOK = "mkdir -p $(dirname {to}); printf '#!/bin/sh\\ntouch {marker}\\n' >{to} && chmod 755 {to}"


class Project:
    """A repository of an ordinary user, with things that programs of that user execute."""

    def __init__(self):
        self.uid = USER if os.geteuid() == 0 else os.geteuid()
        self.root = Path(tempfile.mkdtemp(prefix="escape-project-"))
        self.root.chmod(0o755)
        self.folder, self.marker = self.root / "project", self.root / "marker"
        for path in (self.root, self.folder):
            path.mkdir(exist_ok=True)
            os.chown(path, self.uid, self.uid)
        self.as_owner("""
            git init -q . && mkdir -p .git/hooks .vscode .venv/bin .claude src &&
            echo 'export A=1' >.envrc && echo '{}' >.vscode/tasks.json &&
            echo '{}' >.mcp.json && echo '{}' >.claude/settings.json &&
            echo '#!/bin/sh' >.venv/bin/python && chmod 755 .venv/bin/python &&
            echo x >src/a.c && git add . && git commit -q -m one && echo lib >.git/info/exclude &&
            git init -q lib/inner && cd lib/inner && git commit -q --allow-empty -m one &&
            rm -r .git/hooks""")
        self.before = self.contents()

    def as_owner(self, script):
        return subprocess.run(
            as_user(self.uid, ["sh", "-ec", script]), cwd=self.folder, capture_output=True,
            text=True, env={
                "PATH": PATH, "HOME": str(self.root), "GIT_AUTHOR_NAME": "a",
                "GIT_AUTHOR_EMAIL": "a@a", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@a"})

    def contents(self):
        """What is executed, as it stands."""
        paths = [".envrc", ".vscode/tasks.json", ".mcp.json", ".claude/settings.json",
                 ".venv/bin/python", ".git/config"]
        return {path: (self.folder / path).read_bytes() if (self.folder / path).exists() else None
                for path in paths}

    def at_work(self):
        """What the owner does next; True when it runs something of the sandbox's."""
        self.as_owner("git status; git add -A; git commit --allow-empty -m two; git log; git diff; "
                      "true")
        self.as_owner("cd lib/inner; git status; git commit --allow-empty -m two")
        self.as_owner(". ./.envrc")
        self.as_owner(".venv/bin/python; true")
        return self.marker.exists() or self.contents() != self.before

    def files(self):
        return sorted(str(p.relative_to(self.folder)) for p in self.folder.rglob("*")
                      if ".git/" not in str(p))


@pytest.fixture
def project():
    found = Project()
    yield found
    shutil.rmtree(found.root, ignore_errors=True)


@pytest.fixture
def live(start_place, project):
    place = start_place("--workspace", str(project.folder))
    place.project = project
    return place


def hook(project, to):
    return HOOK.format(marker=project.marker, to=to)


ATTACKS = {
    "a hook": "{hook:.git/hooks/post-commit}",
    "a hook by the host's path": "{hook:{folder}/.git/hooks/post-commit}",
    "a hook by a link": "ln -s .git/hooks h; {hook:h/post-commit}",
    "hooks moved": "mv .git/hooks .git/h; mkdir .git/hooks; {hook:.git/hooks/post-commit}",
    "git moved": "mv .git .g; cp -r .g .git; {hook:.git/hooks/post-commit}",
    "git moved by the host's path": "cd {folder}; mv .git .g; cp -r .g .git; "
                                    "{hook:.git/hooks/post-commit}",
    "git removed": "rm -rf .git; git init -q .; {hook:.git/hooks/post-commit}",
    "git replaced by a link": "cp -r .git g; mv .git o; ln -s g .git; {hook:g/hooks/post-commit}",
    "git replaced by a file": "cp -r .git g; rm -rf .git; echo gitdir: g >.git; "
                              "{hook:g/hooks/post-commit}",
    "git exchanged": "cp -r .git g; {hook:g/hooks/post-commit}; python3 -c 'import ctypes; "
                     "ctypes.CDLL(None).syscall(316, -100, b\".git\", -100, b\"g\", 2)'",
    "the whole folder moved": "cd /; mv {folder} {folder}2; cp -r {folder}2 {folder}; "
                              "{hook:{folder}/.git/hooks/post-commit}",
    "hooks elsewhere": "mkdir e; {hook:e/post-commit}; git config core.hooksPath e",
    "a monitor": "{hook:m}; git config core.fsmonitor ./m; git config core.pager ./m; "
                 "git config alias.status '!./m'",
    "config appended": "{hook:m}; printf '[core]\\n\\tfsmonitor = ./m\\n' >>.git/config",
    "config replaced": "{hook:m}; (cat .git/config; printf '[core]\\n\\tfsmonitor = ./m\\n') >c; "
                       "mv -f c .git/config",
    "config linked": "{hook:m}; ln .git/config c; printf '[core]\\n\\tfsmonitor = ./m\\n' >>c",
    "a common directory": "mkdir e; cp -r .git/objects .git/refs .git/config .git/HEAD e; "
                          "{hook:e/hooks/post-commit}; echo ../e >.git/commondir",
    "a common directory moved in": "mkdir e; cp -r .git/objects .git/refs .git/config .git/HEAD e; "
                                   "{hook:e/hooks/post-commit}; echo ../e >c; "
                                   "rm -f .git/commondir; mv -f c .git/commondir; "
                                   "ln -f c .git/commondir",
    "a repository further down": "mkdir -p lib/inner/.git/hooks; "
                                 "{hook:lib/inner/.git/hooks/post-commit}",
    "config further down": "{hook:lib/m}; printf '[core]\n\tfsmonitor = ../m\n' "
                           ">>lib/inner/.git/config",
    "a folder further down moved": "mv lib l; cp -r l lib; mkdir -p lib/inner/.git/hooks; "
                                   "{hook:lib/inner/.git/hooks/post-commit}",
    "an environment": "echo 'touch {marker}' >>.envrc",
    "an environment replaced": "echo 'touch {marker}' >e; mv -f e .envrc; rm -f .envrc; cp e .envrc",
    "tasks": "echo '{{\"x\": 1}}' >.vscode/tasks.json",
    "tasks moved": "mv .vscode v; cp -r v .vscode; echo x >.vscode/tasks.json",
    "servers": "echo '{{\"x\": 1}}' >.mcp.json",
    "settings": "echo '{{\"x\": 1}}' >.claude/settings.json; rm -rf .claude",
    "an interpreter": "{hook:.venv/bin/python}",
    "an interpreter's folder moved": "mv .venv v; cp -r v .venv; {hook:.venv/bin/python}",
    "times and modes": "chmod -R 777 .git/hooks; {hook:.git/hooks/post-commit}",
}


def script(project, text):
    text = text.replace("{folder}", str(project.folder))
    while "{hook:" in text:
        before, _, rest = text.partition("{hook:")
        to, _, rest = rest.partition("}")
        text = before + hook(project, to) + rest
    return text.replace("{marker}", str(project.marker)).replace("{{", "{").replace("}}", "}")


@pytest.mark.by_owner
@pytest.mark.parametrize("attack", ATTACKS)
def test_planting_what_runs_later(live, attack):
    said = live.run(f"({script(live.project, ATTACKS[attack])}) 2>&1")
    live.expect(live.project.at_work(), said)


@pytest.mark.by_owner
@pytest.mark.parametrize("path, content", [
    (".git/hooks/post-commit", "#!/bin/sh\ntouch {marker}\n"), (".envrc", "touch {marker}\n"),
    ("{folder}/.envrc", "touch {marker}\n"), (".vscode/tasks.json", "{}"),
    ("src/../.git/config", "[core]\n\tfsmonitor = touch {marker};\n"),
    ("l/config", "[core]\n\tfsmonitor = touch {marker};\n")])
def test_planting_by_the_file_tools(live, path, content):
    live.run("ln -s .git l")
    path = path.replace("{folder}", str(live.project.folder))
    said = live.say("file_write", path=path, permissions="0755",
                    content=content.replace("{marker}", str(live.project.marker)))
    live.expect(live.project.at_work(), said)
    said = live.say("file_replace", path=".mcp.json", edits=[{"old": "{", "new": "{\n"}])
    live.expect(live.project.contents()[".mcp.json"] != live.project.before[".mcp.json"], said)


@pytest.mark.isolated
def test_what_cannot_be_protected_is_named(live):
    info = live.call("sandbox_info")["structuredContent"]
    said = "\n".join(info["degraded"])
    for name in (".idea", ".husky", ".bashrc", "new git repositories"):
        assert name in said, said
    for name in (".git/hooks", ".git/commondir", ".envrc", ".mcp.json"):
        assert f" {name}," not in said, said


PLACEHOLDERS = (".git/commondir", ".git/config.worktree", "lib/inner/.git/hooks")


@pytest.mark.isolated
@pytest.mark.parametrize("how", ["left", "killed"])
def test_placeholders_are_there_as_long_as_the_sandbox(live, how, start_place):
    folder = live.project.folder
    live.run("true")
    assert all((folder / path).exists() for path in PLACEHOLDERS)
    if how == "left":
        assert live.client.close() == 0
    else:
        live.client.process.kill()
        live.client.process.wait()
        assert not live.project.at_work()  # what was left behind changes nothing
        again = start_place("--workspace", str(folder))
        assert again.run("git status --porcelain; git rev-parse HEAD").startswith("exit 0")
        assert again.client.close() == 0
    assert [path for path in PLACEHOLDERS if (folder / path).is_file()] == []


@pytest.mark.isolated
def test_the_last_of_two_sandboxes_takes_placeholders_away(live, start_place):
    other = start_place("--workspace", str(live.project.folder))
    live.run("true")
    other.run("true")
    assert live.client.close() == 0
    said = other.run(f"({script(live.project, ATTACKS['a common directory'])}) 2>&1")
    assert not live.project.at_work(), said
    assert other.client.close() == 0
    assert not (live.project.folder / ".git/commondir").exists()


@pytest.mark.isolated
def test_work_goes_on_and_leaves_no_traces(live):
    """Commits, branches and new files work, and nothing is left that was not made on purpose."""
    project = live.project
    before = project.files()
    assert live.run("git status --porcelain").count("\n") == 1
    live.alive()
    assert project.files() == before and project.as_owner("git status --porcelain").stdout == ""
    said = live.run("git -c user.name=s -c user.email=s@s commit -q --allow-empty -m inside && "
                    "git checkout -q -b feature && echo y >>src/a.c && "
                    "git -c user.name=s -c user.email=s@s commit -qam more && git log --oneline")
    assert said.startswith("exit 0 ") and "more" in said and "inside" in said, said
    assert live.client.close() == 0
    assert project.files() == before
    assert "more" in project.as_owner("git log --oneline").stdout
    for path in (project.folder / "src/a.c", project.folder / ".git/HEAD", project.folder):
        assert path.stat().st_uid == project.uid
    assert not project.at_work()


def test_out_of_the_workspace_by_a_link(live):
    """Links in it lead to what the sandbox sees, be they made inside or by the owner."""
    live.project.as_owner(f"ln -s {live.outside} from-outside")
    live.run(f"ln -s {live.secret} l; echo changed >l; echo changed >from-outside/new")
    live.say("file_write", path="from-outside/new2", content="x")
    live.say("file_write", path="l", content="x")
    for path in ("l", "from-outside/secret"):
        live.expect(live.token in live.say("file_read", path=path) or
                    sorted(os.listdir(live.outside)) != ["secret"], path)
    for path in (f"{live.project.folder}/../marker", "../marker"):
        live.say("file_write", path=path, content="x")
    live.expect(live.project.marker.exists())


def test_set_id_files_in_it(live):
    said = live.run("cp /usr/bin/id i; chmod 4755 i; chmod 2755 i; install -m 6755 /usr/bin/id j; "
                    "chmod g+s src")
    found = [p for p in live.project.folder.rglob("*")
             if p.lstat().st_mode & (stat.S_ISUID | stat.S_ISGID)]
    live.expect(bool(found), said)


@pytest.mark.isolated
@pytest.mark.parametrize("option", ["--workspace", "--mount"])
def test_folders_that_are_refused(where, reachable_binary, project, option):
    """Those that hold everything, and without being asked for, those of root."""
    uid = 0 if where[1] == "root" and os.geteuid() == 0 else project.uid
    wide = ["/", str(project.root), "/home/..", str(project.root / "project/..")]
    if uid == 0 and option == "--workspace":
        wide.append("/usr/lib")
    for folder in wide:
        done = subprocess.run(
            as_user(uid, [reachable_binary, option, folder]), stdin=subprocess.DEVNULL, cwd="/",
            capture_output=True, text=True, timeout=10,
            env={"PATH": PATH, "HOME": str(project.root),
                 "SANDBOX_MCP_STATE_DIR": os.environ["SANDBOX_MCP_STATE_DIR"]})
        assert done.returncode != 0 and option in done.stderr, (folder, done)
        assert "refused" in done.stderr or "root" in done.stderr, done.stderr


def bound_again(live, path, seconds=10):
    """True once both places of the file are read-only mounts in the sandbox."""
    places = [f" /workspace/{path} ro,", f" {live.project.folder}/{path} ro,"]
    until = time.monotonic() + seconds
    while not all(place in live.run("cat /proc/self/mountinfo", max_bytes=49152)
                  for place in places):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.isolated
def test_what_the_owner_replaces_is_protected_again(live):
    """git writes its configuration to a new file that it renames: that detaches what is bound."""
    live.run("true")
    for n, (path, change) in enumerate([
            (".git/config", "git config user.name x"), (".git/config", "git config user.name y"),
            (".envrc", "echo 'export A=2' >new; mv new .envrc"),
            (".mcp.json", "rm .mcp.json; sleep 0.3; echo '{}' >.mcp.json"),
            ("lib/inner/.git/config", "git -C lib/inner config a.b c")]):
        assert live.project.as_owner(change).returncode == 0, change
        live.project.before = live.project.contents()
        assert bound_again(live, path), change
        said = live.run(f"echo '[x{n}]' >>{path}; rm -f {path}; mv src/a.c {path}")
        assert said.count("Read-only file system") + said.count("busy") >= 3, said
        assert live.project.contents() == live.project.before
    assert "ok" in live.run("echo ok >t; cat t; git status --porcelain")


@pytest.mark.isolated
def test_what_cannot_be_protected_again_ends_the_sandbox(live):
    live.run("sleep 1000 & disown", session_id="s")
    live.project.as_owner("mv .envrc e; ln -s e .envrc")
    until = time.monotonic() + 10
    while "has been started again" not in (said := live.run("echo here")):
        assert time.monotonic() < until, said
        time.sleep(0.1)
    assert "a protected file was replaced" in said
    live.project.before = live.project.contents()
