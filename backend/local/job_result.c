#include "backend/local/job.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_BYTES (24 * 1024)
#define PROGRESS_MS 300
#define PROGRESS_BYTES 400

/* Offsets in both streams: where a read starts, or ends. */
struct place {
    uint64_t out, errs;
};

static void print_place(const struct place *p, char out[64])
{
    snprintf(out, 64, "%" PRIu64 "-%" PRIu64, p->out, p->errs);
}

static int parse_place(const char *text, struct place *p, struct err *err)
{
    int used = 0;

    if (strspn(text, "0123456789-") == strlen(text) && text[0] != '-' &&
        sscanf(text, "%19" SCNu64 "-%19" SCNu64 "%n", &p->out, &p->errs, &used) == 2 && !text[used])
        return 0;
    err_set(err, ERR_INVALID, "cursor: \"%.70s\" is not one", text);
    return err_next(err, "take it from an earlier result, or omit it for what is new");
}

int job_position(struct job *j, const char *cursor, uint64_t *out, uint64_t *errs, struct err *err)
{
    struct place p;

    pthread_mutex_lock(&j->lock);
    p = (struct place){ j->read_out, j->read_err };
    pthread_mutex_unlock(&j->lock);
    if (cursor && parse_place(cursor, &p, err))
        return -1;
    *out = p.out;
    *errs = p.errs;
    return 0;
}

/* A stream that needs less than half leaves the rest to the other one. */
static void split_budget(size_t budget, uint64_t want_out, uint64_t want_errs, size_t *out,
                         size_t *errs)
{
    size_t half = budget / 2;

    *out = *errs = half;
    if (want_errs < half)
        *out = budget - (*errs = (size_t)want_errs);
    else if (want_out < half)
        *errs = budget - (*out = (size_t)want_out);
}

static uint64_t left(const struct spool *s, uint64_t from)
{
    return s->total > from ? s->total - from : 0;
}

struct reading {
    struct job *job;
    struct place from, end, hole;
    size_t out_budget, errs_budget;
    struct exec_result *res;
};

static int read_text(struct reading *r, struct err *err)
{
    struct job *j = r->job;

    if (spool_text(&j->out, r->from.out, r->out_budget, &r->res->out, &r->hole.out, err) ||
        spool_text(&j->errs, r->from.errs, r->errs_budget, &r->res->errs, &r->hole.errs, err))
        return -1;
    if (r->res->out.omitted || r->res->errs.omitted)
        print_place(&r->hole, r->res->hole_cursor);
    return 0;
}

static int read_chunk(struct reading *r, struct err *err)
{
    struct job *j = r->job;
    uint64_t more;

    if (spool_chunk(&j->out, r->from.out, r->out_budget, &r->res->out, &r->end.out, err) ||
        spool_chunk(&j->errs, r->from.errs, r->errs_budget, &r->res->errs, &r->end.errs, err))
        return -1;
    more = left(&j->out, r->end.out) + left(&j->errs, r->end.errs);
    if (more && asprintf(&r->res->note, "%" PRIu64 " bytes follow behind this cursor.", more) < 0) {
        r->res->note = NULL;
        return err_oom(err);
    }
    return 0;
}

static int read_tail(struct reading *r, int64_t lines, struct err *err)
{
    struct job *j = r->job;

    return spool_tail(&j->out, lines, r->out_budget, &r->res->out, err) ||
                   spool_tail(&j->errs, lines, r->errs_budget, &r->res->errs, err)
               ? -1
               : 0;
}

static int read_grep(struct reading *r, const char *pattern, struct err *err)
{
    struct job *j = r->job;
    struct spool_regex *re = NULL;
    int fail;

    if (spool_regex_new(pattern, &re, err))
        return err_wrap(err, "grep");
    fail = spool_grep(&j->out, &j->lock, r->from.out, re, r->out_budget, &r->res->out, err) ||
           spool_grep(&j->errs, &j->lock, r->from.errs, re, r->errs_budget, &r->res->errs, err);
    spool_regex_free(re);
    return fail ? -1 : 0;
}

