/*
 * file_watch: one WIRE_OBSERVE operation for each. The agent keeps what happened; here are only the
 * handles. A watch ends with the processes of its sandbox.
 */
#include "backend/local/local.h"
#include "backend/local/records.h"
#include "base/clock.h"
#include "base/id.h"

#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>

#define ANSWER_MS 30000

struct observed {
    struct list link; /* sandbox lock; in the list it is referenced once */
    unsigned refs;    /* sandbox lock */
    char id[ID_SIZE];
    struct agent *agent;
    int channel;
    bool polling, over; /* sandbox lock */
    uint32_t polls;     /* of the one who is polling */
    int64_t used_ms;    /* sandbox lock */
};

static void drop(struct observed *o)
{
    if (--o->refs)
        return;
    fd_close(&o->channel);
    agent_unref(o->agent);
    free(o);
}

/* Sandbox lock held. */
static void end(struct observed *o)
{
    if (o->over)
        return;
    o->over = true;
    shutdown(o->channel, SHUT_RDWR);
    list_remove(&o->link);
    drop(o);
}

void local_observed_stopped(struct local_sandbox *sb)
{
    list_each(link, &sb->observed) end(list_of(link, struct observed, link));
}

static int gone(struct err *err)
{
    err_set(err, ERR_GONE,
            "no such watch: it was stopped, nobody polled it for %d minutes, or the "
            "sandbox was stopped",
            FILE_WATCH_IDLE_MS / 60000);
    return err_next(err, "start one anew, and look at the files for what changed in between");
}

/* Sandbox lock held. */
static unsigned expire(struct local_sandbox *sb)
{
    unsigned count = 0;

    list_each(link, &sb->observed)
    {
        struct observed *o = list_of(link, struct observed, link);
        if (!o->polling && clock_ms() - o->used_ms > FILE_WATCH_IDLE_MS)
            end(o);
        else
            count++;
    }
    return count;
}

static struct observed *find(struct local_sandbox *sb, const char *id)
{
    (void)expire(sb);
    list_each(link, &sb->observed)
    {
        struct observed *o = list_of(link, struct observed, link);
        if (!strcmp(o->id, id))
            return o;
    }
    return NULL;
}

static int too_many(struct err *err)
{
    err_set(err, ERR_QUOTA, "%d watches of this sandbox are open", FILE_WATCHES_MAX);
    return err_next(err, "stop one, or watch a folder with recursive");
}

static int has_room(struct local_sandbox *sb, struct err *err)
{
    unsigned count;

    pthread_mutex_lock(&sb->lock);
    count = expire(sb);
    pthread_mutex_unlock(&sb->lock);
    return count < FILE_WATCHES_MAX ? 0 : too_many(err);
}

/* The sandbox has it from now on, if it still runs and none took its place. */
static int enter(struct local_sandbox *sb, struct observed *o, struct err *err)
{
    int r = 0;

    pthread_mutex_lock(&sb->lock);
    if (sb->agent != o->agent)
        r = gone(err);
    else if (expire(sb) >= FILE_WATCHES_MAX)
        r = too_many(err);
    else
        list_append(&sb->observed, &o->link);
    if (r)
        drop(o);
    pthread_mutex_unlock(&sb->lock);
    return r;
}

static char *joined(const struct wire_in *in)
{
    const uint32_t name = in->tags[TAG_PATTERN].len, len = in->tags[TAG_PATH].len;
    const uint32_t root = name && len == 1 ? 0 : len; /* "/" and a name */
    char *out = malloc((size_t)root + name + 2);

    if (!out)
        return NULL;
    memcpy(out, root ? in->tags[TAG_PATH].data : (const uint8_t *)"", root);
    if (name) {
        out[root] = '/';
        memcpy(out + root + 1, in->tags[TAG_PATTERN].data, name);
    }
    out[root + (name ? 1 + name : 0)] = '\0';
    return out;
}

static int open_one(struct local_sandbox *sb, struct call *call,
                    const struct file_watch_request *req, struct observed *o,
                    struct file_watch_result *res, struct err *err)
{
    AUTO(buf) struct buf full = BUF_MAX(8192);
    AUTO_FREE struct wire_out *start = malloc(sizeof(*start));
    AUTO_FREE struct frame *f = malloc(sizeof(*f));
    AUTO_FD int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    if (!start || !f)
        return err_oom(err);
    if (inotify < 0) {
        err_sys(err, errno, "watch files");
        return err_next(err, "the operator can raise fs.inotify.max_user_instances");
    }
    if (local_path(sb, req->path, &full, err) || local_agent(sb, call, &o->agent, err))
        return -1;
    wire_begin(start, WIRE_START, 0);
    wire_put_str(start, TAG_PATH, full.data);
    wire_put_u32(start, TAG_FLAGS, req->recursive ? WIRE_F_RECURSIVE : 0);
    if (agent_open(o->agent, WIRE_OBSERVE, start, &inotify, 1, &o->channel, err) ||
        channel_expect(o->agent, o->channel, WIRE_REPLY, call, clock_ms() + ANSWER_MS, f, err))
        return -1;
    res->path = joined(&f->in);
    res->folders = wire_i64(&f->in, TAG_TOTAL, 0);
    res->partial = wire_u32(&f->in, TAG_FLAGS, 0) & WIRE_F_PARTIAL;
    return res->path ? 0 : err_oom(err);
}

