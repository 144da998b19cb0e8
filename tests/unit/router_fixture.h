/*
 * A server with tools of its own (instead of the generated ones) and a sink that keeps what it
 * gets. JSON is written with ' for ".
 *
 * Tools: echo {text} (T), fact (S), shot (I, also structured), fails, grows (more than a reply
 * may hold), needs (not listed), ticks {for_ms} (progress every 10 ms),
 * steps (progress of 0, 50, 50, 20, 100 of 100 at once), waits (until it is ended).
 */
#ifndef TESTS_UNIT_ROUTER_FIXTURE_H
#define TESTS_UNIT_ROUTER_FIXTURE_H

#include "base/clock.h"
#include "mcp/server.h"
#include "tests/unit/check.h"

#include <poll.h>
#include <pthread.h>

#define CAN_ALL 1u
#define META_MODERN                                       \
    "'_meta':{'io.modelcontextprotocol/protocolVersion':" \
    "'2026-07-28','io.modelcontextprotocol/clientCapabilities':{}}"

/* ---- tools ---- */

struct echo_args {
    const char *text;
    int64_t for_ms;
};

static const struct arg_row echo_rows[] = {
    {
        .name = "text",
        .type = ARG_STRING,
        .offset = offsetof(struct echo_args, text),
        .max_len = SERVER_MESSAGE_MAX,
    },
    {
        .name = "for_ms",
        .type = ARG_INT,
        .offset = offsetof(struct echo_args, for_ms),
        .max = 100000,
    },
};
static const struct arg_table echo_table = {
    .rows = echo_rows,
    .count = COUNT_OF(echo_rows),
    .struct_size = sizeof(struct echo_args),
};

static int run_echo(struct tool_call *call, const void *args, struct err *err)
{
    const struct echo_args *a = args;

    return tool_textf(call, err, "%s for %s in %s", a->text ? a->text : "nothing", call->principal,
                      call->sandbox ? call->sandbox : "-") ||
                   tool_meta_int(call, "n", 7, err)
               ? -1
               : 0;
}

static int run_fact(struct tool_call *call, const void *args UNUSED, struct err *err)
{
    struct buf json = { .data = (char *)(size_t) "{\"ok\":true}", .len = 11 };

    return tool_text(call, "ok", 2, err) || tool_structured(call, &json, err) ? -1 : 0;
}

static int run_shot(struct tool_call *call, const void *args, struct err *err)
{
    return run_fact(call, args, err) || tool_image(call, "image/png", "png", 3, err) ? -1 : 0;
}

static int run_fails(struct tool_call *call, const void *args, struct err *err)
{
    if (run_fact(call, args, err))
        return -1;
    err_set(err, ERR_BUSY, "told to \"fail\"");
    return err_next(err, "try again.");
}

static int run_grows(struct tool_call *call, const void *args UNUSED, struct err *err)
{
    AUTO_FREE char *text = malloc(1024 * 1024);

    memset(text, '\n', 1024 * 1024); /* two bytes each as JSON */
    for (int i = 0; i < 3; i++)
        if (tool_text(call, text, 1024 * 1024, err))
            return -1;
    return buf_addf(&call->structured, err, "{\"a\":\"%*s\"}", 4 * 1024 * 1024, "x");
}

static int run_ticks(struct tool_call *call, const void *args, struct err *err)
{
    const struct echo_args *a = args;
    int64_t start = clock_ms(), now;

    while ((now = clock_ms()) - start < a->for_ms) {
        if (call->call->progress)
            call->call->progress(call->call, (double)(now - start) / 1000, "\033[31mred\033[0m\xff",
                                 13);
        (void)poll(NULL, 0, 10);
    }
    return tool_text(call, "over", 4, err);
}

static int run_steps(struct tool_call *call, const void *args UNUSED, struct err *err)
{
    static const double steps[] = { 0, 50, 50, 20, 100 };

    for (size_t i = 0; i < COUNT_OF(steps); i++)
        tool_progress(call, steps[i], 100, i ? NULL : "begun");
    return tool_text(call, "over", 4, err);
}

static int run_waits(struct tool_call *call, const void *args UNUSED, struct err *err)
{
    struct pollfd p = { .fd = call->call->event_fd, .events = POLLIN };

    (void)poll(&p, 1, 20000);
    return call_check(call->call, err);
}

#define TOOL(tool_name, tool_class, ...)                                         \
    {                                                                            \
        .name = #tool_name, .title = "The " #tool_name, .description = "does",   \
        .cls = (tool_class), .args = &echo_table, .run = run_##tool_name,        \
        .input_schema = "{\"type\":\"object\"}", .read_only = true, __VA_ARGS__, \
    }

