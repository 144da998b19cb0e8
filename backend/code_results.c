#include "backend/code_ops.h"

#include <stdlib.h>

void context_info_done(struct context_info *info)
{
    free(info->cwd);
    free(info->name);
    info->cwd = info->name = NULL;
}

int context_result_add(struct context_result *r, struct context_info *info, struct err *err)
{
    if (r->count == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 8;
        struct context_info *items = realloc(r->items, cap * sizeof(*items));
        if (!items) {
            context_info_done(info);
            return err_oom(err);
        }
        r->items = items;
        r->cap = cap;
    }
    r->items[r->count++] = *info;
    return 0;
}

void context_result_done(struct context_result *r)
{
    for (size_t i = 0; i < r->count; i++)
        context_info_done(&r->items[i]);
    free(r->items);
    free(r->note);
    *r = (struct context_result){ 0 };
}

void packages_result_done(struct packages_result *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->items[i].name);
        free(r->items[i].value);
    }
    free(r->items);
    free(r->log);
    free(r->note);
    *r = (struct packages_result){ 0 };
}
