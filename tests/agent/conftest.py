import pytest

from agent.harness import Agent, Session
from lib.processes import assert_gone, descendants


def started(host, more):
    agents = []

    def one(**options):
        agents.append(Agent(host, **options))
        return agents[-1]

    yield one
    for agent in agents:
        left = descendants(agent.pid) if agent.pid else set()
        agent.close()
        assert_gone(left)


@pytest.fixture(params=["host", "bwrap"])
def start(request):
    """start(nproc=, nofile=, egress=, env=): agents, bare and in a sandbox."""
    yield from started(request.param == "host", {})


@pytest.fixture
def start_boxed():
    """The same, in sandboxes only."""
    yield from started(False, {})


@pytest.fixture
def agent(start):
    return start()


@pytest.fixture
def boxed(start_boxed):
    return start_boxed()


@pytest.fixture
def session(agent):
    one = Session(agent)
    yield one
    one.close()