static int start(struct local_sandbox *sb, struct call *call, const struct file_watch_request *req,
                 struct file_watch_result *res, struct err *err)
{
    struct observed *o;

    if (has_room(sb, err))
        return -1;
    o = calloc(1, sizeof(*o));
    if (!o)
        return err_oom(err);
    *o = (struct observed){ .refs = 1, .channel = -1, .used_ms = clock_ms() };
    id_make("fw", o->id);
    memcpy(res->watch_id, o->id, sizeof(res->watch_id));
    if (open_one(sb, call, req, o, res, err)) {
        drop(o);
        return -1;
    }
    return enter(sb, o, err);
}

static int take_change(struct records *r, struct file_watch_result *res, struct err *err)
{
    struct file_event c = { .kind = records_char(r) };
    AUTO_FREE char *path = NULL, *from = NULL;

    c.time_ms = records_i64(r);
    path = records_str(r);
    from = records_str(r);
    if (!records_done(r) || !path || !from || !c.kind || !strchr("cmdva", c.kind))
        return err_set(err, ERR_PROTOCOL, "a malformed record");
    c.path = path;
    c.from = *from ? from : NULL;
    return file_watch_add(res, &c, err);
}

static int take_answer(struct observed *o, const struct wire_in *in, struct file_watch_result *res,
                       struct err *err)
{
    struct records r = records_over(in->tags[TAG_DATA].data, in->tags[TAG_DATA].len);
    uint32_t flags = wire_u32(in, TAG_FLAGS, 0);
    char kind;

    res->cursor = wire_i64(in, TAG_OFFSET, 0);
    res->more = flags & WIRE_F_TRUNCATED;
    res->overflow = flags & WIRE_F_LOST;
    res->ended = flags & WIRE_F_ENDED;
    res->partial = flags & WIRE_F_PARTIAL;
    while ((kind = records_next(&r)))
        if (kind != 'w' || take_change(&r, res, err))
            return agent_violation(o->agent, "a malformed record of a change", err);
    return r.bad ? agent_violation(o->agent, "malformed records of changes", err) : 0;
}

static int ask(struct observed *o, struct call *call, const struct file_watch_request *req,
               struct file_watch_result *res, struct err *err)
{
    AUTO_FREE struct wire_out *w = malloc(sizeof(*w));
    AUTO_FREE struct frame *f = malloc(sizeof(*f));
    int64_t until = clock_ms() + req->wait_ms + ANSWER_MS;
    uint32_t id = ++o->polls;

    if (!w || !f)
        return err_oom(err);
    wire_begin(w, WIRE_POLL, 0);
    wire_put_u32(w, TAG_POLL, id);
    wire_put_i64(w, TAG_OFFSET, req->cursor);
    wire_put_u32(w, TAG_WAIT_MS, (uint32_t)req->wait_ms);
    wire_put_i64(w, TAG_MAX_BYTES, FILE_WATCH_POLL_BYTES);
    if (channel_send(o->channel, w, NULL, 0, NULL))
        return gone(err);
    do /* an answer to one that was given up may come first */
        if (channel_expect(o->agent, o->channel, WIRE_REPLY, call, until, f, err))
            return -1;
    while (wire_u32(&f->in, TAG_POLL, id) != id && clock_ms() < until);
    return take_answer(o, &f->in, res, err);
}

static int poll_one(struct local_sandbox *sb, struct call *call,
                    const struct file_watch_request *req, struct file_watch_result *res,
                    struct err *err)
{
    struct observed *o;
    int r = 0;

    pthread_mutex_lock(&sb->lock);
    o = find(sb, req->watch_id);
    if (!o)
        r = gone(err);
    else if (o->polling)
        r = err_set(err, ERR_BUSY, "another call polls this watch");
    if (!r) {
        o->polling = true;
        o->refs++;
    }
    pthread_mutex_unlock(&sb->lock);
    if (r)
        return -1;
    memcpy(res->watch_id, o->id, sizeof(res->watch_id));
    r = ask(o, call, req, res, err);
    pthread_mutex_lock(&sb->lock);
    if (r && (o->over || (err && err->code == ERR_UNAVAILABLE)))
        r = gone(err);
    if ((r && err && err->code == ERR_GONE) || res->ended)
        end(o);
    o->polling = false;
    o->used_ms = clock_ms();
    drop(o);
    pthread_mutex_unlock(&sb->lock);
    return r;
}

static int stop(struct local_sandbox *sb, const struct file_watch_request *req,
                struct file_watch_result *res, struct err *err)
{
    struct observed *o;

    pthread_mutex_lock(&sb->lock);
    o = find(sb, req->watch_id);
    if (o) {
        memcpy(res->watch_id, o->id, sizeof(res->watch_id));
        end(o);
    }
    pthread_mutex_unlock(&sb->lock);
    return o ? 0 : gone(err);
}

static int local_file_watch(struct sandbox *base, struct call *call,
                            const struct file_watch_request *req, struct file_watch_result *res,
                            struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);

    switch (req->action) {
    case FILE_WATCH_START:
        return start(sb, call, req, res, err);
    case FILE_WATCH_POLL:
        return poll_one(sb, call, req, res, err);
    case FILE_WATCH_STOP:
        return stop(sb, req, res, err);
    }
    return err_set(err, ERR_INTERNAL, "no such action");
}

const struct file_watch_ops local_file_watch_ops = {
    .watch = local_file_watch,
};
