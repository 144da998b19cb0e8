#include "backend/pty_ops.h"
#include "base/cleanup.h"

#include <stdlib.h>
#include <string.h>

void pty_result_done(struct pty_result *r)
{
    buf_done(&r->screen);
    buf_done(&r->scrolled);
    free(r->title);
    free(r->note);
    *r = (struct pty_result){ 0 };
}

static void entry_done(struct pty_entry *e)
{
    free(e->command);
    free(e->ended);
}

int pty_list_add(struct pty_list *l, const struct pty_entry *e, struct err *err)
{
    struct pty_entry copy = *e, *more;
    size_t cap = l->cap ? l->cap * 2 : 8;

    copy.command = strdup(e->command);
    copy.ended = e->ended ? strdup(e->ended) : NULL;
    if (l->count == l->cap && copy.command) {
        more = realloc(l->entries, cap * sizeof(*more));
        if (more) {
            l->entries = more;
            l->cap = cap;
        }
    }
    if (l->count == l->cap || !copy.command || (e->ended && !copy.ended)) {
        entry_done(&copy);
        return err_oom(err);
    }
    l->entries[l->count++] = copy;
    return 0;
}

void pty_list_done(struct pty_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        entry_done(&l->entries[i]);
    free(l->entries);
    *l = (struct pty_list){ 0 };
}
