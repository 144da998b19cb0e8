// One client of a TypeScript SDK, driven by JSON lines: requests on stdin, answers on stdout.
//
//   node client.mjs '{"sdk":"v1|v2", "modules":DIR, "mode":"auto|legacy|PIN",
//                     "command":..., "args":[...], "env":{...} | "url":..., "token":...}'
//
// First line out: {"version", "server", "instructions", "capabilities"}, or {"error"}.
// In: {"id", "op", ...}; out: {"id", "result"} or {"id", "error": {"code", "message"}}, and
// {"id", "progress"} before that. Ops: tools; ping; do {method, args} of the SDK's client; call {name, arguments, progress, timeout};
// cancel {of}, which has no answer of its own: the call it names ends with an error.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const options = JSON.parse(process.argv[2]);
const require = createRequire(options.modules + "/");
const controllers = new Map();

function v1() {
  const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
  const { StdioClientTransport } = require("@modelcontextprotocol/sdk/client/stdio.js");
  const http = require("@modelcontextprotocol/sdk/client/streamableHttp.js");
  return {
    client: new Client({ name: "sandbox-mcp-tests", version: "1" }),
    stdio: StdioClientTransport,
    http: http.StreamableHTTPClientTransport,
    call: (client, params, more) => client.callTool(params, undefined, more),
  };
}

function v2() {
  const { Client, StreamableHTTPClientTransport } = require("@modelcontextprotocol/client");
  const { StdioClientTransport } = require("@modelcontextprotocol/client/stdio");
  const mode = ["auto", "legacy"].includes(options.mode) ? options.mode : { pin: options.mode };
  const info = { name: "sandbox-mcp-tests", version: "1" };
  return {
    client: new Client(info, { versionNegotiation: { mode } }),
    stdio: StdioClientTransport,
    http: StreamableHTTPClientTransport,
    call: (client, params, more) => client.callTool(params, more),
  };
}

function say(message) {
  process.stdout.write(JSON.stringify(message) + "\n");
}

function transportOf(sdk) {
  if (!options.url) {
    const { command, args, env } = options;
    return new sdk.stdio({ command, args, env, stderr: "inherit" });
  }
  return new sdk.http(new URL(options.url), {
    requestInit: { headers: { Authorization: `Bearer ${options.token}` } },
  });
}

const ops = {
  tools: async ({ client }) => (await client.listTools()).tools,
  ping: async ({ client }) => client.ping(),
  do: async ({ client }, { method, args }) => client[method](...args),
  call: async (sdk, { id, name, arguments: args, progress, timeout }) => {
    const controller = new AbortController();
    controllers.set(id, controller);
    const more = { signal: controller.signal, timeout: timeout * 1000 };
    if (progress) more.onprogress = (at) => say({ id, progress: at });
    try {
      return await sdk.call(sdk.client, { name, arguments: args }, more);
    } finally {
      controllers.delete(id);
    }
  },
};

async function serve(sdk, request) {
  const { id, op } = request;
  if (op === "cancel") return controllers.get(request.of)?.abort("not wanted any more");
  try {
    say({ id, result: await ops[op](sdk, request) });
  } catch (e) {
    say({ id, error: { code: e.code ?? null, message: String(e.message ?? e) } });
  }
}

const sdk = options.sdk === "v1" ? v1() : v2();
const transport = transportOf(sdk);
transport.setProtocolVersion ??= (version) => void (transport.protocolVersion = version);
try {
  await sdk.client.connect(transport);
} catch (e) {
  say({ error: String(e.stack ?? e) });
  process.exit(1);
}
say({
  version: sdk.client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion ?? null,
  server: sdk.client.getServerVersion(),
  instructions: sdk.client.getInstructions(),
  capabilities: sdk.client.getServerCapabilities(),
});
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => void serve(sdk, JSON.parse(line)));
lines.on("close", async () => {
  await sdk.client.close();
  process.exit(0);
});
