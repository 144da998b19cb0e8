// A minimal server on the official TypeScript SDK: one tool that answers "hi", stateless over HTTP,
// JSON answers. Prints its URL. NODE_MODULES names the folder with the SDK.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.env.NODE_MODULES + "/"));
const sdk = (name) => import(pathToFileURL(require.resolve("@modelcontextprotocol/sdk/" + name)));
const { McpServer } = await sdk("server/mcp.js");
const { StreamableHTTPServerTransport } = await sdk("server/streamableHttp.js");
const { z } = await import(pathToFileURL(require.resolve("zod")));

function make() {
    const server = new McpServer({ name: "sdk", version: "1" });
    server.registerTool("echo", { description: "Say it again", inputSchema: { text: z.string() } },
        async ({ text }) => ({ content: [{ type: "text", text }] }));
    return server;
}

const http = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined,
                                                          enableJsonResponse: true });
    const server = make();
    response.on("close", () => { transport.close(); server.close(); });
    await server.connect(transport);
    await transport.handleRequest(request, response, JSON.parse(Buffer.concat(chunks)));
});
http.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${http.address().port}/mcp`));
