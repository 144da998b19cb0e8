#include "backend/agent/file_report.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_EVERY 64 /* steps between two looks at the clock */

int64_t file_budget_ms = FILE_BUDGET_MS;

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

int report_begin(struct file_report *r, struct file_job *job)
{
    const char *paths = (const char *)job->in.tags[TAG_PATHS].data;
    size_t len = job->in.tags[TAG_PATHS].len;

    *r = (struct file_report){ .job = job,
                               .flags = wire_u32(&job->in, TAG_FLAGS, 0),
                               .until_ms = now_ms() + file_budget_ms,
                               .next = paths,
                               .end = paths ? paths + len : NULL };
    r->records.max = file_job_room(job, 0, FILE_RECORDS_MAX);
    if (!len || paths[len - 1])
        return file_fail(&job->error, CODE_INVALID, "paths: none, or not ended");
    for (const char *p = paths; p < r->end; p += strlen(p) + 1)
        if (*p != '/' || strlen(p) >= FILE_PATH_MAX)
            return file_fail(&job->error, CODE_INVALID,
                             "paths: each must be absolute, up to %d bytes", FILE_PATH_MAX - 1);
    return 0;
}

const char *report_path(struct file_report *r)
{
    const char *path = r->next;

    if (path == r->end || r->halted)
        return NULL;
    r->next += strlen(path) + 1;
    return path;
}

void report_done(struct file_report *r, const char *path, const char *to)
{
    size_t start = record_begin(&r->records, 'd');

    record_str(&r->records, path, strlen(path));
    record_str(&r->records, to, strlen(to));
    record_end(&r->records, start);
}

void report_failed(struct file_report *r, const char *path, const struct file_error *e)
{
    size_t start;

    if (r->errors++ >= FILE_ERRORS_SHOWN)
        return;
    start = record_begin(&r->records, 'x');
    record_i64(&r->records, e->code);
    record_str(&r->records, path, strlen(path));
    record_str(&r->records, e->text, strlen(e->text));
    record_str(&r->records, e->next, strlen(e->next));
    record_end(&r->records, start);
}

int report_errno(struct file_report *r, int number, const char *action, const char *path)
{
    struct file_error e = { 0 };

    file_fail_errno(&e, number, action, path);
    report_failed(r, path, &e);
    return -1;
}

bool report_halted(struct file_report *r, bool now)
{
    if (r->halted || (r->ticks++ % LOOK_EVERY && !now))
        return r->halted;
    r->halted = now_ms() >= r->until_ms || (!r->stubborn && file_job_gone(r->job));
    return r->halted;
}

void report_take(struct file_report *r, struct file_report *part, int64_t errors)
{
    const char *at = part->records.data, *end = at ? at + part->records.len : NULL;

    for (int64_t i = 0; i < errors && at != end; i++) {
        uint32_t n;
        memcpy(&n, at, sizeof(n));
        if (r->errors + i < FILE_ERRORS_SHOWN)
            file_buf_add(&r->records, at, n + sizeof(n));
        at += n + sizeof(n);
    }
    r->errors += errors;
    report_drop(part);
}

static void late(struct file_report *r)
{
    struct file_error e = { 0 };

    r->errors = r->errors < FILE_ERRORS_SHOWN ? r->errors : FILE_ERRORS_SHOWN - 1;
    file_fail(&e, CODE_TIMEOUT, "stopped after %lld s, before all was done",
              (long long)file_budget_ms / 1000);
    file_hint(&e, "call again to go on, or use a command in terminal_execute, which may take "
                  "longer");
    report_failed(r, "", &e);
}

int report_send(struct file_report *r)
{
    struct wire_out *w = &r->job->out;
    int result;

    if (r->halted)
        late(r);
    wire_begin(w, WIRE_REPLY, 0);
    wire_put_i64(w, TAG_TOTAL, r->total);
    wire_put_i64(w, TAG_WRITTEN, r->bytes);
    wire_put_i64(w, TAG_ERRORS, r->errors);
    result = file_job_reply(r->job, r->records.data, r->records.len);
    report_drop(r);
    return result;
}

void report_drop(struct file_report *r)
{
    file_buf_done(&r->records);
}
