"""The AIO Sandbox service's own Python client, agent-sandbox, against the fake.

What the fake understands and answers is thereby what that client sends and reads, not only what
our client does.
"""

import os
import time
import uuid

import pytest
from agent_sandbox import Sandbox
from agent_sandbox.core.api_error import ApiError
from agent_sandbox.errors import UnprocessableEntityError

from lib.paths import NODE_MODULES
from remote.aio_fake import start_fake

KEY = "the-key"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    env = dict(os.environ, PATH=f"{NODE_MODULES}/.bin:{os.environ['PATH']}")
    with start_fake(tmp_path_factory.mktemp("aio"), api_key=KEY, env=env) as fake:
        yield fake


@pytest.fixture
def client(running):
    yield Sandbox(base_url=running.url, headers={"X-AIO-API-Key": KEY}, timeout=30)
    assert running.violations() == []


@pytest.fixture
def folder(running):
    name = uuid.uuid4().hex
    os.mkdir(running.path(name))
    return f"/home/gem/{name}"


def test_context(client):
    context = client.sandbox.get_context()
    assert (context.success, context.home_dir, context.version) == (True, "/home/gem", "1.9.4")
    assert context.detail.system.user == "gem" and context.detail.runtime.python[0].ver
    assert any(p["name"] == "agent-sandbox" for p in client.sandbox.get_python_packages().data)


def test_credentials_are_wanted(running):
    with pytest.raises(ApiError) as caught:
        Sandbox(base_url=running.url, headers={"X-AIO-API-Key": "no"}).sandbox.get_context()
    assert caught.value.status_code == 401


def test_bash(client):
    done = client.bash.exec(command="echo $A; echo e >&2; exit 4", env={"A": "1"},
                            exec_dir="/home/gem").data
    assert (done.status, done.exit_code, done.stdout, done.stderr) == ("completed", 4, "1\n", "e\n")
    job = client.bash.exec(command="read x; echo got $x; sleep 60", async_mode=True).data
    client.bash.write(session_id=job.session_id, input="in\n")
    part = client.bash.output(session_id=job.session_id, offset=job.offset, wait=True).data
    assert (part.stdout, part.command.status) == ("got in\n", "running")
    listed = {s.session_id: s for s in client.bash.sessions().data}
    assert listed[job.session_id].command_count == 1
    client.bash.kill(session_id=job.session_id, signal="SIGKILL")
    part = client.bash.output(session_id=job.session_id, offset=part.offset, wait=True).data
    assert part.command.status == "killed"
    client.bash.close_session(job.session_id)
    with pytest.raises(ApiError) as caught:
        client.bash.output(session_id=job.session_id)
    assert caught.value.status_code == 404
    made = client.bash.create_session(session_id="mine", exec_dir="/tmp").data
    assert (made.session_id, made.working_dir, made.status) == ("mine", "/tmp", "ready")
    late = client.bash.exec(command="sleep 60", hard_timeout=0.2).data
    assert (late.status, late.exit_code) == ("timed_out", -1)


def test_shell(client):
    session = client.shell.create_session(id="sh", exec_dir="/home/gem").data.session_id
    client.shell.exec_command(id=session, command="export A=5; cd /tmp")
    done = client.shell.exec_command(id=session, command="echo $A; pwd; false").data
    assert (done.status, done.output, done.exit_code) == ("completed", "5\n/tmp", 1)
    client.shell.exec_command(id=session, command="read x; echo got $x", async_mode=True)
    time.sleep(0.2)
    client.shell.write_to_process(id=session, input="v", press_enter=True)
    assert client.shell.wait_for_process(id=session, seconds=5).data.status == "completed"
    view = client.shell.view(id=session).data
    assert "got v" in view.output and view.console[-1].command == "read x; echo got $x"
    client.shell.exec_command(id=session, command="sleep 60", async_mode=True)
    assert client.shell.list_sessions().data.sessions[session].current_command == "sleep 60"
    assert client.shell.kill_process(id=session).data.status == "terminated"
    client.shell.update_session(id=session, no_change_timeout=5)
    assert client.shell.get_session_stats().data.total_sessions >= 1
    client.shell.cleanup_session(session)
    client.shell.cleanup_all_sessions()
    assert client.shell.list_sessions().data.sessions == {}


