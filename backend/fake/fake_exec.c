#include "backend/fake/fake.h"
#include "base/clock.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define PROCESS_ID FAKE_PROCESS_ID

/* True when the call ended before the time was over. */
static bool wait_for(struct call *call, int64_t ms)
{
    int64_t until = clock_ms() + ms;
    struct pollfd p = { .fd = call->event_fd, .events = POLLIN };

    while (call_state(call) == CALL_RUNNING) {
        int left = clock_left(until);
        int64_t waited = ms - left;
        if (!left)
            return false;
        if (call->progress)
            call->progress(call, (double)waited / 1000.0, "waiting", 7);
        (void)poll(&p, 1, left > 1000 ? 1000 : left);
    }
    return true;
}

static int put(struct stream_text *s, const char *text, size_t len, struct err *err)
{
    buf_init(&s->text, 1 << 20);
    s->total = len;
    return buf_add(&s->text, text, len, err);
}

static int put_line(struct stream_text *s, const char *text, struct err *err)
{
    s->text = BUF_MAX(1 << 20);
    s->total = strlen(text) + 1;
    return buf_addf(&s->text, err, "%s\n", text);
}

static int do_sleep(struct call *call, const struct exec_request *req, struct exec_result *res,
                    int64_t ms, struct err *err)
{
    bool yields = req->yield_ms < ms;
    bool ended = wait_for(call, yields ? req->yield_ms : ms);

    if (!ended && yields && req->yield_ms && req->stay.run &&
        !req->stay.run(req->stay.context, PROCESS_ID)) {
        if (wait_for(call, ms - req->yield_ms))
            return call_check(call, err);
        return 0;
    }
    if (ended) {
        res->status = EXEC_KILLED;
        res->signal = 15;
        res->exit_code = -1;
    } else if (yields) {
        res->status = EXEC_RUNNING;
        res->exit_code = -1;
        snprintf(res->process_id, sizeof(res->process_id), "%s", PROCESS_ID);
        snprintf(res->cursor, sizeof(res->cursor), "0-0");
    }
    return 0;
}

/* N bytes of numbered lines, cut to the budget as head and tail. */
static int do_print(const struct exec_request *req, struct exec_result *res, size_t total,
                    struct err *err)
{
    size_t keep = total < req->max_bytes ? total : req->max_bytes, head = keep * 6 / 10;
    char *p;

    res->out.text = BUF_MAX(keep);
    p = buf_reserve(&res->out.text, keep, err);
    if (!p)
        return -1;
    for (size_t i = 0; i < keep; i++)
        p[i] = i % 64 == 63 ? '\n' : 'x';
    buf_commit(&res->out.text, keep);
    res->out.total = total;
    if (keep == total)
        return 0;
    res->out.hole = head;
    res->out.omitted = total - keep;
    res->out.omitted_lines = (total - keep) / 64;
    snprintf(res->process_id, sizeof(res->process_id), "%s", PROCESS_ID);
    snprintf(res->hole_cursor, sizeof(res->hole_cursor), "%zu-0", head);
    snprintf(res->cursor, sizeof(res->cursor), "%zu-0", total);
    return 0;
}

static int fake_run(struct sandbox *sb UNUSED, struct call *call, const struct exec_request *req,
                    struct exec_result *res, struct err *err)
{
    const char *c = req->command;
    int64_t start = clock_ms();
    int r = 0;

    res->cwd = strdup(req->cwd ? req->cwd : "/workspace");
    if (!res->cwd)
        return err_oom(err);
    if (!strncmp(c, "echo ", 5))
        r = put_line(&res->out, c + 5, err);
    else if (!strncmp(c, "err ", 4))
        r = put_line(&res->errs, c + 4, err);
    else if (!strncmp(c, "exit ", 5))
        res->exit_code = atoi(c + 5) & 255;
    else if (!strncmp(c, "sleep ", 6))
        r = do_sleep(call, req, res, (int64_t)(strtod(c + 6, NULL) * 1000), err);
    else if (!strncmp(c, "print ", 6))
        r = do_print(req, res, strtoul(c + 6, NULL, 10), err);
    else if (!strncmp(c, "fail ", 5))
        r = err_set(err, err_code_from_name(c + 5), "told to fail");
    else if (!strcmp(c, "hang"))
        r = do_sleep(call, req, res, INT32_MAX, err);
    else if (!strcmp(c, "cat"))
        r = put(&res->out, req->stdin_data ? req->stdin_data : "", req->stdin_len, err);
    else
        r = put_line(&res->out, c, err);
    res->duration_ms = clock_ms() - start;
    return r;
}

static int known(const char *id, struct err *err)
{
    if (!strcmp(id, PROCESS_ID))
        return 0;
    err_set(err, ERR_NOT_FOUND, "no process %s in this sandbox", id);
    return err_next(err, "use the process_id that terminal_execute gave");
}

static int fake_output(struct sandbox *sb UNUSED, struct call *call,
                       const struct output_request *req, struct exec_result *res, struct err *err)
{
    if (known(req->process_id, err))
        return -1;
    (void)wait_for(call, req->wait_ms < 50 ? req->wait_ms : 50);
    snprintf(res->process_id, sizeof(res->process_id), "%s", PROCESS_ID);
    snprintf(res->cursor, sizeof(res->cursor), "5-0");
    return put(&res->out, "done\n", 5, err);
}

static int fake_kill(struct sandbox *sb UNUSED, struct call *call UNUSED,
                     const struct kill_request *req, struct kill_result *res, struct err *err)
{
    if (known(req->id, err))
        return -1;
    res->status = EXEC_KILLED;
    res->exit_code = -1;
    return strings_addf(&res->killed, err, "%s", req->id);
}

const struct exec_ops fake_exec_ops = {
    .run = fake_run,
    .output = fake_output,
    .kill = fake_kill,
};
