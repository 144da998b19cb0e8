#include "backend/browser/screencast.h"
#include "backend/recording/mkv.h"
#include "base/b64.h"
#include "base/clock.h"
#include "tools.gen.h"
#include "tools/browsing.h"
#include "tools/recording.h"

#include <stdio.h>
#include <string.h>

#define QUALITY 70
#define REPEAT_MS 5000 /* a page that does not change is written again so often */
#define STAMP_MS 1000  /* the file's duration is right to this */
#define SIDE_MAX 1920
#define FIRST_MS 1000 /* the start waits so long for the first picture */

struct video {
    struct recordings *all;
    struct browsing at;
    struct mkv mkv;
    bool begun;
    int64_t spacing_ms, written_ms, stamped_ms;
    struct buf jpeg, work; /* the picture written last; base64 of the next one */

    pthread_mutex_t mail; /* all below: the connection's thread leaves it here */
    pthread_cond_t came;
    struct buf next;
    bool fresh;
    const char *why; /* the source is over */
};

static void on_frame(void *context, const char *base64, size_t len)
{
    struct video *v = context;
    bool wake;

    pthread_mutex_lock(&v->mail);
    buf_clear(&v->next);
    wake = !v->fresh;
    v->fresh = !buf_add(&v->next, base64, len, NULL);
    pthread_cond_signal(&v->came);
    pthread_mutex_unlock(&v->mail);
    if (wake)
        recordings_wake(v->all);
}

static void on_over(void *context, const char *why)
{
    struct video *v = context;

    pthread_mutex_lock(&v->mail);
    v->why = why;
    pthread_cond_signal(&v->came);
    pthread_mutex_unlock(&v->mail);
    recordings_wake(v->all);
}

/* The newest picture, if there is one that was not written yet. */
static bool take(struct video *v)
{
    bool fresh;

    pthread_mutex_lock(&v->mail);
    fresh = v->fresh;
    if (fresh) {
        struct buf spare = v->work;
        v->work = v->next;
        v->next = spare;
        v->fresh = false;
    }
    pthread_mutex_unlock(&v->mail);
    return fresh;
}

static bool waits(struct video *v)
{
    bool fresh;

    pthread_mutex_lock(&v->mail);
    fresh = v->fresh;
    pthread_mutex_unlock(&v->mail);
    return fresh;
}

static int begin(struct recording *r, struct video *v, struct err *err)
{
    struct recording_meta *m = &r->meta;

    if (mkv_begin(&v->mkv, r->file.data_fd, m->width, m->height, m->name, m->started_ms, err))
        return -1;
    v->begun = true;
    return 0;
}

/* What is no JPEG is not written. */
static int write_new(struct recording *r, struct video *v, int64_t at_ms, struct err *err)
{
    AUTO(buf) struct buf jpeg = BUF_MAX(SCREENCAST_FRAME_MAX);
    int width, height;

    if (b64_decode(&jpeg, v->work.data, v->work.len, NULL) ||
        !jpeg_size(jpeg.data, jpeg.len, &width, &height))
        return 0;
    if (!v->begun) {
        r->meta.width = width;
        r->meta.height = height;
        if (begin(r, v, err))
            return -1;
        at_ms = 0;
    }
    if (mkv_frame(&v->mkv, at_ms, jpeg.data, jpeg.len, err))
        return -1;
    buf_done(&v->jpeg);
    v->jpeg = jpeg;
    jpeg = BUF_MAX(0);
    v->written_ms = at_ms;
    r->meta.frames++;
    return 0;
}

static int repeat(struct video *v, int64_t at_ms, struct err *err)
{
    if (mkv_frame(&v->mkv, at_ms, v->jpeg.data, v->jpeg.len, err))
        return -1;
    v->written_ms = at_ms;
    return 0;
}

static int write_due(struct recording *r, struct video *v, int64_t at_ms, struct err *err)
{
    bool due = !v->begun || at_ms - v->written_ms >= v->spacing_ms;

    if (due && take(v) && write_new(r, v, at_ms, err))
        return -1;
    if (v->begun && at_ms - v->written_ms >= REPEAT_MS && repeat(v, at_ms, err))
        return -1;
    if (!v->begun || at_ms - v->stamped_ms < STAMP_MS)
        return 0;
    v->stamped_ms = at_ms;
    return mkv_duration(&v->mkv, at_ms, err);
}

