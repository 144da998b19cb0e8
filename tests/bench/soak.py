#!/usr/bin/env python3
"""32 agents for ten minutes, each with a sandbox, a shell session, contexts, terminals and watches.

tests/bench/soak.py SERVER [AGENTS [SECONDS]]

Prints a line for each tenth of the time; exit status 1 when a call failed, when the server's memory
or descriptors grew between the third sample and the last, or when anything was left behind.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib import agents, processes  # noqa: E402
from lib.server import Server  # noqa: E402


def main():
    binary = os.path.abspath(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 32
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 600
    state = Path(tempfile.mkdtemp(prefix="soak-", dir="/var/tmp"))
    state.chmod(0o711)
    server = Server(binary, "--toolsets", "all", "--state-dir", state / "state")
    faults = []
    try:
        workers, samples = agents.work(
            server, state, count, seconds, 0.2, lambda one: print(one, flush=True))
        faults += [fault for worker in workers for fault in worker.failed]
        third, last = samples[2], samples[-1]
        if last["memory_kb"] > third["memory_kb"] * 1.25 + 2048:
            faults.append(f"memory grew from {third['memory_kb']} to {last['memory_kb']} kB")
        if last["descriptors"] > third["descriptors"] * 1.25 + 64:
            faults.append("descriptors grew")
        below = processes.descendants(server.pid)
    finally:
        server.close()
        shutil.rmtree(state, ignore_errors=True)
    processes.assert_gone(below, 10)
    print(f"{sum(worker.calls for worker in workers)} calls, {len(faults)} faults")
    print("\n".join(faults[:20]))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
