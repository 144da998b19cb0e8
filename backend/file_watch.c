#include "backend/backend.h"

#include <stdlib.h>
#include <string.h>

int file_watch_add(struct file_watch_result *r, const struct file_event *c, struct err *err)
{
    struct file_event copy = *c;

    if (r->count == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 32;
        struct file_event *more = realloc(r->changes, cap * sizeof(*more));
        if (!more)
            return err_oom(err);
        r->changes = more;
        r->cap = cap;
    }
    copy.path = strdup(c->path);
    copy.from = c->from ? strdup(c->from) : NULL;
    if (!copy.path || (c->from && !copy.from)) {
        free(copy.path);
        free(copy.from);
        return err_oom(err);
    }
    r->changes[r->count++] = copy;
    return 0;
}

void file_watch_result_done(struct file_watch_result *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->changes[i].path);
        free(r->changes[i].from);
    }
    free(r->changes);
    free(r->path);
    *r = (struct file_watch_result){ 0 };
}

int sandbox_file_watch(struct sandbox *sb, struct call *call, const struct file_watch_request *req,
                       struct file_watch_result *res, struct err *err)
{
    const struct file_watch_ops *ops = sb->backend->ops->file_watch;

    if (!ops || !ops->watch)
        return err_set(err, ERR_UNSUPPORTED, "the %s backend cannot watch files",
                       sb->backend->ops->name);
    if (call_check(call, err))
        return -1;
    return ops->watch(sb, call, req, res, err);
}
