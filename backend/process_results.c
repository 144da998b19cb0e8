#include "backend/process_ops.h"

#include <stdlib.h>
#include <string.h>

void wait_result_done(struct wait_result *r)
{
    free(r->line);
    free(r->note);
    strings_done(&r->denied);
    *r = (struct wait_result){ 0 };
}

static void *room(void *items, size_t count, size_t *cap, size_t size, struct err *err)
{
    size_t want = *cap ? *cap * 2 : 16;
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

static char *copy(const char *s, bool *failed)
{
    char *c = s ? strdup(s) : NULL;

    *failed |= s && !c;
    return c;
}

int processes_add(struct processes_result *r, const struct process_info *p, struct err *err)
{
    struct process_info *items = room(r->items, r->count, &r->cap, sizeof(*items), err), *to;
    bool failed = false;

    if (!items)
        return -1;
    r->items = items;
    to = &items[r->count++];
    *to = *p;
    to->user = copy(p->user, &failed);
    to->command = copy(p->command, &failed);
    to->process_id = copy(p->process_id, &failed);
    to->session_id = copy(p->session_id, &failed);
    to->context_id = copy(p->context_id, &failed);
    return failed ? err_oom(err) : 0;
}

void processes_result_done(struct processes_result *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->items[i].user);
        free(r->items[i].command);
        free(r->items[i].process_id);
        free(r->items[i].session_id);
        free(r->items[i].context_id);
    }
    free(r->items);
    *r = (struct processes_result){ 0 };
}

int history_add(struct history_result *r, const struct execution *e, struct err *err)
{
    struct execution *items = room(r->items, r->count, &r->cap, sizeof(*items), err), *to;
    bool failed = false;

    if (!items)
        return -1;
    r->items = items;
    to = &items[r->count++];
    *to = *e;
    to->tool = copy(e->tool, &failed);
    to->command = copy(e->command, &failed);
    return failed ? err_oom(err) : 0;
}

void history_result_done(struct history_result *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->items[i].tool);
        free(r->items[i].command);
    }
    free(r->items);
    buf_done(&r->text.text);
    buf_done(&r->errs.text);
    *r = (struct history_result){ 0 };
}