def test_file(client, folder):
    file = f"{folder}/a.txt"
    assert client.file.write_file(file=file, content="one\ntwo\n").data.bytes_written == 8
    client.file.write_file(file=file, content="three", append=True)
    assert client.file.read_file(file=file, start_line=1).data.content == "two\nthree"
    assert client.file.replace_in_file(file=file, old_str="t", new_str="T").data.replaced_count == 2
    found = client.file.search_in_file(file=file, regex="^T").data
    assert (found.matches, found.line_numbers) == (["Two", "Three"], [2, 3])
    assert client.file.find_files(path=folder, glob="*.txt").data.files == [file]
    match = client.file.grep_files(path=folder, pattern="wo", context_before=1).data.matches[0]
    assert (match.file, match.line_number, match.context_before) == (file, 2, ["one"])
    entry = client.file.glob_files(path=folder, pattern="**/*").data.files[0]
    assert (entry.path, entry.size) == (file, 13)
    assert client.file.list_path(path=folder).data.file_count == 1
    edited = client.file.str_replace_editor(command="str_replace", path=file, old_str="one",
                                            new_str="1").data
    assert edited.error is None and edited.new_content == "1\nTwo\nThree"
    assert client.file.str_replace_editor(command="undo_edit", path=file).data.error is None
    data = os.urandom(200_000)
    sent = client.file.upload_file(file=("n.bin", data), path=f"{folder}/n.bin").data
    assert (sent.file_size, sent.file_path) == (len(data), f"{folder}/n.bin")
    assert b"".join(client.file.download_file(path=f"{folder}/n.bin")) == data


def test_failed_file_operation(client, running, folder):
    """The client up to 0.0.30 reads no error object: it knows what earlier images answer."""
    running.configure(file_errors=False)
    try:
        missing = client.file.read_file(file=f"{folder}/none")
    finally:
        running.configure(file_errors=True)
    assert missing.success is False and "No such file" in missing.message


def test_code(client):
    done = client.code.execute_code(language="python", code="x = 4\nprint('p')\nx + 1",
                                    stateful=True, session_id="c").data
    assert (done.status, done.stdout, done.session_id) == ("ok", "p\n", "c")
    assert done.outputs[-1]["data"]["text/plain"] == "5"
    again = client.code.execute_code(language="python", code="x", stateful=True, session_id="c")
    assert again.data.outputs[0]["data"]["text/plain"] == "4"
    failed = client.code.execute_code(language="javascript", code="throw new Error('bad')").data
    assert (failed.status, failed.exit_code) == ("error", 1) and failed.traceback
    assert {i.language for i in client.code.get_info().data.languages} == {"python", "javascript"}


def test_jupyter(client):
    session = client.jupyter.create_session(session_id="j").data.session_id
    done = client.jupyter.execute_code(code="print('a')\n[1]", session_id=session).data
    assert [o.output_type for o in done.outputs] == ["stream", "execute_result"]
    done = client.jupyter.execute_code(code="1/0", session_id=session, timeout=5).data
    assert (done.status, done.outputs[0].ename) == ("error", "ZeroDivisionError")
    assert "j" in client.jupyter.list_sessions().data.sessions
    assert client.jupyter.get_info().data.active_sessions >= 1
    client.jupyter.delete_session("j")
    client.jupyter.delete_sessions()
    assert client.jupyter.list_sessions().data.sessions == {}


def test_nodejs(client):
    done = client.nodejs.execute_code(code="console.log('o'); console.error('e')").data
    assert (done.stdout, done.stderr, done.exit_code) == ("o\n", "e\n", 0)
    session = client.nodejs.create_session(session_id="n", max_idle_time=60).data.session
    assert (session.max_idle_time, session.state) == (60000, "IDLE")
    client.nodejs.execute_code(code="const k = 2", stateful=True, session_id="n")
    done = client.nodejs.execute_code(code="k * 2", stateful=True, session_id="n").data
    assert done.outputs[0].data["text/plain"] == "4"
    assert client.nodejs.update_session("n", max_idle_time=90).data.session.max_idle_time == 90000
    assert set(client.nodejs.list_sessions().data.sessions) == {"n"}
    assert client.nodejs.get_session("n").data.session.session_id == "n"
    assert client.nodejs.delete_session("n").data.deleted is True
    assert client.nodejs.get_info().data.node_version.startswith("v")


def test_validation_reaches_the_client(running):
    client = Sandbox(base_url=running.url, headers={"X-AIO-API-Key": KEY})
    with pytest.raises(UnprocessableEntityError):
        client.code.execute_code(language="python", code="1", timeout=301)
    running.clear("violations")
