/*
 * A server whose tools become tasks, and its client. JSON is written with ' for ".
 *
 * Tools: slow (a task until released), broken (fails then), talks (says lines), maybe (says
 * whether it could become one), asks (two questions at once, then one more).
 */
#ifndef TESTS_UNIT_TASK_FIXTURE_H
#define TESTS_UNIT_TASK_FIXTURE_H

#include "base/clock.h"
#include "mcp/ask.h"
#include "mcp/server.h"
#include "mcp/task.h"
#include "tests/unit/check.h"

#include <pthread.h>

#include <poll.h>

#define META(capabilities)                                \
    "'_meta':{'io.modelcontextprotocol/protocolVersion':" \
    "'2026-07-28','io.modelcontextprotocol/clientCapabilities':{" capabilities "}}"
#define META_MODERN META("")
#define META_TASKS META("'elicitation':{},'extensions':{'io.modelcontextprotocol/tasks':{}}")

struct tasked {
    struct server *srv;
    struct server_conn *conn;
    char created[4096];
    int status;
};

static _Atomic bool released;

/* ---- tools ---- */

static int wait_for_release(struct tool_call *call, struct err *err)
{
    while (!released) {
        struct pollfd p = { .fd = call->call->event_fd, .events = POLLIN };
        task_status(call, NULL, 0);
        (void)poll(&p, 1, 10);
        if (call_check(call->call, err))
            return -1;
    }
    return 0;
}

static int run_slow(struct tool_call *call, const void *args UNUSED, struct err *err)
{
    if (task_possible(call) && task_begin(call, "h1", err))
        return -1;
    return wait_for_release(call, err) || tool_text(call, "slow is over", 12, err) ? -1 : 0;
}

static int run_broken(struct tool_call *call, const void *args, struct err *err)
{
    return run_slow(call, args, err) ? -1 : err_set(err, ERR_BUSY, "told to fail");
}

static int run_talks(struct tool_call *call, const void *args UNUSED, struct err *err)
{
    if (task_begin(call, "h1", err))
        return -1;
    for (int i = 1; !released; i++) {
        char line[64];
        int n = snprintf(line, sizeof(line), "line %d\033[1m", i);
        task_status(call, line, (size_t)n);
        if (call->call->progress && i == 2)
            call->call->progress(call->call, 1, "too soon", 8);
        (void)poll(NULL, 0, 5);
        if (call_check(call->call, err))
            return -1;
    }
    return 0;
}

static int run_maybe(struct tool_call *call, const void *args UNUSED, struct err *err)
{
    return task_possible(call) ? tool_text(call, "possible", 8, err)
                               : tool_text(call, "not possible", 12, err);
}

static int run_asks(struct tool_call *call, const void *args UNUSED, struct err *err)
{
    static const char form[] =
        "{\"mode\":\"form\",\"message\":\"ok?\",\"requestedSchema\":{\"type\":\"object\","
        "\"properties\":{\"ok\":{\"type\":\"boolean\"}},\"required\":[\"ok\"]}}";
    const struct ask asks[] = { { .key = "first", .kind = ASK_FORM, .params = form },
                                { .key = "second", .kind = ASK_FORM, .params = form } };
    yyjson_val *answers[2], *again[1];

    if (task_begin(call, "h1", err) || ask(call, asks, 2, answers, err) ||
        ask(call, asks, 1, again, err))
        return -1;
    return tool_textf(call, err, "%s, %s, %s", ask_accepted(answers[0]) ? "yes" : "no",
                      ask_accepted(answers[1]) ? "yes" : "no",
                      ask_accepted(again[0]) ? "yes" : "no");
}

static int run_steps(struct tool_call *call, const void *args UNUSED, struct err *err)
{
    if (task_begin(call, "h1", err))
        return -1;
    tool_progress(call, 1, 2, "half");
    return wait_for_release(call, err);
}

static int run_large(struct tool_call *call, const void *args UNUSED, struct err *err)
{
    static char text[7 << 20];

    memset(text, 'x', sizeof(text));
    return task_begin(call, NULL, err) || tool_text(call, text, sizeof(text), err) ? -1 : 0;
}

static int run_refuses(struct tool_call *call, const void *args, struct err *err)
{
    if (task_require(call, err) || run_slow(call, args, err))
        return -1;
    return ask_refuse(call, -32099, "{\"why\":1}", err, "refused %d", 7);
}

#define TOOL(tool_name)                                                                    \
    {                                                                                      \
        .name = #tool_name, .title = #tool_name, .description = "does", .cls = TOOL_TEXT,  \
        .args = &no_args, .run = run_##tool_name, .input_schema = "{\"type\":\"object\"}", \
    }

static const struct arg_table no_args = { .rows = NULL, .count = 0, .struct_size = 1 };

const struct tool_def tool_defs[] = {
    TOOL(asks), TOOL(broken), TOOL(large), TOOL(maybe),      TOOL(refuses),
    TOOL(slow), TOOL(steps),  TOOL(talks), { .name = NULL },
};
const size_t tool_def_count = COUNT_OF(tool_defs) - 1;

