"""Servers for the clients of clients.py."""

import pytest

pytest.register_assert_rewrite("conform.checks", "conform.clients", "conform.session")

from conform.clients import NodeClient, python_http, python_stdio  # noqa: E402


@pytest.fixture
def connect(binary, state_dir, start_server, tmp_path):
    """
    connect(sdk, transport, *server_args, mode="auto"): a client of "python", "v1" or "v2" (the two
    TypeScript SDKs), connected over "stdio" or "http" to a server with those options. Clients of
    one `server` (keyword) share it; other keywords are options of the Python SDK's Client.
    """
    clients, log = [], open(tmp_path / "stderr", "w+")

    def one(sdk, transport, *args, mode="auto", server=None, **options):
        if transport == "http":
            server = server or start_server(*args)
            client = python_http(server, mode, **options) if sdk == "python" else NodeClient(
                {"sdk": sdk, "mode": mode, "url": server.url, "token": server.token}, tmp_path, log)
            client.http = server
        elif sdk == "python":
            client = python_stdio(binary, args, mode, log, **options)
        else:
            client = NodeClient(
                {"sdk": sdk, "mode": mode, "command": binary, "args": [*map(str, args)],
                 "env": {"SANDBOX_MCP_STATE_DIR": str(state_dir)}}, tmp_path, log)
        clients.append(client)
        return client

    yield one
    failures = []
    for client in reversed(clients):
        try:
            client.close()
        except Exception as e:
            failures.append(repr(e))
    log.seek(0)
    if said := log.read():
        print("stderr of the servers:\n" + said)
    log.close()
    assert not failures, failures
