"""A program that is run to its end."""

import os
import subprocess
from dataclasses import dataclass

import pytest


@dataclass
class Ran:
    status: int
    out: str
    err: str


@pytest.fixture
def run(binary, state_dir):
    """run(*ARGS, env={...}, cwd=None): its exit status and both outputs."""

    def one(*args, env=None, cwd=None, timeout=60):
        done = subprocess.run(
            [binary, *args], env=dict(os.environ) | (env or {}), cwd=cwd, timeout=timeout,
            stdin=subprocess.DEVNULL, capture_output=True)
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    return one
