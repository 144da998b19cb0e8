"""Agents that work at once, for a while: what tests/bench/soak.py does for ten minutes."""

import os

from lib import agents, processes

AGENTS, SECONDS = 6, 15


def test_agents_at_once_leave_nothing(start_server, state_dir):
    os.chmod(state_dir, 0o711)
    server = start_server("--toolsets", "all")
    workers, samples = agents.work(server, state_dir, AGENTS, SECONDS)
    assert not [fault for worker in workers for fault in worker.failed]
    assert all(worker.calls > 10 for worker in workers)
    assert samples[-1]["descriptors"] < 60 * AGENTS and samples[-1]["memory_kb"] < 64 * 1024
    below = processes.descendants(server.pid)
    server.close()
    processes.assert_gone(below, 10)
