#include "base/clock.h"
#include "mcp/tasks.h"

#include <string.h>

#define ACK_MEMBERS "\"resultType\":\"complete\""

/* ---- what every request of these needs ---- */

static int refuse_client(struct inbound *in)
{
    AUTO(buf) struct buf data = BUF_MAX(1024);

    if (buf_adds(&data, "{\"requiredCapabilities\":", NULL) ||
        client_add(&data, CLIENT_TASKS, NULL) || buf_addc(&data, '}', NULL))
        buf_clear(&data);
    reply_error(in, 400, RPC_CAPABILITY, data.len ? data.data : NULL,
                "Missing required client capability: io.modelcontextprotocol/tasks");
    return -1;
}

static const char *task_id(yyjson_val *params)
{
    yyjson_val *id = yyjson_obj_get(params, "taskId");
    const char *s = yyjson_get_str(id);

    return s && strlen(s) == yyjson_get_len(id) && id_valid("task", s) ? s : NULL;
}

static void unknown(struct inbound *in)
{
    reply_error(in, 200, RPC_PARAMS, NULL, "Unknown or expired taskId");
}

/* The id, or NULL after a refusal. */
static const char *begin(struct inbound *in)
{
    const char *id;

    if (!in->srv->tasks) {
        reply_error(in, 404, RPC_NO_METHOD, NULL, "Method not found: %.100s", in->msg.method);
        return NULL;
    }
    if (!(in->client & CLIENT_TASKS)) {
        refuse_client(in);
        return NULL;
    }
    if (!yyjson_is_str(yyjson_obj_get(in->msg.params, "taskId"))) {
        reply_error(in, 200, RPC_PARAMS, NULL, "params.taskId must be a string");
        return NULL;
    }
    id = task_id(in->msg.params);
    if (!id)
        unknown(in);
    return id;
}

static int add_end(struct buf *out, const struct server *srv, struct err *err)
{
    return buf_addf(out, err, ",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":%s}}}",
                    srv->info.data);
}

static void acknowledge(struct inbound *in)
{
    AUTO(buf) struct buf tail = BUF_MAX(65536);

    if (buf_adds(&tail, ",\"result\":{" ACK_MEMBERS, NULL) || add_end(&tail, in->srv, NULL))
        reply_error(in, 200, RPC_INTERNAL, NULL, "out of memory");
    else
        reply_tail(in, tail.data, tail.len);
}

/* ---- those in files: on a worker ---- */

/* What is known of it, with the outcome it has by now. */
static int load(struct server_call *c, const char *id, struct task_record *r, struct buf *outcome,
                struct err *err)
{
    struct tasks *ts = c->conn->srv->tasks;
    AUTO_FD int lock = -1;
    char owner[65];

    if (task_file_read(ts, id, r, err))
        return -1;
    sha256_hex(c->tool.principal, strlen(c->tool.principal), owner);
    if (strcmp(owner, r->owner) != 0)
        return err_set(err, ERR_NOT_FOUND, "somebody else's");
    if (!task_over(r->status) && !task_file_alive(ts, r)) {
        lock = task_file_lock(ts);
        task_record_done(r);
        if (task_file_read(ts, id, r, err))
            return -1;
        if (!task_over(r->status)) {
            if (task_recover(ts, &c->tool, r, outcome, err))
                return -1;
            r->status = TASK_COMPLETED;
            r->message[0] = '\0';
            r->updated_ms = clock_wall_ms();
            r->ttl_ms = task_ttl(r, r->updated_ms);
            if (!task_file_write_outcome(ts, id, outcome, NULL))
                (void)!task_file_write(ts, r, NULL);
            return 0;
        }
    }
    if (task_over(r->status) && r->created_ms + r->ttl_ms < clock_wall_ms()) {
        task_file_remove(ts, id);
        return err_set(err, ERR_NOT_FOUND, "expired");
    }
    if (r->status == TASK_COMPLETED || r->status == TASK_FAILED)
        return task_file_read_outcome(ts, id, outcome, err);
    return 0;
}

static int run_get(struct server_call *c, struct err *err)
{
    AUTO(buf) struct buf outcome = BUF_MAX(SERVER_REPLY_MAX);
    AUTO(task_record) struct task_record r = { 0 };
    const char *id = task_id(c->params);
    int failed = load(c, id, &r, &outcome, err);

    buf_clear(&c->tool.content);
    buf_clear(&c->tool.meta);
    if (failed)
        return -1;
    return task_add_members(&c->tool.structured, &r, outcome.len ? outcome.data : NULL, outcome.len,
                            err);
}