/* ---- one answer ---- */

struct answered {
    struct reply_sink sink;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char *json;
    int status, times;
};

static void on_notify(struct reply_sink *sink UNUSED, const char *json UNUSED, size_t len UNUSED)
{
}

static void on_finish(struct reply_sink *sink, int http_status, const char *json, size_t len)
{
    struct answered *a = (struct answered *)sink;

    pthread_mutex_lock(&a->lock);
    a->json = json ? strndup(json, len) : strdup("");
    a->status = http_status;
    a->times++;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

static const char *unquoted(const char *text)
{
    static char space[65536];
    size_t i = 0;

    for (; text[i] && i < sizeof(space) - 1; i++)
        space[i] = text[i] == '\'' ? '"' : text[i];
    space[i] = '\0';
    return space;
}

/* One message and its answer, which lives until the next one. */
static const char *send_text(struct tasked *s, const char *text)
{
    static char *last;
    struct answered a = { .sink = { .notify = on_notify, .finish = on_finish } };
    struct server_call *call = NULL;
    struct timespec until;
    int r = 0;

    pthread_mutex_init(&a.lock, NULL);
    pthread_cond_init(&a.changed, NULL);
    text = unquoted(text);
    server_handle(s->srv, s->conn, text, strlen(text), NULL, &a.sink, &call);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    pthread_mutex_lock(&a.lock);
    while (!a.times && !r)
        r = pthread_cond_timedwait(&a.changed, &a.lock, &until);
    pthread_mutex_unlock(&a.lock);
    server_call_unref(call);
    CHECK_INT(a.times, 1);
    pthread_cond_destroy(&a.changed);
    pthread_mutex_destroy(&a.lock);
    free(last);
    last = a.json;
    s->status = a.status;
    return last;
}

/* ---- the client ---- */

static struct server_conn *tasked_conn(struct tasked *s, const char *principal)
{
    struct caller caller = { .principal = principal, .sandbox = "box", .scopes = SCOPE_ALL };
    struct server_conn *conn = NULL;

    CHECK(!server_conn_new(s->srv, &caller, &conn, NULL));
    return conn;
}

static struct tasked tasked_new(const struct task_config *tasks)
{
    static const struct task_config in_memory;
    struct server_config config = {
        .name = "test",
        .version = "1",
        .max_calls = 200,
        .tasks = tasks ? tasks : &in_memory,
    };
    struct tasked s = { 0 };
    struct err err = { 0 };

    released = false;
    if (server_new(&config, &s.srv, &err))
        FAIL("%s", err.msg);
    s.conn = tasked_conn(&s, "me");
    return s;
}

static void tasked_done(struct tasked *s)
{
    server_conn_close(s->conn, CALL_GONE);
    server_free(s->srv);
}

static void release(struct tasked *s UNUSED)
{
    released = true;
}

static const char *call_tool(struct tasked *s, const char *tool)
{
    char text[1024];

    snprintf(text, sizeof(text),
             "{'jsonrpc':'2.0','id':1,'method':'tools/call','params':{'name':'%s'," META_TASKS "}}",
             tool);
    return send_text(s, text);
}

/* id: at least ID_SIZE bytes. */
static void start_task(struct tasked *s, const char *tool, char *id)
{
    const char *at;

    snprintf(s->created, sizeof(s->created), "%s", call_tool(s, tool));
    at = strstr(s->created, "\"taskId\":\"");
    if (!at)
        FAIL("no task: %s", s->created);
    snprintf(id, 36, "%.31s", at + strlen("\"taskId\":\""));
}

static const char *task_request(struct tasked *s, const char *method, const char *id)
{
    char text[1024];

    snprintf(text, sizeof(text),
             "{'jsonrpc':'2.0','id':1,'method':'%s','params':{'taskId':'%s',"
             "'inputResponses':{}," META_TASKS "}}",
             method, id);
    return send_text(s, text);
}

static const char *task_get(struct tasked *s, const char *id)
{
    return task_request(s, "tasks/get", id);
}

__attribute__((unused)) static const char *task_cancel(struct tasked *s, const char *id)
{
    return task_request(s, "tasks/cancel", id);
}

__attribute__((unused)) static const char *task_update(struct tasked *s, const char *id,
                                                       const char *responses)
{
    char text[1024];

    snprintf(text, sizeof(text),
             "{'jsonrpc':'2.0','id':1,'method':'tasks/update','params':{'taskId':'%s',"
             "'inputResponses':%s," META_TASKS "}}",
             id, responses);
    return send_text(s, text);
}

/* What tasks/get says once it holds that text. */
static const char *task_await(struct tasked *s, const char *id, const char *text)
{
    int64_t until = clock_ms() + 20000;
    const char *got;

    while (!strstr(got = task_get(s, id), text)) {
        if (clock_ms() > until)
            FAIL("no %s in %.600s", text, got);
        (void)poll(NULL, 0, 10);
    }
    return got;
}

#endif