static int copy(const char *s, char **out, struct err *err)
{
    if (!s)
        return 0;
    free(*out);
    *out = strdup(s);
    return *out ? 0 : err_oom(err);
}

/* Job lock held. */
static int facts(struct job *j, struct exec_result *res, struct err *err)
{
    int64_t now = clock_ms();

    res->status = j->status;
    res->exit_code = j->exit_code;
    res->signal = j->signal;
    res->background = j->status != EXEC_RUNNING && j->phase == JOB_BACKGROUND && j->held;
    res->session_lost = j->session_lost;
    res->duration_ms = (j->ended_ms ? j->ended_ms : now) - j->started_ms;
    res->idle_ms = now - (j->output_ms ? j->output_ms : j->started_ms);
    return copy(j->cwd, &res->cwd, err) || copy(j->note, &res->note, err) ? -1 : 0;
}

/* Job lock held. */
static int late(const struct job *j, const struct output_request *req, struct exec_result *res,
                struct err *err)
{
    if (!req || req->whole || req->tail > 0 || req->grep || !j->late || res->late ||
        j->status == EXEC_RUNNING)
        return 0;
    res->late = code_results_copy(j->late, err);
    return res->late ? 0 : -1;
}

static bool more_to_read(const struct job *j, const struct exec_result *res)
{
    return j->status == EXEC_RUNNING || res->background || res->out.omitted || res->errs.omitted;
}

/* Job lock held. */
static int fill(struct reading *r, const struct output_request *req, size_t max_bytes,
                struct err *err)
{
    struct job *j = r->job;
    int fail;

    if (req && req->cursor && parse_place(req->cursor, &r->from, err))
        return -1;
    split_budget(max_bytes ? max_bytes : DEFAULT_BYTES, left(&j->out, r->from.out),
                 left(&j->errs, r->from.errs), &r->out_budget, &r->errs_budget);
    r->end = (struct place){ j->out.total, j->errs.total };
    if (req && req->tail > 0)
        fail = read_tail(r, req->tail, err);
    else if (req && req->grep && *req->grep)
        fail = read_grep(r, req->grep, err);
    else if (req && req->cursor && !req->whole)
        fail = read_chunk(r, err);
    else
        fail = read_text(r, err);
    if (fail || facts(j, r->res, err) || late(j, req, r->res, err))
        return -1;
    if (req && req->whole)
        return 0;
    if (r->end.out > j->read_out)
        j->read_out = r->end.out;
    if (r->end.errs > j->read_err)
        j->read_err = r->end.errs;
    if (req || more_to_read(j, r->res)) {
        memcpy(r->res->process_id, j->id, sizeof(j->id));
        print_place(&r->end, r->res->cursor);
    }
    return 0;
}

int job_result(struct job *j, const struct output_request *req, size_t max_bytes,
               struct exec_result *res, struct err *err)
{
    struct reading r = { .job = j, .res = res };
    int fail;

    pthread_mutex_lock(&j->lock);
    if (j->failed) {
        if (err)
            *err = *j->failed;
        fail = -1;
    } else {
        if (req && !req->whole)
            r.from = (struct place){ j->read_out, j->read_err };
        fail = fill(&r, req, max_bytes, err);
    }
    pthread_mutex_unlock(&j->lock);
    return fail;
}

void job_progress(struct pump *p, struct call *call)
{
    struct job *j = (struct job *)((char *)p - offsetof(struct job, pump));
    char text[PROGRESS_BYTES];
    const struct spool *s;
    size_t begin;
    int64_t now = clock_ms();
    size_t n;

    if (!call->progress || now - j->progress_ms < PROGRESS_MS)
        return;
    j->progress_ms = now;
    pthread_mutex_lock(&j->lock);
    s = j->errs_last ? &j->errs : &j->out;
    n = s->total < sizeof(text) ? (size_t)s->total : sizeof(text);
    n = spool_read(s, s->total - n, text, n);
    pthread_mutex_unlock(&j->lock);
    while (n && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    for (begin = n; begin && text[begin - 1] != '\n' && text[begin - 1] != '\r';)
        begin--;
    call->progress(call, (double)(now - j->started_ms) / 1e3, n ? text + begin : NULL, n - begin);
}
