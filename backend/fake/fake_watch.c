#include "backend/fake/fake.h"

#include <stdio.h>
#include <string.h>

#define WATCH_ID "fw_fake"

void fake_changed(struct fake *f, char kind, const char *path)
{
    int64_t at = f->changed++ % FAKE_CHANGES;

    f->changes[at].kind = kind;
    snprintf(f->changes[at].path, sizeof(f->changes[at].path), "%s", path);
}

/* Lock held. */
static int told(struct fake *f, const struct file_watch_request *req, struct file_watch_result *res,
                struct err *err)
{
    int64_t seq = req->cursor < 0 ? 0 : req->cursor;

    res->overflow = seq + FAKE_CHANGES < f->changed;
    if (res->overflow)
        seq = f->changed - FAKE_CHANGES;
    for (; seq < f->changed; seq++) {
        struct file_event e = { .kind = f->changes[seq % FAKE_CHANGES].kind,
                                .time_ms = seq * 1000,
                                .path = f->changes[seq % FAKE_CHANGES].path };
        if (file_watch_add(res, &e, err))
            return -1;
    }
    res->cursor = f->changed;
    return 0;
}

/* Lock held. */
static int watch(struct fake *f, const struct file_watch_request *req,
                 struct file_watch_result *res, struct err *err)
{
    if (req->action == FILE_WATCH_START) {
        f->watched = true;
        res->folders = 1;
        res->path = strdup(req->path ? req->path : "/workspace");
        return res->path ? 0 : err_oom(err);
    }
    if (!f->watched || strcmp(req->watch_id, WATCH_ID) != 0)
        return err_set(err, ERR_GONE, "no such watch");
    f->watched = req->action != FILE_WATCH_STOP;
    return f->watched ? told(f, req, res, err) : 0;
}

static int fake_file_watch(struct sandbox *sb, struct call *call UNUSED,
                           const struct file_watch_request *req, struct file_watch_result *res,
                           struct err *err)
{
    struct fake *f = fake_of(sb);
    int r;

    snprintf(res->watch_id, sizeof(res->watch_id), WATCH_ID);
    pthread_mutex_lock(&f->lock);
    r = watch(f, req, res, err);
    pthread_mutex_unlock(&f->lock);
    return r;
}

const struct file_watch_ops fake_file_watch_ops = {
    .watch = fake_file_watch,
};
