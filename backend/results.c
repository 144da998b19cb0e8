#include "backend/results.h"
#include "backend/transfer_ops.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define GROW_MAX 1000000

/* Room for one more element of `size` bytes, zeroed; NULL and err otherwise. */
static void *grow(void *items, size_t count, size_t *cap, size_t size, struct err *err)
{
    size_t want = *cap ? *cap * 2 : 8;
    char *p;

    if (count < *cap)
        return items;
    if (count >= GROW_MAX) {
        err_set(err, ERR_TOO_LARGE, "more than %d items", GROW_MAX);
        return NULL;
    }
    p = realloc(items, want * size);
    if (!p) {
        err_oom(err);
        return NULL;
    }
    memset(p + count * size, 0, (want - count) * size);
    *cap = want;
    return p;
}

int strings_add(struct strings *s, const char *text, size_t len, struct err *err)
{
    char **items = grow(s->items, s->count, &s->cap, sizeof(char *), err);
    char *copy;

    if (!items)
        return -1;
    s->items = items;
    copy = malloc(len + 1);
    if (!copy)
        return err_oom(err);
    memcpy(copy, text, len);
    copy[len] = '\0';
    s->items[s->count++] = copy;
    return 0;
}

int strings_addf(struct strings *s, struct err *err, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0)
        return err_set(err, ERR_INTERNAL, "format failed");
    return strings_add(s, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1, err);
}

void strings_done(struct strings *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->items[i]);
    free(s->items);
    *s = (struct strings){ 0 };
}

void exec_result_done(struct exec_result *r)
{
    buf_done(&r->out.text);
    buf_done(&r->errs.text);
    free(r->cwd);
    free(r->note);
    strings_done(&r->denied);
    if (r->late)
        code_result_done(r->late);
    free(r->late);
    *r = (struct exec_result){ 0 };
}

void kill_result_done(struct kill_result *r)
{
    strings_done(&r->killed);
    *r = (struct kill_result){ 0 };
}

void file_read_result_done(struct file_read_result *r)
{
    free(r->path);
    buf_done(&r->data);
    *r = (struct file_read_result){ 0 };
}

void file_write_result_done(struct file_write_result *r)
{
    free(r->path);
    buf_done(&r->old.data);
    *r = (struct file_write_result){ 0 };
}

void file_put_result_done(struct file_put_result *r)
{
    free(r->path);
    *r = (struct file_put_result){ 0 };
}

void file_take_result_done(struct file_take_result *r)
{
    free(r->path);
    *r = (struct file_take_result){ 0 };
}

static char *copy_or_null(const char *s, bool *failed)
{
    char *copy = s ? strdup(s) : NULL;

    *failed |= s && !copy;
    return copy;
}

int file_list_add(struct file_list_result *r, const struct file_entry *e, struct err *err)
{
    struct file_entry *items = grow(r->entries, r->count, &r->cap, sizeof(*items), err);
    struct file_entry copy = *e;
    bool failed = false;

    if (!items)
        return -1;
    r->entries = items;
    copy.path = copy_or_null(e->path, &failed);
    copy.target = copy_or_null(e->target, &failed);
    r->entries[r->count++] = copy;
    return failed ? err_oom(err) : 0;
}

void file_list_result_done(struct file_list_result *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->entries[i].path);
        free(r->entries[i].target);
    }
    free(r->entries);
    free(r->path);
    free(r->next_cursor);
    *r = (struct file_list_result){ 0 };
}

int file_search_add(struct file_search_result *r, const struct file_match *m, struct err *err)
{
    struct file_match *items = grow(r->matches, r->count, &r->cap, sizeof(*items), err);
    struct file_match copy = *m;
    bool failed = false;

    if (!items)
        return -1;
    r->matches = items;
    copy.path = copy_or_null(m->path, &failed);
    copy.text = copy_or_null(m->text, &failed);
    r->matches[r->count++] = copy;
    return failed ? err_oom(err) : 0;
}

void file_search_result_done(struct file_search_result *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->matches[i].path);
        free(r->matches[i].text);
    }
    free(r->matches);
    free(r->path);
    free(r->next_cursor);
    free(r->note);
    *r = (struct file_search_result){ 0 };
}

void file_replace_result_done(struct file_replace_result *r)
{
    free(r->path);
    buf_done(&r->diff);
    free(r->near_miss);
    *r = (struct file_replace_result){ 0 };
}

int code_result_add(struct code_result *r, const char *mime, const void *data, size_t len,
                    bool truncated, struct err *err)
{
    struct code_output *items = realloc(r->results, (r->result_count + 1) * sizeof(*items));
    struct code_output *o;

    if (!items)
        return err_oom(err);
    r->results = items;
    o = &items[r->result_count];
    *o = (struct code_output){ .mime = strdup(mime), .data = BUF_MAX(len), .truncated = truncated };
    r->result_count++;
    if (!o->mime)
        return err_oom(err);
    return buf_add(&o->data, data, len, err);
}

struct code_result *code_results_copy(const struct code_result *r, struct err *err)
{
    struct code_result *copy = calloc(1, sizeof(*copy));
    int fail = copy ? 0 : err_oom(err);

    for (size_t i = 0; i < r->result_count && !fail; i++) {
        const struct code_output *o = &r->results[i];
        fail = code_result_add(copy, o->mime, o->data.data, o->data.len, o->truncated, err);
    }
    for (size_t i = 0; i < r->files_created.count && !fail; i++)
        fail = strings_add(&copy->files_created, r->files_created.items[i],
                           strlen(r->files_created.items[i]), err);
    if (!fail) {
        copy->results_dropped = r->results_dropped;
        return copy;
    }
    if (copy)
        code_result_done(copy);
    free(copy);
    return NULL;
}

void code_result_done(struct code_result *r)
{
    for (size_t i = 0; i < r->result_count; i++) {
        free(r->results[i].mime);
        buf_done(&r->results[i].data);
    }
    free(r->results);
    free(r->text);
    buf_done(&r->out.text);
    buf_done(&r->errs.text);
    free(r->error_name);
    free(r->error_value);
    free(r->traceback);
    strings_done(&r->files_created);
    strings_done(&r->denied);
    free(r->note);
    *r = (struct code_result){ 0 };
}

int sandbox_info_add(struct sandbox_info *info, const char *name, struct err *err, const char *fmt,
                     ...)
{
    struct name_value *items =
        grow(info->facts, info->fact_count, &info->fact_cap, sizeof(*items), err);
    char text[1024];
    bool failed = false;
    va_list ap;

    if (!items)
        return -1;
    info->facts = items;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    items[info->fact_count++] =
        (struct name_value){ copy_or_null(name, &failed), copy_or_null(text, &failed) };
    return failed ? err_oom(err) : 0;
}

void sandbox_info_done(struct sandbox_info *info)
{
    for (size_t i = 0; i < info->fact_count; i++) {
        free(info->facts[i].name);
        free(info->facts[i].value);
    }
    free(info->facts);
    free(info->name);
    free(info->state);
    free(info->workspace);
    free(info->home);
    strings_done(&info->layers);
    strings_done(&info->degraded);
    strings_done(&info->egress);
    strings_done(&info->protected_paths);
    strings_done(&info->packages);
    strings_done(&info->processes);
    strings_done(&info->ports);
    *info = (struct sandbox_info){ 0 };
}
