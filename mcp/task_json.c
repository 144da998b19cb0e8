#include "base/clock.h"
#include "mcp/tasks.h"

static const char *const statuses[] = {
    [TASK_WORKING] = "working", [TASK_INPUT] = "input_required", [TASK_COMPLETED] = "completed",
    [TASK_FAILED] = "failed",   [TASK_CANCELLED] = "cancelled",
};

static const char *const outcomes[] = {
    [TASK_WORKING] = NULL,   [TASK_INPUT] = "inputRequests", [TASK_COMPLETED] = "result",
    [TASK_FAILED] = "error", [TASK_CANCELLED] = NULL,
};

void task_record_done(struct task_record *r)
{
    free(r->tool);
    free(r->handle);
    free(r->sandbox);
    *r = (struct task_record){ 0 };
}

bool task_over(enum task_status status)
{
    return status >= TASK_COMPLETED;
}

const char *task_status_name(enum task_status status)
{
    return statuses[status];
}

int64_t task_ttl(const struct task_record *r, int64_t now_ms)
{
    int64_t until = (task_over(r->status) ? r->updated_ms : now_ms) + TASK_LATER_MS;

    if (task_over(r->status) && r->ttl_ms)
        return r->ttl_ms;
    return until - r->created_ms > TASK_TTL_MS ? until - r->created_ms : TASK_TTL_MS;
}

int task_add_members(struct buf *out, const struct task_record *r, const char *outcome, size_t len,
                     struct err *err)
{
    struct jw w = JW(out, err);
    char created[CLOCK_ISO_SIZE], updated[CLOCK_ISO_SIZE];

    jw_kstr(&w, "taskId", r->id);
    jw_kstr(&w, "status", statuses[r->status]);
    if (r->message[0])
        jw_kstr(&w, "statusMessage", r->message);
    jw_kstr(&w, "createdAt", clock_iso(r->created_ms, created));
    jw_kstr(&w, "lastUpdatedAt", clock_iso(r->updated_ms, updated));
    jw_kint(&w, "ttlMs", task_ttl(r, clock_wall_ms()));
    jw_kint(&w, "pollIntervalMs", TASK_POLL_MS);
    if (outcome && outcomes[r->status]) {
        jw_key(&w, outcomes[r->status]);
        jw_raw(&w, outcome, len);
    }
    return jw_done(&w);
}

int task_add_current(struct buf *out, struct task *t, struct err *err)
{
    AUTO(buf) struct buf questions = BUF_MAX(SERVER_REPLY_MAX);
    const struct buf *outcome = &t->outcome;

    if (t->r.status == TASK_INPUT) {
        if (task_add_questions(&questions, t, err))
            return -1;
        outcome = &questions;
    }
    return task_add_members(out, &t->r, outcome->len ? outcome->data : NULL, outcome->len, err);
}
