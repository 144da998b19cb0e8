#include "backend/local/watch_parts.h"
#include "base/clock.h"
#include "base/log.h"

#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <time.h>

#define FRAMES_MAX 16 /* of one step */
#define FRAMES_A_SECOND 50
#define SEND_MS 2000 /* for an agent that does not take what it is told */
#define LOOK_MS 50   /* whether it takes more */

static struct watch_line *line_of(struct pump *p)
{
    return (struct watch_line *)((char *)p - offsetof(struct watch_line, pump));
}

static size_t line_fds(struct pump *p, struct pollfd fds[PUMP_FDS])
{
    fds[0] = (struct pollfd){ .fd = line_of(p)->channel, .events = POLLIN };
    return 1;
}

/* bits NULL: every file. */
static void tell_files(struct local_sandbox *sb, const uint8_t *bits)
{
    struct watch *found[WATCH_SLOTS_ALL];
    size_t count = 0;

    pthread_mutex_lock(&sb->lock);
    list_each(link, &sb->watches.all)
    {
        struct watch *w = list_of(link, struct watch, link);
        if (w->request.kind != WATCH_FILE || count == COUNT_OF(found) ||
            (bits && !(bits[w->slot / 8] & 1u << w->slot % 8)))
            continue;
        atomic_fetch_add(&w->refs, 1);
        found[count++] = w;
    }
    pthread_mutex_unlock(&sb->lock);
    watch_tell(found, count);
}

/* False: nothing was to be answered. */
static bool placed(struct watch_line *l, uint32_t slot)
{
    struct local_sandbox *sb = l->sandbox;
    bool awaited;

    pthread_mutex_lock(&sb->lock);
    awaited = l->awaited > 0;
    l->awaited -= awaited;
    list_each(link, &sb->watches.all)
    {
        struct watch *w = list_of(link, struct watch, link);
        if (sb->watches.line == l && w->known == WATCH_SENT && w->slot == slot)
            w->known = WATCH_PLACED;
    }
    pthread_cond_broadcast(&sb->changed);
    pthread_mutex_unlock(&sb->lock);
    return awaited;
}

static bool violation(struct watch_line *l, const char *what)
{
    struct err err = { 0 };

    return agent_violation(l->agent, what, &err) == 0;
}

/* False: the agent broke the protocol, or gave up. */
static bool take(struct watch_line *l, const struct frame *f, int64_t now_ms)
{
    const uint8_t *bits = f->in.tags[TAG_DATA].data;

    if (f->in.op == WIRE_ERROR)
        return false;
    if (f->in.op == WIRE_REPLY)
        return placed(l, wire_u32(&f->in, TAG_WATCH, WIRE_WATCHES)) ||
               violation(l, "a reply to nothing");
    if (now_ms - l->counted_ms >= WATCH_SPACE_MS) {
        l->counted_ms = now_ms;
        l->frames = 0;
    }
    if (f->in.op != WIRE_CHANGED || f->in.tags[TAG_DATA].len != sizeof(l->bits) ||
        ++l->frames > FRAMES_A_SECOND)
        return violation(l, "an unexpected frame");
    for (size_t i = 0; i < sizeof(l->bits); i++)
        l->bits[i] |= bits[i];
    l->pending = true;
    return true;
}

/* False: it is over. */
static bool receive(struct watch_line *l, int64_t now_ms)
{
    AUTO_FREE struct frame *f = malloc(sizeof(*f));

    for (int i = 0; f && i < FRAMES_MAX; i++)
        switch (channel_recv(l->channel, f)) {
        case CHANNEL_AGAIN:
            return true;
        case CHANNEL_EOF:
            return false;
        case CHANNEL_BAD:
            return violation(l, "a malformed frame");
        case CHANNEL_FRAME:
            if (!take(l, f, now_ms))
                return false;
        }
    return true;
}

static bool line_step(struct pump *p, int64_t now_ms)
{
    struct watch_line *l = line_of(p);
    uint8_t bits[sizeof(l->bits)];

    if (!receive(l, now_ms))
        return true;
    p->due_ms = l->pending ? l->told_ms + WATCH_SPACE_MS : 0;
    if (!l->pending || now_ms < p->due_ms)
        return false;
    memcpy(bits, l->bits, sizeof(bits));
    memset(l->bits, 0, sizeof(bits));
    l->pending = false;
    l->told_ms = now_ms;
    p->due_ms = 0;
    tell_files(l->sandbox, bits);
    return false;
}

/* Sandbox lock held. */
static void unsend(struct local_sandbox *sb)
{
    list_each(link, &sb->watches.all) list_of(link, struct watch, link)->known = WATCH_NEW;
}

static void line_drop(struct pump *p)
{
    struct watch_line *l = line_of(p);
    struct local_sandbox *sb = l->sandbox;
    bool was_current;

    pthread_mutex_lock(&sb->lock);
    was_current = sb->watches.line == l;
    if (was_current) {
        sb->watches.line = NULL;
        unsend(sb);
    }
    pthread_mutex_unlock(&sb->lock);
    if (was_current)
        tell_files(sb, NULL);
    fd_close(&l->channel);
    agent_unref(l->agent);
    free(l);
    pthread_mutex_lock(&sb->lock);
    sb->watches.lines--;
    pthread_mutex_unlock(&sb->lock);
}

