#include "backend/remote/aio_job.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_places(const uint64_t at[2], char out[64])
{
    snprintf(out, 64, "%" PRIu64 "-%" PRIu64, at[0], at[1]);
}

static int parse_places(const char *text, uint64_t at[2], struct err *err)
{
    int used = 0;

    if (strspn(text, "0123456789-") == strlen(text) && *text != '-' &&
        sscanf(text, "%19" SCNu64 "-%19" SCNu64 "%n", &at[0], &at[1], &used) == 2 && !text[used])
        return 0;
    err_set(err, ERR_INVALID, "cursor: \"%.70s\" is not one", text);
    return err_next(err, "take it from an earlier result, or leave it out for what is new");
}

/* Half for each; what one stream does not need goes to the other. */
static void share(size_t budget, const uint64_t want[2], size_t out[2])
{
    int small = want[0] < want[1] ? 0 : 1;

    out[small] = want[small] < budget / 2 ? (size_t)want[small] : budget / 2;
    out[!small] = budget - out[small];
}

struct reading {
    struct aio_job *job;
    const struct output_request *req;
    uint64_t from[2], end[2], hole[2];
    size_t room[2];
    struct stream_text *to[2];
    struct exec_result *res;
};

/* Job lock held. */
static int read_stream(struct reading *r, int i, struct spool_regex *re, struct err *err)
{
    struct spool *s = &r->job->out[i];

    if (r->req && r->req->tail > 0)
        return spool_tail(s, r->req->tail, r->room[i], r->to[i], err);
    if (re)
        return spool_grep(s, &r->job->lock, r->from[i], re, r->room[i], r->to[i], err);
    if (r->req && r->req->cursor)
        return spool_chunk(s, r->from[i], r->room[i], r->to[i], &r->end[i], err);
    return spool_text(s, r->from[i], r->room[i], r->to[i], &r->hole[i], err);
}

/* Job lock held. */
static int read_both(struct reading *r, size_t budget, struct err *err)
{
    struct spool_regex *re = NULL;
    uint64_t want[2], more = 0;
    int fail = 0;

    if (r->req && r->req->grep && r->req->tail <= 0 && spool_regex_new(r->req->grep, &re, err))
        return -1;
    for (int i = 0; i < 2; i++) {
        r->end[i] = r->job->out[i].total;
        want[i] = r->req && r->req->tail > 0 ? r->end[i]
                  : r->end[i] > r->from[i]   ? r->end[i] - r->from[i]
                                             : 0;
    }
    share(budget, want, r->room);
    for (int i = 0; i < 2 && !fail; i++)
        fail = read_stream(r, i, re, err);
    spool_regex_free(re);
    for (int i = 0; i < 2 && !fail; i++)
        more += r->job->out[i].total > r->end[i] ? r->job->out[i].total - r->end[i] : 0;
    if (!fail && more &&
        asprintf(&r->res->note, "%" PRIu64 " bytes follow behind this cursor.", more) < 0) {
        r->res->note = NULL;
        return err_oom(err);
    }
    return fail ? -1 : 0;
}

/* Job lock held. */
static int add_facts(struct reading *r, struct err *err)
{
    struct aio_job *j = r->job;
    struct exec_result *res = r->res;
    int64_t now = clock_ms();
    bool holes = (res->out.omitted || res->errs.omitted) && !(r->req && r->req->grep);

    res->status = j->status;
    res->exit_code = j->exit_code;
    res->signal = j->signal;
    res->duration_ms = (j->ended_ms ? j->ended_ms : now) - j->started_ms;
    res->idle_ms = now - (j->output_ms ? j->output_ms : j->started_ms);
    if (holes)
        print_places(r->hole, res->hole_cursor);
    if (r->req || holes || j->status == EXEC_RUNNING) {
        memcpy(res->process_id, j->id, sizeof(j->id));
        print_places(r->end, res->cursor);
    }
    for (int i = 0; i < 2; i++)
        if (r->end[i] > j->read[i] && !(r->req && r->req->whole))
            j->read[i] = r->end[i];
    if (j->cwd && !(res->cwd = strdup(j->cwd)))
        return err_oom(err);
    if (j->note && !res->note && !(res->note = strdup(j->note)))
        return err_oom(err);
    return 0;
}

int aio_job_result(struct aio_job *j, const struct output_request *req, size_t max_bytes,
                   struct exec_result *res, struct err *err)
{
    struct reading r = { .job = j, .req = req, .to = { &res->out, &res->errs }, .res = res };
    int fail = 0;

    pthread_mutex_lock(&j->lock);
    if (req && req->cursor)
        fail = parse_places(req->cursor, r.from, err);
    else if (req && !req->whole)
        memcpy(r.from, j->read, sizeof(r.from));
    if (!fail)
        fail = read_both(&r, max_bytes, err) || add_facts(&r, err);
    pthread_mutex_unlock(&j->lock);
    return fail ? -1 : 0;
}
