"""
The official conformance suite against the fixture server (tests/conform/fixture), which is the
product's router and transports with the tools, resources and prompts that the suite asks for.
Each scenario is a test: all its checks must succeed.
"""

import pytest

from conform import suite
from lib.server import Server

RUNS = {
    "2025-11-25": (suite.NEW, "--requirements", "2025-11-25"),
    "2026-07-28": (suite.NEW, "--requirements", "2026-07-28"),
    "stateful": (suite.OLD, "--suite", "all"),
}
SCENARIOS = {
    "2025-11-25": suite.LEGACY + suite.LEGACY_UNSCORED,
    "2026-07-28": suite.MODERN + suite.MODERN_UNSCORED,
    "stateful": suite.STATEFUL,
}

# The suite itself has nothing in it yet.
NEVER_CHECKED = {"tasks-status-notifications"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """run(name): of RUNS, at the first time."""
    folder, done = tmp_path_factory.mktemp("suite"), {}
    server = Server(suite.FIXTURE, "--no-auth", token=None, env=suite.clean_env(folder))

    def one(name):
        if name not in done:
            place = tmp_path_factory.mktemp(name)
            program, *args = RUNS[name]
            done[name] = suite.run(program, server.url, place, *args)
        return done[name]

    yield one
    assert server.close() == 0, server.stderr


@pytest.mark.parametrize("name, scenario", [
    (name, scenario) for name, scenarios in SCENARIOS.items() for scenario in scenarios])
def test_scenario(runs, name, scenario):
    run = runs(name)
    bad = run.bad(scenario)
    assert not bad, "\n".join(bad)
    if scenario in NEVER_CHECKED:
        assert not run.counts(scenario, "SUCCESS"), "it is checked now: take it off the list"
    else:
        assert run.counts(scenario, "SUCCESS")
        assert not run.counts(scenario, "SKIPPED"), run.checks[scenario]


@pytest.mark.parametrize("name", RUNS)
def test_nothing_else_was_run(runs, name):
    assert set(runs(name).checks) == set(SCENARIOS[name])