static int run_cancel(struct server_call *c, struct err *err)
{
    AUTO(buf) struct buf outcome = BUF_MAX(SERVER_REPLY_MAX);
    AUTO(task_record) struct task_record r = { 0 };
    const char *id = task_id(c->params);
    int failed = load(c, id, &r, &outcome, err);

    buf_clear(&c->tool.content);
    buf_clear(&c->tool.meta);
    if (!failed && !task_over(r.status))
        task_file_ask_cancel(c->conn->srv->tasks, id);
    return failed;
}

static int run_update(struct server_call *c, struct err *err)
{
    AUTO(buf) struct buf outcome = BUF_MAX(SERVER_REPLY_MAX);
    AUTO(task_record) struct task_record r = { 0 };
    int failed = load(c, task_id(c->params), &r, &outcome, err);

    buf_clear(&c->tool.content);
    buf_clear(&c->tool.meta);
    return failed;
}

static int write_result(struct server_call *c, const struct err *failed, struct err *err)
{
    struct buf *members = &c->tool.structured;

    if (failed)
        return rpc_add_error(
            &c->out, c->id.data, failed->code == ERR_NOT_FOUND ? RPC_PARAMS : RPC_INTERNAL,
            failed->code == ERR_NOT_FOUND ? "Unknown or expired taskId" : failed->msg, NULL, err);
    if (buf_addf(&c->out, err, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{" ACK_MEMBERS,
                 c->id.data))
        return -1;
    if (members->len &&
        (buf_adds(&c->out, ",", err) || buf_add(&c->out, members->data, members->len, err)))
        return -1;
    return add_end(&c->out, c->conn->srv, err);
}

static const struct work get_work = { .run = run_get, .write = write_result };
static const struct work cancel_work = { .run = run_cancel, .write = write_result };
static const struct work update_work = { .run = run_update, .write = write_result };

static void from_file(struct inbound *in, const struct work *work)
{
    if (in->srv->tasks->dir_fd >= 0)
        worker_start(in, work, NULL);
    else
        unknown(in);
}

/* ---- the methods ---- */

void tasks_get(struct inbound *in)
{
    AUTO(buf) struct buf tail = BUF_MAX(SERVER_REPLY_MAX + 65536);
    struct tasks *ts = in->srv->tasks;
    const char *id = begin(in);
    struct task *t;
    int failed = 0;

    if (!id)
        return;
    pthread_mutex_lock(&ts->lock);
    t = tasks_find(ts, id, in->conn->principal);
    if (t && t->in_file)
        t = NULL;
    if (t)
        failed = buf_adds(&tail, ",\"result\":{" ACK_MEMBERS ",", NULL) ||
                 task_add_current(&tail, t, NULL) || add_end(&tail, in->srv, NULL);
    pthread_mutex_unlock(&ts->lock);
    if (!t)
        from_file(in, &get_work);
    else if (failed)
        reply_error(in, 200, RPC_INTERNAL, NULL, "out of memory");
    else
        reply_tail(in, tail.data, tail.len);
}

void tasks_update(struct inbound *in)
{
    yyjson_val *responses = yyjson_obj_get(in->msg.params, "inputResponses");
    struct tasks *ts = in->srv->tasks;
    const char *id = begin(in);
    struct task *t;
    bool took = false;

    if (!id)
        return;
    if (!yyjson_is_obj(responses)) {
        reply_error(in, 200, RPC_PARAMS, NULL, "params.inputResponses must be an object");
        return;
    }
    pthread_mutex_lock(&ts->lock);
    t = tasks_find(ts, id, in->conn->principal);
    if (t) {
        t->refs++;
        took = task_answer(t, responses);
    }
    pthread_mutex_unlock(&ts->lock);
    if (!t) {
        from_file(in, &update_work);
        return;
    }
    acknowledge(in);
    if (took)
        tasks_announce(ts, t);
    task_unref(ts, t);
}

void tasks_cancel(struct inbound *in)
{
    struct tasks *ts = in->srv->tasks;
    const char *id = begin(in);
    struct task *t;

    if (!id)
        return;
    pthread_mutex_lock(&ts->lock);
    t = tasks_find(ts, id, in->conn->principal);
    if (t && t->call)
        (void)call_end(&t->call->call, CALL_CANCELLED);
    pthread_mutex_unlock(&ts->lock);
    if (t)
        acknowledge(in);
    else
        from_file(in, &cancel_work);
}
