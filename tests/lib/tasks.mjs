// The official Tasks client, driven once: what each call of options.calls came to.
//
//   node tasks.mjs '{"modules":DIR, "url":..., "token":... | "command":..., "args":[...],
//                    "calls":[{"name", "arguments", "cancel":BOOL}...]}'
//
// Out, one line: [{"kind", "states":[...], "status", "result"}...] in the order of the calls, which
// run one after the other.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const options = JSON.parse(process.argv[2]);
const require = createRequire(options.modules + "/");
const found = require.resolve.paths("x")[0] + "/@modelcontextprotocol/ext-tasks/dist/client/index.js";
const { withTasks, taskViewFromExecutionEvent } = await import(pathToFileURL(found));

const VERSION = "2026-07-28";
const META = {
  "io.modelcontextprotocol/protocolVersion": VERSION,
  "io.modelcontextprotocol/clientCapabilities": {
    extensions: { "io.modelcontextprotocol/tasks": {} },
  },
};
let last = 0;

function overHttp() {
  return {
    send: async (message, signal) => {
      const headers = {
        "Content-Type": "application/json",
        Accept: "application/json, text/event-stream",
        Authorization: `Bearer ${options.token}`,
        "MCP-Protocol-Version": VERSION,
        "Mcp-Method": message.method,
        "Mcp-Name": message.params.name ?? message.params.taskId,
      };
      const body = JSON.stringify(message);
      return (await fetch(options.url, { method: "POST", headers, body, signal })).json();
    },
    end: () => {},
  };
}

function overStdio() {
  const child = spawn(options.command, options.args, { stdio: ["pipe", "pipe", "inherit"] });
  const waiting = new Map();
  createInterface({ input: child.stdout }).on("line", (line) => {
    const message = JSON.parse(line);
    waiting.get(message.id)?.(message);
  });
  return {
    send: (message) =>
      new Promise((resolve) => {
        waiting.set(message.id, resolve);
        child.stdin.write(JSON.stringify(message) + "\n");
      }),
    end: () => child.stdin.end(),
  };
}

const wire = options.url ? overHttp() : overStdio();
const port = {
  endpointId: "tests",
  taskCapabilities: { generation: "v2", capabilities: {} },
  invalidated: false,
  onServerRequest: () => () => {},
  onNotification: () => () => {},
  onInvalidated: () => () => {},
  dispatch: async (request, more) => {
    const params = { ...request.params, _meta: { ...request.params?._meta, ...META } };
    const message = { jsonrpc: "2.0", id: ++last, method: request.method, params };
    const answer = await wire.send(message, more?.signal);
    return "error" in answer
      ? { kind: "error", error: answer.error }
      : { kind: "result", result: answer.result };
  },
};

const session = withTasks(port);
const outcomes = [];
for (const call of options.calls) {
  const states = [];
  const execution = await session.callTool(call.name, call.arguments);
  if (call.cancel) await execution.cancel();
  const { outcome } = await execution.settle({
    onEvent: (event) => {
      const task = taskViewFromExecutionEvent(event);
      if (task && states.at(-1) !== task.status) states.push(task.status);
    },
  });
  outcomes.push({
    kind: execution.kind, states, status: outcome.status, result: outcome.result,
    error: outcome.error && String(outcome.error),
  });
}
await session.close();
wire.end();
process.stdout.write(JSON.stringify(outcomes) + "\n");
