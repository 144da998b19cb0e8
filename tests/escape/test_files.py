"""Reading and writing what belongs to the machine: by commands and by every file tool."""

import os
import stat
import time

import pytest

from escape.place import wait_until

READS = {
    "its path": "cat {secret}",
    "root of another": "cat /proc/[0-9]*/root{secret}",
    "cwd of another": "for c in /proc/[0-9]*/cwd; do cat $c/../../../../..{secret}; done",
    "dots": "cat ../../../../../../../../../../../../..{secret}",
    "a link": "ln -s {secret} l; cat l; ln -s {outside} d; cat d/secret; ls d/",
    "a hard link": "ln {secret} h && cat h; ln -P {secret} h2 && cat h2",
    "an open file of another": "cat /proc/{pid}/fd/9",
    "a copy": "cp -r {outside} copy && cat copy/secret; tar cf - {outside} | tar xf - -O",
    "the shell itself": "read x <{secret}; echo $x; . {secret}",
}


@pytest.mark.parametrize("way", READS)
def test_reading_a_file_of_the_machine(place, way):
    holder = place.start("sh", "-c", f"exec 9<{place.secret}; exec sleep 60")
    wait_until(lambda: os.path.exists(f"/proc/{holder.pid}/fd/9"))
    command = READS[way].format(secret=place.secret, outside=place.outside,
                                pid=holder.pid if place.host else "[0-9]*")
    said = place.run(f"({command}) 2>/dev/null", timeout_s=10)
    place.expect(place.token in said, said)


def test_reading_from_a_code_cell(place):
    for language, code in (("python", f"open('{place.secret}').read()"),
                           ("javascript", f"require('fs').readFileSync('{place.secret}', 'utf8')"),
                           ("bash", f"cat {place.secret}")):
        said = place.say("code_execute", language=language, code=code)
        place.expect(place.token in said, said)


PATHS = ["{secret}", "link", "folder/secret", "../../../../../../../../../../../..{secret}",
         "~/../../../../../../../../../..{secret}", "/proc/self/root{secret}", "chain",
         "folder/../{name}/secret"]


@pytest.mark.parametrize("path", PATHS)
def test_file_tools_read_what_the_sandbox_sees(place, path):
    place.run(f"ln -s {place.secret} link; ln -s {place.outside} folder; "
              "ln -s folder/secret chain2; ln -s ./chain2 chain")
    path = path.format(secret=place.secret, name=place.outside.name)
    said = place.say("file_read", path=path)
    place.expect(place.token in said, said)
    said = place.say("file_search", path=path, pattern=place.token[:20])
    place.expect(place.token in said, said)
    said = place.say("file_replace", path=path, dry_run=True,
                     edits=[{"old": place.token, "new": "x"}])
    place.expect("@@" in said, said)
    result = place.call("file_read", path=path, encoding="base64")
    place.expect(not result.get("isError"), result)


def test_folders_listed_and_searched_are_the_sandboxs(place):
    place.run(f"ln -s {place.outside} folder; ln -s / everything")
    for path in (str(place.outside), "folder", "folder/.", "everything" + str(place.outside)):
        said = place.say("file_list", path=path)
        place.expect("secret" in said.split("\n", 1)[-1], said)
        said = place.say("file_search", path=path, pattern=place.token)
        place.expect(place.token in said.split("\n", 1)[-1], said)
        said = place.say("file_search", path=path, pattern="secre*", mode="name")
        place.expect("secret" in said.split("\n", 1)[-1], said)


@pytest.mark.parametrize("path", ["{outside}/new", "link", "folder/new", "dangling",
                                  "../../../../../../../../../../..{outside}/new"])
def test_file_tools_write_only_inside(place, path):
    place.run(f"ln -s {place.secret} link; ln -s {place.outside} folder; "
              f"ln -s {place.outside}/made dangling")
    path = path.format(outside=place.outside)
    place.say("file_write", path=path, content="written from inside")
    place.say("file_replace", path=path, edits=[{"old": place.token, "new": "replaced"}])
    names = sorted(p.name for p in place.outside.iterdir())
    place.expect(names != ["secret"] or place.secret.read_text() != place.token, names)


def test_writing_elsewhere(place):
    place.run(f"cd {place.outside} && echo x >>secret; echo x >new; mkdir d; chmod 777 .; "
              f"mv secret other; touch {place.outside}/t; "
              f"echo x >/proc/self/root{place.outside}/r; ln -s {place.outside} l; echo x >l/y")
    names = sorted(p.name for p in place.outside.iterdir())
    changed = names != ["secret"] or place.secret.read_text() != place.token
    place.expect(changed or place.outside.stat().st_mode & 0o777 != 0o755, names)


SWAP = """
import os
open("plain", "w").write("harmless")
while True:
    os.symlink("{secret}", "t1"); os.rename("t1", "target")
    os.symlink("plain", "t2"); os.rename("t2", "target")
"""


