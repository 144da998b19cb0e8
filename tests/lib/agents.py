"""Many agents at once on one server, each with a sandbox of its own, and what they leave behind."""

import os
import random
import threading
import time

from lib import processes, protocol

PY = "import hashlib\nd = {}\nd[%d] = hashlib.sha256(b'%d').hexdigest()\nlen(d)"


def memory_kb(pid):
    """Proportional set size of one process; 0: it has gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
    except OSError:
        return 0


def files_below(path):
    return sum(len(names) for _, _, names in os.walk(path))


class Agent(threading.Thread):
    """Works until told to stop; `failed` is what went wrong, `calls` how many were answered."""

    def __init__(self, server, number, seed, pause_s):
        super().__init__(daemon=True)
        self.server, self.number, self.pause_s = server, number, pause_s
        self.random, self.calls, self.failed = random.Random(f"{seed}-{number}"), 0, []
        self.stop = threading.Event()
        self.turn = 0

    def call(self, tool, **arguments):
        self.calls += 1
        message = protocol.request(self.calls, "tools/call", {"name": tool, "arguments": arguments})
        answer = self.server.post(message, 120, **{"X-Sandbox": f"agent-{self.number}"})
        result = answer.messages[-1]["result"]
        text = "\n".join(part.get("text", "") for part in result["content"])
        assert not result.get("isError"), f"{tool} {arguments}: {text[:400]}"
        return text, result

    def commands(self):
        self.turn += 1
        text, _ = self.call("terminal_execute", command=f"n=$((n+1)); echo turn $n",
                            session_id="work")
        assert "turn " in text

    def background(self):
        _, result = self.call("terminal_execute", command="(sleep 300 &) ; yes | head -c 300000; sleep 300",
                              yield_s=0.2)
        process = result["_meta"]["sandbox-mcp/process_id"]
        self.call("terminal_output", process_id=process, tail=3)
        self.call("terminal_kill", id=process, grace_s=0)

    def files(self):
        name = f"dir/file{self.random.randrange(20)}.txt"
        self.call("file_write", path=name, content=f"hello {self.number}\n" * 50)
        self.call("file_replace", path=name, edits=[{"old": "hello", "new": "bye", "count": 0}])
        text, _ = self.call("file_read", path=name, limit=3)
        assert f"bye {self.number}" in text
        self.call("file_search", pattern="bye", path="dir")

    def cells(self):
        n = self.random.randrange(1000)
        text, _ = self.call("code_execute", code=PY % (n, n))
        assert "1" in text

    def fresh_cell(self):
        self.call("code_execute", code="6*7", context_id="new",
                  language=self.random.choice(["python", "javascript"]))

    def large_output(self):
        text, _ = self.call("terminal_execute", command="yes abcdefgh | head -c 2000000",
                            max_bytes=2000)
        assert "stdout 2" in text

    def terminal(self):
        self.call("terminal_session", action="open", session_id="pty", cols=80, rows=24)
        text, _ = self.call("terminal_session", action="send", session_id="pty",
                            text="echo $((40+2))", keys=["Enter"], wait_for="42")
        assert "42" in text
        self.call("terminal_session", action="close", session_id="pty")

    def context(self):
        _, result = self.call("code_context", action="create", language="python")
        context = result["structuredContent"]["contexts"][0]["context_id"]
        self.call("code_execute", code="x = 1", context_id=context)
        self.call("code_context", action="restart", context_id=context)
        self.call("code_context", action="delete", context_id=context)

    def watch(self):
        _, result = self.call("file_watch", action="start", path=".")
        watch = result["structuredContent"]["watch_id"]
        self.call("file_write", path="seen.txt", content=str(self.turn))
        self.call("file_watch", action="poll", watch_id=watch, wait_s=5)
        self.call("file_watch", action="stop", watch_id=watch)

    def run(self):
        work = [self.commands, self.background, self.files, self.cells, self.fresh_cell,
                self.large_output, self.terminal, self.context, self.watch]
        while not self.stop.is_set():
            self.stop.wait(self.random.random() * 2 * self.pause_s)
            try:
                self.random.choice(work)()
            except Exception as e:  # told with the others at the end
                self.failed.append(f"agent {self.number}: {type(e).__name__}: {e}"[:600])
                if len(self.failed) > 3:
                    return


def sample(server, state):
    below = processes.descendants(server.pid)
    return {"memory_kb": memory_kb(server.pid), "descriptors": len(processes.descriptors(server.pid)),
            "processes": len(below), "files": files_below(state),
            "threads": len(os.listdir(f"/proc/{server.pid}/task"))}


def work(server, state, count, seconds, pause_s=0, told=None):
    """
    The agents, when all have stopped, and a sample of the server for each tenth of the time. They
    think for pause_s between two pieces of work, on average.
    """
    seed = random.randrange(1 << 30)
    agents = [Agent(server, n, seed, pause_s) for n in range(count)]
    for agent in agents:
        agent.start()
    samples, step = [], seconds / 10
    for _ in range(10):
        time.sleep(step)
        samples.append(sample(server, state) | {"calls": sum(agent.calls for agent in agents)})
        if told:
            told(samples[-1])
    for agent in agents:
        agent.stop.set()
    for agent in agents:
        agent.join(180)
        assert not agent.is_alive(), f"agent {agent.number} hangs"
    return agents, samples
