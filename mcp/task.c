#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "mcp/asking.h"
#include "mcp/tasks.h"

#include <stdio.h>
#include <string.h>

static struct server_call *call_of(const struct tool_call *call)
{
    return list_of(call, struct server_call, tool);
}

bool task_possible(const struct tool_call *call)
{
    struct server_call *c = call_of(call);
    struct tasks *ts = c->conn->srv->tasks;

    return ts && call->def && (call->client & CLIENT_TASKS) && !c->task &&
           tasks_room(ts, call->principal);
}

/* ---- a new one ---- */

static char *copy(const char *s, bool *failed)
{
    char *p = s ? strdup(s) : NULL;

    *failed |= s && !p;
    return p;
}

static struct task *task_new(struct server_call *c, const char *handle)
{
    struct task *t = calloc(1, sizeof(*t));
    bool failed = false;

    if (!t)
        return NULL;
    t->refs = 1;
    t->call = c;
    t->conn = c->conn;
    buf_init(&t->outcome, SERVER_REPLY_MAX);
    id_make("task", t->r.id);
    memcpy(t->r.server, c->conn->srv->tasks->server, sizeof(t->r.server));
    sha256_hex(c->tool.principal, strlen(c->tool.principal), t->r.owner);
    t->r.created_ms = t->r.updated_ms = clock_wall_ms();
    t->principal = copy(c->tool.principal, &failed);
    t->r.tool = copy(c->tool.def->name, &failed);
    t->r.handle = copy(handle, &failed);
    t->r.sandbox = copy(c->tool.sandbox, &failed);
    snprintf(t->r.message, sizeof(t->r.message), "%.200s", handle ? handle : "");
    if (!failed)
        return t;
    task_unref(c->conn->srv->tasks, t);
    return NULL;
}

static int write_answer(struct server_call *c, const struct task *t, struct buf *out,
                        struct err *err)
{
    if (buf_addf(out, err, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"resultType\":\"task\",",
                 c->id.data) ||
        task_add_members(out, &t->r, NULL, 0, err))
        return -1;
    return buf_addf(out, err, ",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":%s}}}",
                    c->conn->srv->info.data);
}

/* The connection has nothing to do with the call any more; false when it ended the call before. */
static bool detach(struct server_call *c)
{
    struct server *srv = c->conn->srv;
    bool running;

    pthread_mutex_lock(&srv->lock);
    running = call_state(&c->call) == CALL_RUNNING;
    if (running)
        list_remove(&c->link);
    pthread_mutex_unlock(&srv->lock);
    return running;
}

static void sink_nothing(struct reply_sink *sink UNUSED, const char *json UNUSED, size_t len UNUSED)
{
}

static void sink_no_answer(struct reply_sink *sink UNUSED, int http_status UNUSED,
                           const char *json UNUSED, size_t len UNUSED)
{
}

static struct reply_sink nobody = { .notify = sink_nothing, .finish = sink_no_answer };

static void progress(struct call *call, double elapsed_s UNUSED, const char *message, size_t len)
{
    struct server_call *c = list_of(call, struct server_call, call);

    task_status(&c->tool, message, message ? len : 0);
}

int task_begin(struct tool_call *call, const char *handle, struct err *err)
{
    struct server_call *c = call_of(call);
    AUTO(buf) struct buf answer = BUF_MAX(65536);
    struct tasks *ts = c->conn->srv->tasks;
    struct task *t;

    if (!task_possible(call))
        return err_set(err, ERR_UNSUPPORTED, "this call cannot become a task");
    t = task_new(c, handle);
    if (!t)
        return err_oom(err);
    if (write_answer(c, t, &answer, err) || task_file_write(ts, &t->r, err)) {
        task_unref(ts, t);
        return -1;
    }
    tasks_add(ts, t);
    if (!detach(c)) {
        tasks_remove(ts, t);
        task_file_remove(ts, t->r.id);
        task_unref(ts, t);
        return call_check(&c->call, err) ? -1 : err_set(err, ERR_CANCELLED, "the call was ended");
    }
    c->task = t;
    c->call.deadline_ms = 0;
    c->call.progress = progress;
    c->ask_way = task_ask;
    c->sink->finish(c->sink, 200, answer.data, answer.len);
    c->sink = &nobody;
    return 0;
}

int task_require(struct tool_call *call, struct err *err)
{
    AUTO(buf) struct buf data = BUF_MAX(1024);

    if (call->client & CLIENT_TASKS)
        return 0;
    if (buf_adds(&data, "{\"requiredCapabilities\":", err) ||
        client_add(&data, CLIENT_TASKS, err) || buf_addc(&data, '}', err))
        return -1;
    return ask_refuse(call, RPC_CAPABILITY, data.data, err,
                      "Missing required client capability: io.modelcontextprotocol/tasks");
}

/* ---- while it runs ---- */

static void say(struct task *t, const struct buf *plain)
{
    size_t room, len = plain->len;
    int n = snprintf(t->r.message, sizeof(t->r.message), "%.200s%s", t->r.handle ? t->r.handle : "",
                     t->r.handle && len ? " · " : "");

    room = sizeof(t->r.message) - 1 - (size_t)n;
    if (len > room)
        len = utf8_cut(plain->data, room);
    memcpy(t->r.message + n, buf_str(plain), len);
    t->r.message[(size_t)n + len] = '\0';
    t->r.updated_ms = clock_wall_ms();
}