def test_a_link_that_is_swapped_while_it_is_read(place):
    """The agent opens what the sandbox sees: there is no moment in which a link leads outside."""
    place.say("file_write", path="swap.py", content=SWAP.format(secret=place.secret))
    place.run("exec python3 swap.py", yield_s=0)
    wait_until(lambda: "harmless" in place.run("cat target"))
    found = tries = 0
    until = time.monotonic() + 20
    while tries < 300 or (place.host and not found and time.monotonic() < until):
        found += place.token in place.say("file_read", path="target")
        tries += 1
        if found and place.host:
            break
    place.expect(found > 0)
    for _ in range(50):
        place.say("file_write", path="target", content="swapped")
    assert place.host or place.secret.read_text() == place.token


@pytest.mark.isolated
def test_what_there_is_of_the_machine(place):
    said = place.run("ls -d /root /home/* /srv /opt /boot /sys /mnt /media /var/* /lost+found")
    shown = set(said.partition("--- stdout\n")[2].partition("--- stderr")[0].split())
    assert shown <= {"/home/user", "/var/tmp", "/var/run"}, shown
    said = place.run("cat /etc/shadow /etc/gshadow /etc/sudoers /etc/ssh/* /etc/machine-id")
    assert "stdout 0 B" in said, said
    for name in ("shadow", "gshadow", "sudoers", "machine-id"):
        assert place.say("file_read", path=f"/etc/{name}").startswith("not_found: "), name
    said = place.run("cat /proc/mounts")
    assert str(place.state_dir) not in said and str(place.outside) not in said, said
    for name in ("cmdline", "kallsyms", "keys", "timer_list", "interrupts"):
        assert "stdout 0 B" in place.run(f"cat /proc/{name}"), name
    said = place.run("head -c 10 /proc/kcore; dmesg; ls /sys /dev/mem /dev/kmsg /dev/kvm /dev/fuse")
    assert "stdout 0 B" in said, said
    said = place.run("echo x >/proc/sys/kernel/core_pattern && echo done; "
                     "echo h >/proc/sysrq-trigger && echo done")
    assert "stdout 0 B" in said, said


@pytest.mark.isolated
def test_the_system_cannot_be_changed(place):
    name = place.outside.name
    for path in ("/usr", "/usr/bin", "/etc", "/", "/dev", "/run", "/var", "/home", "/proc", "/lib",
                 "/run/sandbox-mcp"):
        said = place.run(f"touch {path}/{name} && echo made; mkdir {path}/{name}d && echo made")
        assert "made" not in said, (path, said)
        assert not os.path.lexists(f"{path}/{name}")
        said = place.say("file_write", path=f"{path}/{name}f", content="x")
        assert said.startswith(("denied: ", "not_found: ", "invalid_argument: ")), (path, said)
    said = place.run("mv /usr/bin/true /tmp; rm -f /usr/bin/env /etc/passwd; chmod 777 /etc/passwd "
                     "/usr; echo x >>/etc/passwd; echo x >/run/agent; : >/usr/bin/bash; "
                     "truncate -s 0 /etc/hosts; touch -d 2000-01-01 /etc/hosts; "
                     "test -s /etc/hosts && test -x /usr/bin/env && echo un''harmed")
    assert "unharmed" in said
    place.alive()


@pytest.mark.only("root")
@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_files_of_root_are_not_the_sandboxs(start_place, tmp_path_factory, mode):
    """Processes have a user id of their own on the machine: root's files are another's."""
    folder = tmp_path_factory.mktemp("mounted")
    for each in (folder, *folder.parents):
        if each.stat().st_uid == 0 and each.stat().st_mode & 0o77 == 0:
            each.chmod(0o711)
    path = folder / "of-root"
    path.write_text("only for root")
    path.chmod(mode)
    folder.chmod(0o755)
    place = start_place("--mount", folder)
    place.expect("only for root" in place.run(f"cat {path}"))
    place.expect("only for root" in place.say("file_read", path=str(path)))
    place.run(f"echo changed >{path}; rm -f {path}; touch {folder}/new")
    place.expect(not path.exists() or (folder / "new").exists())
    assert place.host or stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.isolated
def test_a_sandbox_does_not_see_another(start_place):
    first, second = start_place(), start_place()
    first.run(f"for d in . /tmp /dev/shm ~; do echo {first.token} >$d/of-the-first; done")
    first.run(f"exec -a {first.token} sleep 300", yield_s=0)
    said = second.run(f"grep -rs {first.token[:20]} /workspace /tmp /dev/shm /home /run /var; "
                      "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; find / -name 'of-the-*' 2>/dev/null;"
                      f"ls {first.state_dir}; ls -R /proc/[0-9]*/root/workspace",
                      env={"WITHOUT": "1"})
    said = said.replace(first.token[:20] + " /workspace", "")
    assert first.token not in said and "/of-the-first" not in said, said
