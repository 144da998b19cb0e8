"""
`place` runs a test once for each runtime and user: "host" is the proof that the attack works,
"bwrap" that it does not get out; as root both with a root's server and with an ordinary user's.

    @pytest.mark.isolated          not with host: it would harm the machine, or be meaningless
    @pytest.mark.only("root")      only with a root's server (only("user"): an ordinary user's)
    @pytest.mark.once              with one of the users alone
    @pytest.mark.by_owner          not with host as root, whose files would not be the owner's
    @pytest.mark.options("--x")    more options of the server
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

pytest.register_assert_rewrite("escape.place")

from escape.place import USER, Place  # noqa: E402
from lib.paths import AGENT, BINARY  # noqa: E402


MARKERS = ["isolated: not without isolation", "only(user): with that user's server alone",
           "once: with one of the users alone", "by_owner: without isolation not as root",
           "options(*words): options of the server"]


def pytest_configure(config):
    for line in MARKERS:
        config.addinivalue_line("markers", line)


def pytest_generate_tests(metafunc):
    if "where" not in metafunc.fixturenames:
        return
    runtimes = ["bwrap"] if metafunc.definition.get_closest_marker("isolated") else [
        "host", "bwrap"]
    only = metafunc.definition.get_closest_marker("only")
    users = [user for user in (["root", "user"] if os.geteuid() == 0 else ["user"])
             if not only or user in only.args]
    if metafunc.definition.get_closest_marker("once"):
        users = users[:1]
    pairs = [(runtime, user) for user in users for runtime in runtimes]
    if metafunc.definition.get_closest_marker("by_owner"):
        pairs = [pair for pair in pairs if pair != ("host", "root")]
    metafunc.parametrize("where", pairs, ids=["-".join(pair) for pair in pairs])


@pytest.fixture(scope="session")
def reachable_binary():
    """A copy of the build where every user can execute it."""
    folder = Path(tempfile.mkdtemp(prefix="escape-bin-"))
    folder.chmod(0o755)
    for path in (BINARY, AGENT):
        shutil.copy2(path, folder)
    yield folder / Path(BINARY).name
    shutil.rmtree(folder)


@pytest.fixture
def start_place(reachable_binary, where, tmp_path_factory):
    """start_place(*options, before=()): places, each with a state directory of its own."""
    runtime, user = where
    uid = os.geteuid() or {"root": 0, "user": USER}[user]
    made = []

    def start(*options, **more):
        state = Path(tempfile.mkdtemp(prefix="smcp-"))
        made.append(Place(reachable_binary, runtime, uid, state, *options, **more))
        return made[-1]

    yield start
    failures = []
    for place in made:
        try:
            place.end()
        except AssertionError as e:
            failures.append(str(e))
        shutil.rmtree(place.state_dir, ignore_errors=True)
    assert not failures, "\n".join(failures)


@pytest.fixture
def place(request, start_place):
    marker = request.node.get_closest_marker("options")
    return start_place(*(marker.args if marker else ()))