void task_status(struct tool_call *call, const char *message, size_t len)
{
    struct server_call *c = call_of(call);
    AUTO(buf) struct buf plain = BUF_MAX(TASK_MESSAGE_MAX * 4);
    struct tasks *ts = c->conn->srv->tasks;
    int64_t now = clock_ms();
    struct task *t = c->task;
    bool due;

    if (!t)
        return;
    pthread_mutex_lock(&ts->lock);
    due = now - t->said_ms >= TASK_MESSAGE_SPACE_MS;
    if (due)
        t->said_ms = now;
    pthread_mutex_unlock(&ts->lock);
    if (!due)
        return;
    if (task_file_cancel_asked(ts, t->r.id))
        (void)call_end(&c->call, CALL_CANCELLED);
    if (len > TASK_MESSAGE_MAX)
        len = utf8_cut(message, TASK_MESSAGE_MAX);
    if (!len || text_add_plain(&plain, message, len, NULL, NULL))
        return;
    pthread_mutex_lock(&ts->lock);
    say(t, &plain);
    pthread_mutex_unlock(&ts->lock);
    tasks_announce(ts, t);
}

/* ---- the end ---- */

/* What the call would have answered: the value behind the id, and which of the two it is. */
static enum task_status take_answer(struct server_call *c, const struct err *failed,
                                    struct buf *out, struct err *err)
{
    static const char result[] = ",\"result\":", error[] = ",\"error\":";
    size_t at = strlen("{\"jsonrpc\":\"2.0\",\"id\":") + c->id.len, len;
    enum task_status status = TASK_COMPLETED;
    int http_status, r;
    const char *p;

    r = failed && ask_decides(c) ? ask_write(c, &http_status, err) : c->work->write(c, failed, err);
    if (r || c->out.len < at + sizeof(result) + 1)
        return TASK_FAILED;
    p = c->out.data + at;
    len = c->out.len - at - 1;
    if (!strncmp(p, error, sizeof(error) - 1)) {
        status = TASK_FAILED;
        at = sizeof(error) - 1;
    } else {
        at = sizeof(result) - 1;
    }
    return buf_add(out, p + at, len - at, err) ? TASK_FAILED : status;
}

static enum task_status make_outcome(struct server_call *c, const struct err *failed,
                                     struct buf *out)
{
    struct tasks *ts = c->conn->srv->tasks;
    struct err err = { 0 };
    enum task_status status;

    if (c->task->interrupted && failed) {
        call_reset(&c->call);
        if (!task_recover(ts, &c->tool, &c->task->r, out, &err))
            return TASK_COMPLETED;
    }
    buf_clear(out);
    status = take_answer(c, failed, out, &err);
    if (status == TASK_FAILED && !out->len) {
        struct jw w = JW(out, NULL);
        jw_obj(&w);
        jw_kint(&w, "code", RPC_INTERNAL);
        jw_kstr(&w, "message", err.msg);
        jw_end(&w);
    }
    return status;
}

/* What is in a file needs no memory. When the disk is full the outcome lives as long as we do. */
static void keep(struct tasks *ts, struct task *t, enum task_status status, struct buf *outcome)
{
    struct task_record r = t->r;
    struct err err = { 0 };
    bool in_file = ts->dir_fd >= 0;

    r.status = status;
    r.message[0] = '\0';
    r.updated_ms = clock_wall_ms();
    r.ttl_ms = 0;
    r.ttl_ms = task_ttl(&r, r.updated_ms);
    if (in_file && ((outcome->len && task_file_write_outcome(ts, r.id, outcome, &err)) ||
                    task_file_write(ts, &r, &err))) {
        log_warn("task %s: %s", r.id, err.msg);
        in_file = false;
    }
    pthread_mutex_lock(&ts->lock);
    t->r = r;
    t->in_file = in_file;
    t->bytes = outcome->len;
    t->outcome = *outcome;
    *outcome = (struct buf){ 0 };
    pthread_mutex_unlock(&ts->lock);
    tasks_announce(ts, t);
    if (!in_file)
        return;
    pthread_mutex_lock(&ts->lock);
    buf_done(&t->outcome);
    pthread_mutex_unlock(&ts->lock);
}

void task_finish(struct server_call *c, const struct err *failed)
{
    struct tasks *ts = c->conn->srv->tasks;
    struct buf outcome = BUF_MAX(SERVER_REPLY_MAX);
    struct task *t = TAKE(c->task);
    enum task_status status = TASK_CANCELLED;
    enum call_state state;

    pthread_mutex_lock(&ts->lock);
    t->call = NULL;
    state = call_state(&c->call);
    t->interrupted |= state == CALL_SHUTDOWN || state == CALL_GONE;
    pthread_mutex_unlock(&ts->lock);
    c->task = t;
    if (state != CALL_CANCELLED || t->interrupted)
        status = make_outcome(c, failed, &outcome);
    c->task = NULL;
    keep(ts, t, status, &outcome);
    buf_done(&outcome);
    task_unref(ts, t);
}
