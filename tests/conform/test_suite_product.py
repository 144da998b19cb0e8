"""
The same suite against the shipped program. What it lacks by its nature (the suite's own tools,
resources and prompts) is listed in expected-*.yml, check by check; whatever else fails is a fault,
and so is a line there that is not true any more.
"""

import pytest

from conform import suite
from lib.server import Server


@pytest.fixture(scope="module")
def url(binary, tmp_path_factory):
    server = Server(binary, "--backend", "fake", "--no-auth", token=None,
                    env=suite.clean_env(tmp_path_factory.mktemp("state")))
    yield server.url
    assert server.close() == 0, server.stderr


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
def test_requirements(url, tmp_path, revision):
    expected = suite.HERE / f"expected-{revision}.yml"
    run = suite.run(suite.NEW, url, tmp_path, "--requirements", revision,
                    "--expected-failures", str(expected))
    assert run.status == 0, run.output[-6000:]
    assert len(run.checks) == len(
        suite.LEGACY + suite.LEGACY_UNSCORED if revision == "2025-11-25"
        else suite.MODERN + suite.MODERN_UNSCORED)
