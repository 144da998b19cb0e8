#include "backend/manage_ops.h"

#include <stdlib.h>
#include <string.h>

static void *room(void *items, size_t count, size_t *cap, size_t size, struct err *err)
{
    size_t want = *cap ? *cap * 2 : 8;
    void *more;

    if (count < *cap)
        return items;
    more = reallocarray(items, want, size);
    if (!more) {
        err_oom(err);
        return NULL;
    }
    *cap = want;
    return more;
}

static void facts_done(struct file_facts *f)
{
    free(f->path);
    free(f->owner);
    free(f->group);
    free(f->target);
}

int file_stat_add(struct file_stat_result *r, struct file_facts *facts, struct err *err)
{
    struct file_facts *items = room(r->items, r->count, &r->cap, sizeof(*items), err);

    if (!items) {
        facts_done(facts);
        return -1;
    }
    r->items = items;
    items[r->count++] = *facts;
    return 0;
}

void file_stat_result_done(struct file_stat_result *r)
{
    for (size_t i = 0; i < r->count; i++)
        facts_done(&r->items[i]);
    free(r->items);
    *r = (struct file_stat_result){ 0 };
}

int file_manage_done_add(struct file_manage_result *r, const char *path, const char *to,
                         struct err *err)
{
    struct file_change *done = room(r->done, r->count, &r->cap, sizeof(*done), err), *last;

    if (!done)
        return -1;
    r->done = done;
    last = &done[r->count++];
    last->path = strdup(path);
    last->to = strdup(to);
    return last->path && last->to ? 0 : err_oom(err);
}

int file_manage_error_add(struct file_manage_result *r, const char *path, const struct err *why,
                          struct err *err)
{
    struct path_error *errors, *last;

    r->failed++;
    if (r->error_count == MANAGE_ERRORS_MAX)
        return 0;
    errors = room(r->errors, r->error_count, &r->error_cap, sizeof(*errors), err);
    if (!errors)
        return -1;
    r->errors = errors;
    last = &errors[r->error_count++];
    last->path = strdup(path);
    last->err = *why;
    return last->path ? 0 : err_oom(err);
}

void file_manage_result_done(struct file_manage_result *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->done[i].path);
        free(r->done[i].to);
    }
    for (size_t i = 0; i < r->error_count; i++)
        free(r->errors[i].path);
    free(r->done);
    free(r->errors);
    *r = (struct file_manage_result){ 0 };
}