const struct tool_def tool_defs[] = {
    TOOL(echo, TOOL_TEXT, .open_world = true, .open_world_by_policy = true),
    TOOL(fact, TOOL_STRUCTURED, .output_schema = "{\"type\":\"object\"}"),
    TOOL(fails, TOOL_STRUCTURED, .output_schema = "{\"type\":\"object\"}"),
    TOOL(grows, TOOL_STRUCTURED, .output_schema = "{\"type\":\"object\"}"),
    { .name = "needs", .needs = 2, .run = run_echo, .args = &echo_table },
    TOOL(shot, TOOL_STRUCTURED, .output_schema = "{\"type\":\"object\"}"),
    TOOL(steps, TOOL_TEXT, .idempotent = true),
    TOOL(ticks, TOOL_TEXT, .idempotent = true),
    TOOL(waits, TOOL_TEXT, .destructive = true, .open_world = true),
    { .name = NULL },
};
const size_t tool_def_count = COUNT_OF(tool_defs) - 1;

/* ---- a sink ---- */

struct kept {
    struct reply_sink sink;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char *json; /* of the last finish; NULL: nothing */
    int status, finished;
    char notes[16][512];
    int64_t note_ms[16];
    int note_count;
};

static void kept_notify(struct reply_sink *sink, const char *json, size_t len)
{
    struct kept *k = (struct kept *)sink;

    pthread_mutex_lock(&k->lock);
    if (k->note_count < 16) {
        k->note_ms[k->note_count] = clock_ms();
        snprintf(k->notes[k->note_count++], sizeof(k->notes[0]), "%.*s", (int)len, json);
    }
    pthread_mutex_unlock(&k->lock);
}

static void kept_finish(struct reply_sink *sink, int http_status, const char *json, size_t len)
{
    struct kept *k = (struct kept *)sink;

    pthread_mutex_lock(&k->lock);
    free(k->json);
    k->json = json ? strndup(json, len) : NULL;
    k->status = http_status;
    k->finished++;
    pthread_cond_broadcast(&k->changed);
    pthread_mutex_unlock(&k->lock);
}

static void kept_init(struct kept *k)
{
    *k = (struct kept){ .sink = { .notify = kept_notify, .finish = kept_finish } };
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->changed, NULL);
}

/* The answer, or NULL for none; fails when finish() is not called `times` times in 20 s. */
static const char *kept_await(struct kept *k, int times)
{
    struct timespec until;
    int r = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    pthread_mutex_lock(&k->lock);
    while (k->finished < times && !r)
        r = pthread_cond_timedwait(&k->changed, &k->lock, &until);
    pthread_mutex_unlock(&k->lock);
    CHECK_INT(k->finished, times);
    return k->json;
}

static void kept_done(struct kept *k)
{
    free(k->json);
    pthread_cond_destroy(&k->changed);
    pthread_mutex_destroy(&k->lock);
}

/* ---- a server ---- */

static const struct server_config fixture_config = {
    .name = "test",
    .version = "1",
    .instructions = "Be \"kind\".",
    .max_calls = 8,
    .can = CAN_ALL,
};

__attribute__((unused)) static struct server *fixture_server(void)
{
    struct server *srv = NULL;
    struct err err = { 0 };

    if (server_new(&fixture_config, &srv, &err))
        FAIL("%s", err.msg);
    return srv;
}

__attribute__((unused)) static struct server_conn *fixture_conn(struct server *srv)
{
    struct server_conn *conn = NULL;

    CHECK(!server_conn_new(
        srv, &(struct caller){ .principal = "me", .sandbox = "box", .scopes = SCOPE_ALL }, &conn,
        NULL));
    return conn;
}

/* Space is reused by the next call. */
static const char *unquoted(const char *text)
{
    static char space[65536];
    size_t i = 0;

    for (; text[i] && i < sizeof(space) - 1; i++)
        space[i] = text[i] == '\'' ? '"' : text[i];
    space[i] = '\0';
    return space;
}

__attribute__((unused)) static struct server_call *
send_message(struct server *srv, struct server_conn *conn, const char *message,
             const struct http_facts *facts, struct kept *k)
{
    struct server_call *call = NULL;
    const char *text = unquoted(message);

    server_handle(srv, conn, text, strlen(text), facts, &k->sink, &call);
    return call;
}

/* One message in a connection, and its answer; "" when there is none. */
__attribute__((unused)) static const char *ask(struct server *srv, struct server_conn *conn,
                                               const char *message, const struct http_facts *facts,
                                               int *status)
{
    static char *last;
    struct kept k;

    kept_init(&k);
    server_call_unref(send_message(srv, conn, message, facts, &k));
    kept_await(&k, 1);
    if (status)
        *status = k.status;
    free(last);
    last = k.json ? strdup(k.json) : strdup("");
    kept_done(&k);
    return last;
}

#endif
