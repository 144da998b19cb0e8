"""--confirm with the official Python SDK: a user who is asked, in both eras and over both transports."""

import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

import pytest
from mcp_types import ElicitResult, ErrorData

from conform.clients import Cancelled, RpcError, wait_until


class User:
    """What the client's person says: set .says, read .asked (messages) and .forms."""

    def __init__(self, says=None):
        self.says, self.asked, self.forms = says, [], []

    async def __call__(self, context, params):
        self.asked.append(params.message)
        self.forms.append(params.requested_schema)
        return self.says


YES = ElicitResult(action="accept", content={"proceed": True})
NO = ElicitResult(action="accept", content={"proceed": False})
DECLINE = ElicitResult(action="decline")
CANCEL = ElicitResult(action="cancel")


@pytest.fixture
def project():
    """A live directory; of an ordinary user, when root runs the tests."""
    path = Path(tempfile.mkdtemp(prefix="smcp-ws-", dir="/var/tmp"))
    (path / "old").write_text("as it was\n")
    if os.geteuid() == 0:
        for at in path, path / "old":
            os.chown(at, 12345, 12345)
    yield path
    shutil.rmtree(path)


@pytest.fixture(params=["modern", "legacy"])
def mode(request):
    return {"modern": "auto", "legacy": "legacy"}[request.param]


@pytest.fixture(params=["stdio", "http"])
def transport(request):
    return request.param


@pytest.fixture
def user():
    return User()


@pytest.fixture
def client(connect, transport, mode, project, user):
    return connect("python", transport, "--confirm", "--workspace", project, mode=mode,
                   elicitation_callback=user)


def test_yes_lets_it_act_once(client, user, project):
    user.says = YES
    client.text("terminal_execute", command="rm old; echo gone >new\necho second")
    assert not (project / "old").exists() and (project / "new").read_text() == "gone\n"
    assert user.asked == ["terminal_execute: rm old; echo gone >new (and 1 more lines)\n"
                          f"It can change or delete what is in {project}. Let it go on?"]
    assert user.forms[0]["properties"]["proceed"]["type"] == "boolean"
    client.text("file_write", path="a.txt", content="x")
    assert len(user.asked) == 2 and user.asked[1].startswith("file_write: a.txt\n")


@pytest.mark.parametrize("says, told", [
    (NO, "denied: the user refused to let terminal_execute act on"),
    (DECLINE, "denied: the user refused to let terminal_execute act on"),
    (CANCEL, "denied: the user did not say whether terminal_execute may act on"),
], ids=["no", "decline", "cancel"])
def test_anything_else_does_not(client, user, project, says, told):
    user.says = says
    error = client.error("terminal_execute", command="rm old")
    assert error.startswith(told) and "Next: " in error
    assert (project / "old").read_text() == "as it was\n"
    assert len(user.asked) == 1


def test_what_only_reads_is_not_asked_about(client, user):
    assert "as it was" in client.text("file_read", path="old")
    client.text("file_list")
    client.text("file_replace", path="old", edits=[{"old": "was", "new": "is"}],
                dry_run=True)
    assert user.asked == []


def test_a_client_that_cannot_ask_is_told(connect, transport, mode, project):
    client = connect("python", transport, "--confirm", "--workspace", project, mode=mode)
    if mode == "legacy":
        error = client.error("terminal_execute", command="rm old")
        assert error.startswith("not_supported: terminal_execute acts on") and "elicitation" in error
    else:
        with pytest.raises(RpcError, match="acts on .* elicitation"):
            client.call("terminal_execute", command="rm old")
    assert (project / "old").exists()


def test_an_error_of_the_client_is_no_yes(client, user, project, mode):
    user.says = ErrorData(code=-1, message="nobody is here")
    if mode == "legacy":
        assert "nobody is here" in client.error("terminal_execute", command="rm old")
    else:
        with pytest.raises(RpcError, match="nobody is here"):
            client.call("terminal_execute", command="rm old")
    assert (project / "old").exists()


@pytest.mark.parametrize("content", [{}, {"proceed": "yes"}, {"proceed": 1}, None], ids=repr)
def test_a_wrong_answer_is_no_yes(client, user, project, mode, content):
    user.says = ElicitResult(action="accept", content=content)
    if mode == "legacy":
        assert client.error("terminal_execute", command="rm old").startswith("invalid_argument: ")
    else:
        with pytest.raises(Exception, match="rounds"):
            client.call("terminal_execute", command="rm old")
        assert len(user.asked) == 10
    assert (project / "old").exists()


def test_a_client_that_leaves_while_asked_leaves_nothing(connect, transport, mode, project):
    """The call is given up, and what the server held for it is let go."""
    import anyio
    reached = threading.Event()

    async def never(context, params):
        reached.set()
        await anyio.sleep_forever()

    client = connect("python", transport, "--confirm", "--workspace", project, mode=mode,
                     elicitation_callback=never)
    pending = client.start("terminal_execute", {"command": "rm old"})
    assert reached.wait(20)
    pending.cancel()
    with pytest.raises(Cancelled):
        pending.result(20)
    assert "as it was" in client.text("file_read", path="old")
    assert (project / "old").exists()


def test_nothing_is_asked_where_nothing_is_live(connect, transport, mode, project, user):
    client = connect("python", transport, "--confirm", "--workspace", f"{project}:ro", mode=mode,
                     elicitation_callback=user)
    client.text("terminal_execute", command="echo a >~/file")
    assert user.asked == []


def test_a_slow_user_is_waited_for(connect, transport, mode, project):
    import anyio

    async def slow(context, params):
        await anyio.sleep(3)
        return YES

    client = connect("python", transport, "--confirm", "--workspace", project, mode=mode,
                     elicitation_callback=slow)
    started = time.monotonic()
    client.text("terminal_execute", command="rm old")
    assert time.monotonic() - started >= 3
    wait_until(lambda: not (project / "old").exists())
