/*
 * What an agent may say about a command: frames, well-formed or not, output, hang-ups, and time
 * that passes, in any order. Whatever comes, the job ends, and every byte that was read is kept.
 *
 * covers: backend/local/drive.c backend/local/job_result.c
 * seeds: tests/fuzz/seeds/drive
 */
#include "base/log.h"
#include "tests/unit/drive_fixture.h"

#include <signal.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct script {
    const uint8_t *at, *end;
};

static uint8_t next(struct script *s)
{
    return s->at < s->end ? *s->at++ : 0;
}

/* Up to n bytes, fewer at the end. */
static const uint8_t *some(struct script *s, size_t *n)
{
    const uint8_t *from = s->at;

    if (*n > (size_t)(s->end - s->at))
        *n = (size_t)(s->end - s->at);
    s->at += *n;
    return from;
}

static void send_raw(struct drive_fixture *f, struct script *s)
{
    size_t n = next(s) * 4u;
    const uint8_t *bytes = some(s, &n);

    if (f->channel >= 0 && n)
        (void)!send(f->channel, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void send_frame(struct drive_fixture *f, struct script *s)
{
    static struct wire_out w;
    uint8_t tags;

    wire_begin(&w, next(s), 0);
    for (tags = next(s) % 8; tags; tags--) {
        uint16_t tag = next(s);
        size_t n = next(s);
        const uint8_t *bytes = some(s, &n);
        wire_put(&w, tag, bytes, n);
    }
    drive_frame(f, &w);
}

static void print(struct drive_fixture *f, struct script *s, int stream)
{
    size_t n = next(s);
    const uint8_t *bytes = some(s, &n);

    drive_print(f, stream, (const char *)bytes, n);
}

static void read_result(struct drive_fixture *f, struct script *s)
{
    static const char *const patterns[] = { NULL, "a", "(a+)+$", "[" };
    char cursor[32];
    uint8_t how = next(s);
    struct output_request req = { .grep = patterns[how & 3], .tail = how & 4 ? next(s) : 0 };
    struct exec_result r = { 0 };

    if (how & 8) {
        size_t n = next(s) % sizeof(cursor);
        const uint8_t *text = some(s, &n);
        memcpy(cursor, text, n);
        cursor[n] = '\0';
        req.cursor = cursor;
    }
    (void)!job_result(f->job, how & 16 ? NULL : &req, 1u + next(s) * 8u, &r, NULL);
    exec_result_done(&r);
}

static void act(struct drive_fixture *f, struct script *s, uint8_t what)
{
    switch (what % 12) {
    case 0:
        send_raw(f, s);
        break;
    case 1:
    case 2:
        send_frame(f, s);
        break;
    case 3:
    case 4:
        print(f, s, what % 12 == 4);
        break;
    case 5:
        drive_hang_up(&f->out);
        break;
    case 6:
        drive_hang_up(&f->errs);
        break;
    case 7:
        drive_hang_up(&f->channel);
        break;
    case 8:
        (void)drive_step_after(f, next(s) * 16);
        break;
    case 9:
        (void)!job_signal(f->job, next(s), NULL);
        break;
    case 10:
        job_kill(f->job);
        break;
    case 11:
        read_result(f, s);
        break;
    }
}

static void finish(struct drive_fixture *f)
{
    bool whole = !f->over;

    (void)drive_step_after(f, 0);
    drive_hang_up(&f->channel);
    drive_hang_up(&f->out);
    drive_hang_up(&f->errs);
    f->job->foreground = false;
    f->over = false;
    for (int i = 0; i < 4 && !drive_step_after(f, 10000); i++)
        ;
    if (!f->over || f->job->status == EXEC_RUNNING)
        abort();
    if (whole && !f->job->failed &&
        (f->job->out.total != f->out_sent || f->job->errs.total != f->errs_sent))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script s = { .at = data, .end = data + size };
    struct drive_fixture f;
    uint8_t how = next(&s);

    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_ERROR);
    drive_start(&f);
    if (how & 1)
        drive_session(&f, true);
    else
        drive_exec(&f);
    f.job->foreground = how & 2;
    f.job->timeout_ms = how & 4 ? f.now_ms + 1000 : 0;
    while (s.at < s.end)
        act(&f, &s, next(&s));
    finish(&f);
    drive_end(&f);
    return 0;
}
