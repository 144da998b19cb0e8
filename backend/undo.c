#include "backend/undo_parts.h"
#include "base/clock.h"
#include "base/id.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_MS 50 /* whether the call that waits is over */

const struct undo_limits undo_default_limits = {
    .steps = UNDO_STEPS,
    .files = 64,
    .bytes = 32u << 20,
    .all = 256u << 20,
};

static const char no_content[] = "what it held before the last write is larger than 8 MiB or could "
                                 "not be read";
static const char no_hash[] = "it is too large to be compared with what the last write left";

struct undo *undo_new(const struct undo_limits *limits)
{
    struct undo *u = calloc(1, sizeof(*u));
    pthread_condattr_t monotonic;

    if (!u)
        return NULL;
    pthread_mutex_init(&u->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&u->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    list_init(&u->writers);
    list_init(&u->boxes);
    u->limits = *limits;
    return u;
}

void undo_free(struct undo *u)
{
    if (!u)
        return;
    list_each(link, &u->boxes) undo_box_free(u, list_of(link, struct undo_box, link));
    pthread_cond_destroy(&u->ended);
    pthread_mutex_destroy(&u->lock);
    free(u);
}

void undo_forget(struct undo *u, const char *sandbox)
{
    struct undo_box *box;

    pthread_mutex_lock(&u->lock);
    box = undo_box(u, sandbox, false);
    if (box)
        undo_box_free(u, box);
    pthread_mutex_unlock(&u->lock);
}

static bool in_flight(const struct undo *u, const struct undo_writer *w)
{
    list_each(link, &u->writers)
    {
        const struct undo_writer *other = list_of(link, struct undo_writer, link);
        if (!strcmp(other->path, w->path) && !strcmp(other->sandbox, w->sandbox))
            return true;
    }
    return false;
}

void undo_begin(struct undo *u, struct undo_writer *w, struct call *call)
{
    int64_t until = clock_ms() + UNDO_WAIT_MS;
    struct undo_box *box;

    pthread_mutex_lock(&u->lock);
    while (in_flight(u, w) && clock_ms() < until && !call_check(call, NULL)) {
        int64_t soon = clock_ms() + LOOK_MS;
        struct timespec ts = { .tv_sec = soon / 1000, .tv_nsec = soon % 1000 * 1000000 };
        pthread_cond_timedwait(&u->ended, &u->lock, &ts);
    }
    list_append(&u->writers, &w->link);
    box = undo_box(u, w->sandbox, true);
    if (box)
        box->writing++;
    w->begun = ++u->clock;
    pthread_mutex_unlock(&u->lock);
}

/* Lock held. */
static void leave(struct undo *u, struct undo_writer *w, struct undo_box *box)
{
    list_remove(&w->link);
    if (box && box->writing)
        box->writing--;
    pthread_cond_broadcast(&u->ended);
}

void undo_abandon(struct undo *u, struct undo_writer *w)
{
    pthread_mutex_lock(&u->lock);
    leave(u, w, undo_box(u, w->sandbox, false));
    pthread_mutex_unlock(&u->lock);
}

/* ---- push ---- */

static struct undo_content *content_of(struct buf *data)
{
    struct undo_content *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    *c = (struct undo_content){ .refs = 1, .data = data->data, .len = data->len };
    *data = (struct buf){ 0 };
    return c;
}

static const char *before_of(struct undo_step *s)
{
    if (!s->before[0] && s->content)
        sha256_hex(s->content->data, s->content->len, s->before);
    return s->before;
}

/* Where the step belongs: on top, but for a write that overtook another one. */
static unsigned place_of(struct undo_file *f, struct undo_step *s)
{
    if (!f->count || !strcmp(f->steps[f->count - 1].after, before_of(s)))
        return f->count;
    for (unsigned at = f->count; at > 0; at--)
        if (!strcmp(before_of(&f->steps[at - 1]), s->after))
            return at - 1;
    return f->count;
}

static void insert(struct undo *u, struct undo_box *box, struct undo_file *f, struct undo_step *s,
                   bool overtaken)
{
    unsigned at = overtaken ? place_of(f, s) : f->count;

    if (f->count == u->limits.steps) {
        undo_step_remove(u, box, f, 0);
        f->dropped = true;
        at -= at > 0;
    }
    memmove(&f->steps[at + 1], &f->steps[at], (f->count - at) * sizeof(*s));
    f->steps[at] = *s;
    f->count++;
    if (s->content) {
        box->bytes += s->content->len;
        u->bytes += s->content->len;
    }
}

/* False: the write cannot be undone, and *why says why. */
static bool step_of(struct file_write_result *res, struct undo_step *s, const char **why)
{
    static const enum undo_how how[] = {
        [OLD_NONE] = UNDO_REMOVE,
        [OLD_CONTENT] = UNDO_CONTENT,
        [OLD_LENGTH] = UNDO_CUT,
    };
    struct file_old *old = &res->old;

    *s = (struct undo_step){ .len = old->size, .permissions = -1 };
    *why = !res->sha256[0] ? no_hash : no_content;
    if (!res->sha256[0] || old->kind == OLD_UNKNOWN)
        return false;
    s->how = how[old->kind];
    if (old->kind != OLD_NONE && old->mode != res->mode)
        s->permissions = (int)(old->mode & 01777);
    memcpy(s->after, res->sha256, sizeof(s->after));
    memcpy(s->before, old->sha256, sizeof(s->before));
    if (old->kind == OLD_CONTENT)
        s->content = content_of(&old->data);
    return old->kind != OLD_CONTENT || s->content;
}

/* What is below the creation of a file belongs to another one. */
static bool is_bottom(struct undo_file *f, const struct undo_step *s, bool overtaken)
{
    return s->how == UNDO_REMOVE &&
           !(overtaken && f->count && !strcmp(before_of(&f->steps[0]), s->after));
}

static void keep(struct undo *u, struct undo_box *box, struct undo_file *f, struct undo_step *s,
                 const char *why, bool overtaken)
{
    if (!why && !undo_make_room(u, box, s->content ? s->content->len : 0))
        why = no_content;
    if (why || is_bottom(f, s, overtaken))
        undo_file_clear(u, box, f);
    f->why = why;
    if (why) {
        undo_content_unref(s->content);
        return;
    }
    s->id = ++u->clock;
    insert(u, box, f, s, overtaken);
}

void undo_push(struct undo *u, struct undo_writer *w, struct file_write_result *res)
{
    struct undo_step step;
    const char *why;
    bool good = step_of(res, &step, &why);
    struct undo_box *box;
    struct undo_file *f;

    pthread_mutex_lock(&u->lock);
    box = undo_box(u, w->sandbox, true);
    f = box ? undo_file_made(u, box, res->path) : NULL;
    if (f)
        keep(u, box, f, &step, good ? NULL : why, box->writing > 1 || box->pushed > w->begun);
    else
        undo_content_unref(step.content);
    if (box)
        box->pushed = ++u->clock;
    leave(u, w, box);
    pthread_mutex_unlock(&u->lock);
}

/* ---- undo ---- */

/* Steps that can be taken back one after another, from this content on. */
static unsigned linked(struct undo_file *f, const char *sha256)
{
    unsigned n = 0;

    while (n < f->count && !strcmp(f->steps[f->count - 1 - n].after, sha256)) {
        sha256 = before_of(&f->steps[f->count - 1 - n]);
        n++;
    }
    return n;
}

static int nothing(const struct undo *u, const struct undo_file *f, const char *path,
                   struct err *err)
{
    const char *why = f && f->why ? f->why
                      : f && f->dropped
                          ? "its steps were dropped for newer ones"
                          : "no file_write, file_replace or file_edit that is left to undo "
                            "changed it since the server started";

