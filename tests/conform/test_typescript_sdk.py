"""
The official TypeScript SDKs: version 2, which knows both eras, and version 1, which most clients
are built with. Both check structured results against the output schemas themselves.
"""

import pytest

from conform.checks import Checks
from lib import protocol

SDKS = [("v2", "modern"), ("v2", "legacy"), ("v1", "legacy")]


@pytest.mark.parametrize("sdk, era", SDKS, ids=["-".join(row) for row in SDKS])
@pytest.mark.parametrize("transport", ["stdio", "http"])
class TestTypescriptSdk(Checks):
    @pytest.fixture
    def mode(self, era):
        return {"modern": "auto", "legacy": "legacy"}[era]

    @pytest.fixture
    def client(self, connect, sdk, transport, mode):
        return connect(sdk, transport, mode=mode)

    @pytest.fixture
    def expected_version(self, era):
        return {"modern": protocol.MODERN, "legacy": protocol.LEGACY}[era]

    @pytest.fixture
    def other(self, connect, client, sdk, transport, mode):
        """other(command): one more client, a process that calls it."""

        def start(command):
            server = client.http if transport == "http" else None
            leaving = connect(sdk, transport, mode=mode, server=server)
            leaving.start("terminal_execute", {"command": command})
            return leaving.process

        return start