static const struct pump_ops line_ops = {
    .fds = line_fds,
    .step = line_step,
    .drop = line_drop,
};

/* A line that is not yet the reactor's. */
static int line_new(struct local_sandbox *sb, struct agent *a, struct watch_line **out,
                    struct err *err)
{
    AUTO_FREE struct wire_out *start = malloc(sizeof(*start));
    AUTO_FREE struct watch_line *l = calloc(1, sizeof(*l));
    AUTO_FD int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    if (!start || !l)
        return err_oom(err);
    if (inotify < 0)
        return err_sys(err, errno, "watch files");
    wire_begin(start, WIRE_START, 0);
    if (agent_open(a, WIRE_WATCH, start, &inotify, 1, &l->channel, err))
        return -1;
    l->pump.ops = &line_ops;
    l->sandbox = sb;
    l->agent = agent_ref(a);
    *out = TAKE(l);
    return 0;
}

/* Sandbox lock held. */
static int say(struct watch_line *l, struct watch *w, struct wire_out *frame, uint8_t op)
{
    wire_begin(frame, op, 0);
    wire_put_u32(frame, TAG_WATCH, w->slot);
    if (op == WIRE_WATCH_PATH)
        wire_put_str(frame, TAG_PATH, w->request.what);
    return channel_send(l->channel, frame, NULL, 0, NULL);
}

/* Sandbox lock held. True when all are in force, or there is nobody to tell. */
static bool send_all(struct local_sandbox *sb, struct wire_out *frame)
{
    struct watch_line *l = sb->watches.line;
    bool all = true;

    list_each(link, &sb->watches.all)
    {
        struct watch *w = list_of(link, struct watch, link);
        if (w->request.kind != WATCH_FILE || !l)
            continue;
        if (w->known == WATCH_NEW && !say(l, w, frame, WIRE_WATCH_PATH)) {
            w->known = WATCH_SENT;
            l->awaited++;
        }
        all &= w->known == WATCH_PLACED;
    }
    return all;
}

/* Sandbox lock held. */
static bool wants_line(const struct local_sandbox *sb, const struct agent *a)
{
    const struct watch_list *w = &sb->watches;

    return w->count > w->polled && sb->agent == a && (!w->line || w->line->agent != a);
}

/* The sandbox has it, or it is gone. */
static void settle_line(struct local_sandbox *sb, struct watch_line *l)
{
    struct watch_line *old = NULL;
    bool taken;

    pthread_mutex_lock(&sb->lock);
    taken = wants_line(sb, l->agent);
    if (taken) {
        old = sb->watches.line;
        sb->watches.line = l;
        sb->watches.lines++;
        unsend(sb);
        if (old)
            shutdown(old->channel, SHUT_RDWR);
    }
    pthread_mutex_unlock(&sb->lock);
    if (taken) {
        reactor_give(sb->backend->reactor, &l->pump);
        return;
    }
    fd_close(&l->channel);
    agent_unref(l->agent);
    free(l);
}

static const struct timespec *in_ms(int64_t ms, struct timespec *ts)
{
    int64_t at = clock_ms() + ms;

    *ts = (struct timespec){ .tv_sec = at / 1000, .tv_nsec = at % 1000 * 1000000 };
    return ts;
}

void line_update(struct local_sandbox *sb, struct agent *a)
{
    AUTO_FREE struct wire_out *frame = malloc(sizeof(*frame));
    int64_t until = clock_ms() + SEND_MS;
    struct watch_line *l = NULL;
    struct timespec ts;
    struct err err = { 0 };
    bool wanted, done = false;

    pthread_mutex_lock(&sb->lock);
    wanted = wants_line(sb, a);
    pthread_mutex_unlock(&sb->lock);
    if (wanted && line_new(sb, a, &l, &err)) {
        log_warn("sandbox %s: files are not watched: %s", sb->base.id, err.msg);
        return;
    }
    if (l)
        settle_line(sb, l);
    pthread_mutex_lock(&sb->lock);
    while (frame && !(done = send_all(sb, frame)) && clock_ms() < until)
        (void)pthread_cond_timedwait(&sb->changed, &sb->lock, in_ms(LOOK_MS, &ts));
    if (!done && sb->watches.line)
        shutdown(sb->watches.line->channel, SHUT_RDWR);
    pthread_mutex_unlock(&sb->lock);
}

void line_forget(struct local_sandbox *sb, struct watch *w)
{
    AUTO_FREE struct wire_out *frame = malloc(sizeof(*frame));
    struct watch_line *l = sb->watches.line;

    if (!l)
        return;
    if (sb->watches.count == sb->watches.polled) {
        sb->watches.line = NULL;
        shutdown(l->channel, SHUT_RDWR);
    } else if (w->known != WATCH_NEW && frame) {
        (void)say(l, w, frame, WIRE_UNWATCH);
    }
}