    err_set(err, ERR_NOT_FOUND, "nothing to undo in %s: %s", path, why);
    return err_next(err,
                    "%u steps of a file, %u files and %zu MiB of a sandbox are kept; write the "
                    "text that you want with file_write",
                    u->limits.steps, u->limits.files, u->limits.bytes >> 20);
}

static int too_far(const struct undo_file *f, const char *path, unsigned can, int64_t steps,
                   struct err *err)
{
    if (!can) {
        err_set(err, ERR_CONFLICT,
                "%s was changed by something else since the last edit through the tools; nothing "
                "was undone",
                path);
        return err_next(err, "file_read it and edit it, or restore it from version control");
    }
    err_set(err, ERR_CONFLICT, "%lld steps of %s cannot be undone, only %u%s; nothing was undone",
            (long long)steps, path, can,
            can < f->count ? ": before that it was changed by something else"
            : f->dropped   ? ": older ones were dropped"
                           : "");
    return err_next(err, "pass steps=%u or less", can);
}

static void fold(const struct undo_file *f, unsigned count, struct undo_plan *out)
{
    out->permissions = -1;
    out->count = count;
    out->how = UNDO_CUT;
    out->len = INT64_MAX;
    for (unsigned i = 0; i < count; i++) {
        const struct undo_step *s = &f->steps[f->count - 1 - i];
        out->steps[i] = s->id;
        if (s->permissions >= 0)
            out->permissions = s->permissions;
        if (s->how == UNDO_CUT) {
            out->len = s->len < out->len ? s->len : out->len;
            continue;
        }
        out->how = s->how;
        undo_content_unref(out->content);
        out->content = s->content;
        if (out->content)
            out->content->refs++;
        out->data = s->content ? s->content->data : NULL;
        out->len = s->content ? (int64_t)s->content->len : 0;
    }
    if (out->how == UNDO_CONTENT && !out->data)
        out->data = "";
}

int undo_plan(struct undo *u, const char *sandbox, const char *path, const char *sha256,
              int64_t steps, struct undo_plan *out, struct err *err)
{
    struct undo_file *f;
    unsigned can;
    int r = 0;

    pthread_mutex_lock(&u->lock);
    f = undo_file(undo_box(u, sandbox, false), path);
    can = f ? linked(f, sha256) : 0;
    if (!f || !f->count)
        r = nothing(u, f, path, err);
    else if (steps > can)
        r = too_far(f, path, can, steps, err);
    else
        fold(f, (unsigned)steps, out);
    out->undo = u;
    pthread_mutex_unlock(&u->lock);
    return r;
}

void undo_plan_done(struct undo_plan *plan)
{
    if (!plan->content)
        return;
    pthread_mutex_lock(&plan->undo->lock);
    undo_content_unref(plan->content);
    pthread_mutex_unlock(&plan->undo->lock);
    plan->content = NULL;
}

void undo_commit(struct undo *u, const char *sandbox, const char *path,
                 const struct undo_plan *plan)
{
    struct undo_box *box;
    struct undo_file *f;

    pthread_mutex_lock(&u->lock);
    box = undo_box(u, sandbox, false);
    f = undo_file(box, path);
    for (unsigned i = 0; f && i < plan->count; i++)
        for (unsigned at = 0; at < f->count; at++)
            if (f->steps[at].id == plan->steps[i])
                undo_step_remove(u, box, f, at);
    pthread_mutex_unlock(&u->lock);
}

unsigned undo_depth(struct undo *u, const char *sandbox, const char *path, const char *sha256)
{
    struct undo_file *f;
    unsigned n;

    pthread_mutex_lock(&u->lock);
    f = undo_file(undo_box(u, sandbox, false), path);
    n = f ? linked(f, sha256) : 0;
    pthread_mutex_unlock(&u->lock);
    return n;
}

bool undo_dropped(struct undo *u, const char *sandbox, const char *path)
{
    struct undo_file *f;
    bool dropped;

    pthread_mutex_lock(&u->lock);
    f = undo_file(undo_box(u, sandbox, false), path);
    dropped = f && f->dropped;
    pthread_mutex_unlock(&u->lock);
    return dropped;
}
