"""The official Python SDK, in both eras and over both transports."""

import json
import os
import subprocess
import sys

import pytest

from conform.checks import Checks
from lib import protocol
from lib.paths import ROOT

CALL = """
import json, sys
from conform.clients import python_http, python_stdio
transport, mode, target, command = json.loads(sys.argv[1])
if transport == "stdio":
    client = python_stdio(target, [], mode)
else:
    client = python_http(type("Server", (), target), mode)
client.call("terminal_execute", command=command)
"""


@pytest.mark.parametrize("era", ["modern", "legacy"])
@pytest.mark.parametrize("transport", ["stdio", "http"])
class TestPythonSdk(Checks):
    @pytest.fixture
    def mode(self, era):
        return {"modern": "auto", "legacy": "legacy"}[era]

    @pytest.fixture
    def client(self, connect, transport, mode):
        return connect("python", transport, mode=mode)

    @pytest.fixture
    def expected_version(self, era):
        return {"modern": protocol.MODERN, "legacy": protocol.LEGACY}[era]

    @pytest.fixture
    def other(self, client, binary, transport, mode):
        """other(command): one more client, a process that calls it."""
        target = binary if transport == "stdio" else {
            "url": client.http.url, "token": client.http.token}

        path = os.pathsep.join([str(ROOT / "tests"), *filter(None, sys.path)])

        def start(command):
            return subprocess.Popen(
                [sys.executable, "-c", CALL, json.dumps([transport, mode, target, command])],
                env=dict(os.environ, PYTHONPATH=path))

        return start
