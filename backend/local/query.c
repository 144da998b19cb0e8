#include "backend/local/query.h"
#include "backend/local/records.h"
#include "base/clock.h"
#include "base/io.h"

#include <string.h>

void query_done(struct query *q)
{
    for (size_t i = 0; i < q->count; i++) {
        free(q->facts[i].name);
        free(q->facts[i].value);
    }
    free(q->facts);
    *q = (struct query){ 0 };
}

const char *query_get(const struct query *q, const char *name)
{
    for (size_t i = 0; i < q->count; i++)
        if (!strcmp(q->facts[i].name, name))
            return q->facts[i].value;
    return "";
}

/* Everything until EOF, within QUERY_MAX; the REPLY, or why there is none, may come before it. */
static int read_results(struct agent *a, int fd, int channel, struct call *call, struct frame *f,
                        struct buf *out, struct err *err)
{
    int64_t until = clock_ms() + QUERY_MS;
    struct pollfd p[3] = { { .fd = fd, .events = POLLIN },
                           { .fd = call->event_fd, .events = POLLIN },
                           { .fd = channel, .events = POLLIN } };

    for (;;) {
        char *to = buf_reserve(out, 16384, err);
        ssize_t n = to ? io_read(fd, to, 16384) : -1;
        if (!to)
            return -1;
        if (n > 0)
            buf_commit(out, (size_t)n);
        if (!n)
            return p[2].fd < 0 ? 0 : channel_expect(a, channel, WIRE_REPLY, call, until, f, err);
        if (n < 0 && errno != EAGAIN)
            return err_sys(err, errno, "read the sandbox's facts");
        if (call_check(call, err))
            return -1;
        if (clock_ms() >= until)
            return agent_silent(a, err);
        if (n > 0 || poll(p, 3, clock_left(until)) <= 0 || !p[2].revents)
            continue;
        if (channel_expect(a, channel, WIRE_REPLY, call, until, f, err))
            return -1;
        p[2].fd = -1;
    }
}

static int add(struct query *q, char *name, char *value, struct err *err)
{
    if (q->count == q->cap) {
        size_t cap = q->cap ? q->cap * 2 : 64;
        struct name_value *more = realloc(q->facts, cap * sizeof(*more));
        if (!more) {
            free(name);
            free(value);
            return err_oom(err);
        }
        q->facts = more;
        q->cap = cap;
    }
    q->facts[q->count++] = (struct name_value){ name, value };
    return 0;
}

static int parse(struct agent *a, const struct buf *data, struct query *out, struct err *err)
{
    struct records r = records_over(data->data, data->len);
    char kind;

    while ((kind = records_next(&r))) {
        char *name = records_str(&r), *value = records_str(&r);
        if (kind != 'p' || !name || !value || !records_done(&r)) {
            free(name);
            free(value);
            return agent_violation(a, "a malformed record", err);
        }
        if (add(out, name, value, err))
            return -1;
    }
    return r.bad ? agent_violation(a, "malformed records", err) : 0;
}

int query_ask(struct agent *a, struct call *call, struct wire_out *start, struct query *out,
              struct err *err)
{
    AUTO(buf) struct buf data = BUF_MAX(QUERY_MAX);
    AUTO_FREE struct frame *f = malloc(sizeof(*f));
    AUTO_FD int mine = -1;
    AUTO_FD int child = -1;
    AUTO_FD int channel = -1;

    if (!f)
        return err_oom(err);
    if (agent_pipe_out(a, &mine, &child, err) ||
        agent_open(a, WIRE_QUERY, start, &child, 1, &channel, err))
        return -1;
    fd_close(&child);
    if (read_results(a, mine, channel, call, f, &data, err))
        return -1;
    return parse(a, &data, out, err);
}

int query_run(struct agent *a, struct call *call, struct query *out, struct err *err)
{
    struct wire_out start;

    wire_begin(&start, WIRE_START, 0);
    return query_ask(a, call, &start, out, err);
}