static int64_t serve(struct recording *r, int64_t at_ms, const char **why)
{
    struct video *v = r->own;
    struct err err = { 0 };
    int64_t rest;

    pthread_mutex_lock(&v->mail);
    *why = v->why;
    pthread_mutex_unlock(&v->mail);
    if (*why)
        return -1;
    if (r->paused_ms)
        return STAMP_MS;
    if (write_due(r, v, at_ms, &err)) {
        *why = "the disk takes no more";
        return -1;
    }
    rest = v->written_ms + v->spacing_ms - at_ms;
    return waits(v) ? rest > 0 ? rest : 1 : STAMP_MS;
}

static int finish(struct recording *r, int64_t at_ms, struct err *err)
{
    struct video *v = r->own;

    if (!r->paused_ms && take(v) && write_new(r, v, at_ms, err))
        return -1;
    if (!v->begun)
        return err_set(err, ERR_UNAVAILABLE, "the page showed no picture");
    if (v->written_ms < at_ms && repeat(v, at_ms, err))
        return -1;
    return mkv_end(&v->mkv, at_ms, r->meta.marks, r->meta.mark_count, err);
}

static void video_free(struct video *v)
{
    browsing_done(&v->at);
    mkv_done(&v->mkv);
    buf_done(&v->jpeg);
    buf_done(&v->work);
    buf_done(&v->next);
    pthread_cond_destroy(&v->came);
    pthread_mutex_destroy(&v->mail);
    free(v);
}

static void release(struct recording *r)
{
    struct video *v = TAKE(r->own);

    screencast_stop(v->at.page);
    video_free(v);
}

static const struct recording_kind kind = {
    .id = RECORDING_VIDEO,
    .serve = serve,
    .finish = finish,
    .release = release,
};

static int parse_size(const char *text, int *width, int *height, struct err *err)
{
    int end = 0;

    *width = 1280;
    *height = 720;
    if (!text)
        return 0;
    if (sscanf(text, "%4dx%4d%n", width, height, &end) == 2 && !text[end] && *width >= 64 &&
        *height >= 64 && *width <= SIDE_MAX && *height <= SIDE_MAX)
        return 0;
    err_set(err, ERR_INVALID, "size: \"%.20s\" is not WIDTHxHEIGHT within 64 and %d", text,
            SIDE_MAX);
    return err_next(err, "pass e.g. 1280x720");
}

static struct video *video_new(struct recordings *all, int64_t fps)
{
    struct video *v = calloc(1, sizeof(*v));
    pthread_condattr_t attr;

    if (!v)
        return NULL;
    v->all = all;
    v->spacing_ms = 1000 / fps;
    v->jpeg = BUF_MAX(SCREENCAST_FRAME_MAX);
    v->work = v->next = BUF_MAX(SCREENCAST_FRAME_MAX);
    pthread_mutex_init(&v->mail, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&v->came, &attr);
    pthread_condattr_destroy(&attr);
    return v;
}

/* A page gives one at once; what it shows when the call returns is in the video. */
static void wait_for_first(struct video *v)
{
    int64_t until = clock_ms() + FIRST_MS;
    struct timespec ts = { .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };
    int r = 0;

    pthread_mutex_lock(&v->mail);
    while (!v->fresh && !v->why && !r)
        r = pthread_cond_timedwait(&v->came, &v->mail, &ts);
    pthread_mutex_unlock(&v->mail);
}

int recording_start_video(struct tool_call *call, const struct recording_start_args *args,
                          struct recording_meta *meta, struct recording **out, struct err *err)
{
    struct recordings *all = ((struct tools_context *)call->context)->recordings;
    AUTO_PTR(recording) struct recording *r = NULL;
    struct screencast_sink sink = { .frame = on_frame, .over = on_over };
    struct video *v;
    int width, height;

    if (parse_size(args->size, &width, &height, err))
        return -1;
    v = video_new(all, args->fps);
    if (!v)
        return err_oom(err);
    sink.context = v;
    if (browsing_begin(call, args->source, &v->at, err)) {
        video_free(v);
        return -1;
    }
    snprintf(meta->source, sizeof(meta->source), "%s", page_id(v->at.page));
    snprintf(meta->sandbox, sizeof(meta->sandbox), "%s", v->at.sandbox->id);
    if (recording_make(call, &kind, meta, tools_ms((double)args->max_s), &r, err)) {
        video_free(v);
        return -1;
    }
    if (screencast_start(v->at.page, width, height, QUALITY, &sink, call->call, err)) {
        recording_cancel(TAKE(r));
        video_free(v);
        return -1;
    }
    wait_for_first(v);
    r->own = v;
    r->started_ms = clock_ms();
    recording_run(r);
    *out = TAKE(r);
    return 0;
}
