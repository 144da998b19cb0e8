import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import Runner  # noqa: E402


@pytest.fixture
def start(tmp_path):
    """start(language, **options) of runners that are ended with the test."""
    running = []

    def go(language, **options):
        runner = Runner(language, str(options.pop("cwd", tmp_path)), **options)
        running.append(runner)
        return runner

    yield go
    for runner in running:
        runner.close()
