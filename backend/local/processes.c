#include "backend/local/code.h"
#include "backend/local/history.h"
#include "backend/local/pty.h"
#include "backend/local/query.h"
#include "backend/local/session.h"
#include "backend/local/wait.h"
#include "base/clock.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

_Static_assert(PTY_NAME_MAX <= SESSION_NAME_MAX, "names of sessions");

struct owner {
    uint32_t supervisor;
    bool any;
    char process_id[36], context_id[36], session_id[SESSION_NAME_MAX + 1];
};

/* The command whose processes are below that and whose id is known. */
static void find_job(struct local_sandbox *sb, struct owner *o)
{
    pthread_mutex_lock(&sb->lock);
    list_each(link, &sb->jobs)
    {
        struct job *j = list_of(link, struct job, link);
        bool mine;
        pthread_mutex_lock(&j->lock);
        mine = j->handed_out && j->phase != JOB_OVER && j->supervisor == o->supervisor;
        pthread_mutex_unlock(&j->lock);
        if (mine)
            memcpy(o->process_id, j->id, sizeof(o->process_id));
    }
    pthread_mutex_unlock(&sb->lock);
}

static void find_owner(struct local_sandbox *sb, uint32_t supervisor, struct owner *o)
{
    if (o->supervisor == supervisor)
        return;
    *o = (struct owner){ .supervisor = supervisor };
    find_job(sb, o);
    if (!session_of(sb, supervisor, o->session_id) && !pty_below(sb, supervisor, o->session_id))
        (void)code_of(sb, supervisor, o->context_id);
    o->any = o->process_id[0] || o->session_id[0] || o->context_id[0];
}

static char *filled(char *s)
{
    return *s ? s : NULL;
}

/* "pid parent supervisor state cpu_ms age_ms rss_kb user command" */
static int take(struct local_sandbox *sb, char *line, const struct processes_request *req,
                struct owner *o, struct processes_result *res, struct err *err)
{
    struct process_info p = { 0 };
    uint32_t supervisor;
    int64_t age;
    char user[32];
    int at = 0;

    if (sscanf(line,
               "%9" SCNu32 " %9" SCNu32 " %9" SCNu32 " %c %18" SCNd64 " %18" SCNd64 " %18" SCNd64
               " %31s%n",
               &p.pid, &p.parent, &supervisor, &p.state, &p.cpu_ms, &age, &p.rss_kb, user,
               &at) != 8 ||
        line[at] != ' ' || !isalpha((unsigned char)p.state))
        return 1;
    find_owner(sb, supervisor, o);
    if (req->managed && !o->any)
        return 0;
    p.user = user;
    p.command = line + at + 1;
    p.started_ms = clock_wall_ms() - age;
    p.process_id = filled(o->process_id);
    p.session_id = filled(o->session_id);
    p.context_id = filled(o->context_id);
    return processes_add(res, &p, err);
}

static bool told(const struct processes_result *r, uint32_t pid)
{
    size_t low = 0, high = r->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->items[middle].pid == pid)
            return true;
        if (r->items[middle].pid < pid)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static int take_all(struct local_sandbox *sb, struct agent *a, const struct query *q,
                    const struct processes_request *req, struct processes_result *res,
                    struct err *err)
{
    struct owner o = { 0 };

    for (size_t i = 0; i < q->count; i++) {
        int r = strcmp(q->facts[i].name, "process")
                    ? 0
                    : take(sb, q->facts[i].value, req, &o, res, err);
        if (r)
            return r < 0 ? -1 : agent_violation(a, "a process that is none", err);
        if (res->count > 1 && res->items[res->count - 2].pid >= res->items[res->count - 1].pid)
            return agent_violation(a, "processes in disorder", err);
    }
    for (size_t i = 0; i < res->count; i++)
        if (!told(res, res->items[i].parent))
            res->items[i].parent = 0;
    res->total = (size_t)strtoul(query_get(q, "processes"), NULL, 10);
    if (req->managed || res->total < res->count)
        res->total = res->count;
    return 0;
}

static int local_processes(struct sandbox *base, struct call *call,
                           const struct processes_request *req, struct processes_result *res,
                           struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    AUTO_PTR(agent) struct agent *a = NULL;
    AUTO(query) struct query q = { 0 };
    struct wire_out start;

    wire_begin(&start, WIRE_START, 0);
    wire_put_u32(&start, TAG_DETAIL, 1);
    if (req->pid)
        wire_put_u32(&start, TAG_PID, req->pid);
    if (local_agent(sb, call, &a, err) || query_ask(a, call, &start, &q, err))
        return -1;
    return take_all(sb, a, &q, req, res, err);
}

const struct process_ops local_process_ops = {
    .history = local_history,
    .wait = local_wait,
    .list = local_processes,
};
