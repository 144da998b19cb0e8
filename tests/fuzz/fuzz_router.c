/*
 * The router with the real tools, resources and prompts over the scripted backend. An input is
 * lines for one connection.
 * A line that begins with '@' says in which way those after it come, until the next:
 *   @            stdio
 *   @V|M|N       HTTP with these headers (empty: absent)
 *   @V|M|N|s     the same in a session; with r instead of s, with a header repeated
 *
 * Whatever comes in, each message is finished once, and what goes out is one line of JSON.
 *
 * covers: mcp/route.c mcp/rpc.c mcp/modern.c mcp/batch.c mcp/reply.c mcp/server.c mcp/version.c
 * covers: mcp/tools_call.c mcp/inflight.c mcp/result.c mcp/lists.c mcp/tool.c
 * covers: mcp/resource_methods.c mcp/prompt_methods.c mcp/complete_methods.c
 * seeds: transcripts tests/fuzz/seeds/router
 */
#include "backend/backend.h"
#include "mcp/server.h"
#include "mcp/task.h"
#include "tools/resources.h"
#include "tools/tools.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct message {
    struct reply_sink sink;
    int finished;
};

static struct server *server;
static struct tools_context tools;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void start(void)
{
    struct backend_config backend = { 0 };
    static const struct task_config tasks;
    struct server_config config = {
        .tasks = &tasks,
        .name = "fuzz",
        .title = "Fuzz",
        .version = "1",
        .instructions = "fuzz",
        .max_calls = 32,
        .resources = &tools_resources,
        .prompts = tools_prompts,
        .logging = true,
        .tools_context = &tools,
    };

    if (backend_open("fake", &backend, &tools.backend, NULL))
        abort();
    tools.max_bytes = 48 * 1024;
    tools.default_max_bytes = 24 * 1024;
    config.can = backend_can(tools.backend) & ~(1u << OP_FILE_LIST);
    if (server_new(&config, &server, NULL))
        abort();
}

static void check_json(const char *json, size_t len)
{
    yyjson_doc *doc = yyjson_read(json, len, 0);

    if (!doc || memchr(json, '\n', len) || len > SERVER_REPLY_MAX)
        abort();
    yyjson_doc_free(doc);
}

static void notify(struct reply_sink *sink, const char *json, size_t len)
{
    check_json(json, len);
    if (((struct message *)sink)->finished)
        abort();
}

static void finish(struct reply_sink *sink, int http_status, const char *json, size_t len)
{
    struct message *m = (struct message *)sink;

    if (json)
        check_json(json, len);
    if (http_status != 200 && http_status != 202 && http_status != 400 && http_status != 404)
        abort();
    pthread_mutex_lock(&lock);
    m->finished++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static const char *header(char **rest)
{
    char *one = strsep(rest, "|");

    return one && *one ? one : NULL;
}

static void read_facts(char *line, struct http_facts *facts)
{
    const char *flag;

    *facts = (struct http_facts){ .is_http = line[1] != '\0', .scopes = SCOPE_ALL };
    if (!facts->is_http)
        return;
    line++;
    facts->protocol_version = header(&line);
    facts->method = header(&line);
    facts->name = header(&line);
    flag = header(&line);
    facts->has_session = flag && *flag == 's';
    facts->repeated = flag && *flag == 'r';
}

static void handle(struct server_conn *conn, const char *line, size_t len,
                   const struct http_facts *facts, struct message *m)
{
    struct server_call *call = NULL;

    m->sink = (struct reply_sink){ .notify = notify, .finish = finish };
    (void)server_is_initialize(line, len);
    server_handle(server, conn, line, len, facts, &m->sink, &call);
    if (call && server_call_modern(call) && server_call_streams(call) && facts->is_http)
        server_call_end(call, CALL_CANCELLED);
    server_call_unref(call);
}

static void await_all(struct message *messages, size_t n)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < n; i++) {
        while (!messages[i].finished)
            pthread_cond_wait(&changed, &lock);
        if (messages[i].finished > 1)
            abort();
    }
    pthread_mutex_unlock(&lock);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message messages[LINES_MAX] = { 0 };
    struct http_facts facts = { 0 };
    struct server_conn *conn = NULL;
    char *text = malloc(size + 1), *from = text, *end = text + size;
    size_t n = 0;

    if (!server)
        start();
    memcpy(text, data, size);
    text[size] = '\0';
    if (server_conn_new(server, &(struct caller){ .principal = "fuzz", .scopes = SCOPE_ALL }, &conn,
                        NULL))
        abort();
    while (from < end && n < LINES_MAX) {
        char *stop = memchr(from, '\n', (size_t)(end - from));
        stop = stop ? stop : end;
        if (*from == '@') {
            *stop = '\0';
            read_facts(from, &facts);
        } else {
            handle(conn, from, (size_t)(stop - from), &facts, &messages[n++]);
        }
        from = stop + 1;
    }
    (void)server_conn_version(conn);
    server_conn_close(conn, size & 1 ? CALL_CANCELLED : CALL_GONE);
    await_all(messages, n);
    free(text);
    return 0;
}
