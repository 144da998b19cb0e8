/*
 * A server with a table of tools that stand for every kind: two toolsets, presets, tools that
 * read, one with a parameter that writes, one that needs more than the backend can, one with a
 * schema of its own, one with a header. ask() sends one modern message and gives its answer.
 */
#ifndef TESTS_UNIT_VIEW_FIXTURE_H
#define TESTS_UNIT_VIEW_FIXTURE_H

#include "mcp/param_header.h"
#include "mcp/server.h"
#include "tests/unit/check.h"

#include <pthread.h>
#include <stdlib.h>

struct note {
    const char *text, *save_to;
};

#define ROW(member)                                                                   \
    {                                                                                 \
        .name = #member, .type = ARG_STRING, .offset = offsetof(struct note, member), \
        .max_len = 10,                                                                \
    }

static const struct arg_row note_rows[] = { ROW(text), ROW(save_to) };
static const struct arg_table note_table = { note_rows, 2, sizeof(struct note) };
static const struct arg_table read_only_table = { note_rows, 1, sizeof(struct note) };
static const char *const text_path[] = { "text", NULL };
static const struct param_header headers[] = { { "Text", text_path }, { NULL, NULL } };

static int run_note(struct tool_call *call, const void *args, struct err *err)
{
    const struct note *a = args;
    struct buf json = { .data = (char *)(size_t) "{\"ok\":true}", .len = 11 };

    return tool_textf(call, err, "%s to %s", a->text ? a->text : "-",
                      a->save_to ? a->save_to : "-") ||
                   tool_meta_int(call, "exit_code", 3, err) || tool_structured(call, &json, err)
               ? -1
               : 0;
}

static int run_raw(struct tool_call *call, const void *args, struct err *err)
{
    AUTO_FREE char *text = yyjson_val_write((yyjson_val *)args, 0, NULL);

    return tool_text(call, text, strlen(text), err);
}

#define TOOL(tool_name, set, how, schema, ...)                                                   \
    {                                                                                            \
        .name = tool_name, .title = "T", .description = "D", .toolset = (set), .run = run_##how, \
        .args = how##_args, .input_schema = (schema), .cls = how##_class, __VA_ARGS__,           \
    }
#define PLAIN "{\"type\":\"object\"}"
#define note_args (&note_table)
#define note_class TOOL_TEXT
#define fact_args (&note_table)
#define fact_class TOOL_STRUCTURED
#define run_fact run_note
#define raw_args NULL
#define raw_class TOOL_TEXT

const struct tool_def tool_defs[] = {
    TOOL("fact", "core", fact, PLAIN, .output_schema = PLAIN, .read_only = true),
    TOOL("far", "web", note, PLAIN, .needs = 2),
    TOOL("look", "core", note, "{\"all\":1}", .input_schema_read_only = "{\"less\":1}",
         .args_read_only = &read_only_table, .read_only = true),
    TOOL("page", "web", note, PLAIN, .presets = "slim browse", .read_only = true),
    TOOL("raw", "core", raw,
         "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/n\"}},"
         "\"$defs\":{\"n\":{\"type\":\"integer\"}},\"required\":[\"a\"]}",
         .read_only = false),
    TOOL("send", "web", note, PLAIN, .presets = "browse", .param_headers = headers),
    TOOL("write", "core", note, PLAIN, .presets = "slim"),
    { .name = NULL },
};
const size_t tool_def_count = sizeof(tool_defs) / sizeof(tool_defs[0]) - 1;

/* ---- a server, and what it answers ---- */

struct kept {
    struct reply_sink sink;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char json[65536];
    int status;
    bool done;
};

static void finish(struct reply_sink *sink, int status, const char *json, size_t len)
{
    struct kept *k = (struct kept *)sink;

    pthread_mutex_lock(&k->lock);
    snprintf(k->json, sizeof(k->json), "%.*s", (int)len, json ? json : "");
    k->status = status;
    k->done = true;
    pthread_cond_signal(&k->changed);
    pthread_mutex_unlock(&k->lock);
}

static void notify(struct reply_sink *sink UNUSED, const char *json UNUSED, size_t len UNUSED)
{
}

static const struct tool_note notes[] = {
    { NULL, "Always." },
    { "fact write", " Both." },
    { "page", " Page." },
    { .text = NULL },
};

static int get_prompt(struct tool_call *call, const struct arg_map *args UNUSED, struct err *err)
{
    return prompt_text(call, PROMPT_USER, "Go.", 3, err);
}

static const struct prompt_def prompts[] = {
    { .name = "any", .description = "D", .get = get_prompt },
    { .name = "of_page", .description = "D", .tools = "page", .get = get_prompt },
    { .name = NULL },
};

UNUSED static struct server *serve(const struct view_options *options, struct err *err)
{
    struct server_config config = {
        .name = "test",
        .version = "1",
        .max_calls = 4,
        .can = 1,
        .view = *options,
        .notes = notes,
        .prompts = prompts,
    };
    struct server *srv = NULL;

    return server_new(&config, &srv, err) ? NULL : srv;
}

UNUSED static const char *ask(struct server *srv, const struct caller *caller, const char *version,
                              const char *method, const char *params,
                              const struct http_facts *facts)
{
    static struct kept k;
    struct server_conn *conn;
    char text[4096];
    struct timespec until;
    int n;

    k = (struct kept){ .sink = { .notify = notify, .finish = finish } };
    pthread_mutex_init(&k.lock, NULL);
    pthread_cond_init(&k.changed, NULL);
    n = snprintf(text, sizeof(text),
                 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":{%s%s\"_meta\":{"
                 "\"io.modelcontextprotocol/protocolVersion\":\"%s\","
                 "\"io.modelcontextprotocol/clientCapabilities\":{}}}}",
                 method, params, *params ? "," : "", version);
    CHECK(!server_conn_new(srv, caller, &conn, NULL));
    server_handle(srv, conn, text, (size_t)n, facts, &k.sink, NULL);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    pthread_mutex_lock(&k.lock);
    while (!k.done && !pthread_cond_timedwait(&k.changed, &k.lock, &until))
        ;
    pthread_mutex_unlock(&k.lock);
    CHECK(k.done);
    server_conn_close(conn, CALL_CANCELLED);
    return k.json;
}

static const struct caller everybody = { .principal = "me", .scopes = SCOPE_ALL };

#endif
