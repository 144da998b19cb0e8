#include "backend/remote/aio_exec.h"
#include "backend/remote/aio_file.h"
#include "backend/remote/glob.h"
#include "base/b64.h"

#include <stdio.h>
#include <string.h>

#define WALK_MAX 50000 /* entries of one walk */
#define LISTING_MAX (32 * 1024 * 1024)

struct listing {
    struct file_entry *entries; /* point into text */
    size_t count, walked;
    struct buf text;
};

static void listing_done(struct listing *l)
{
    free(l->entries);
    buf_done(&l->text);
}

/* "f 644 12 1700000000.5 path" NUL "target" NUL, in place; false at the end. */
static bool next_record(char **at, const char *end, struct file_entry *e)
{
    char *text = *at, *path, *target, type;
    long long size, seconds;
    unsigned mode, ms = 0;
    int used = 0;

    if (text >= end)
        return false;
    target = text + strlen(text) + 1;
    if (target > end ||
        sscanf(text, "%c %o %lld %lld%n", &type, &mode, &size, &seconds, &used) != 4)
        return false;
    if (text[used] == '.')
        sscanf(text + used + 1, "%3u", &ms);
    path = strchr(text + used, ' ');
    if (!path)
        return false;
    *at = target < end ? target + strlen(target) + 1 : (char *)(size_t)end;
    *e = (struct file_entry){
        .path = path + 1,
        .target = type == 'l' && target < end ? target : NULL,
        .type = type,
        .mode = mode & 07777,
        .size = size,
        .mtime_ms = seconds * 1000 + ms,
    };
    return true;
}

static int parse(struct listing *l, const char *glob, struct err *err)
{
    char *at = l->text.data, *end = at + l->text.len;
    struct file_entry e;

    l->entries = calloc(WALK_MAX + 1, sizeof(*l->entries));
    if (!l->entries)
        return err_oom(err);
    while (l->walked <= WALK_MAX && next_record(&at, end, &e)) {
        l->walked++;
        if (l->count < WALK_MAX && (!glob || remote_glob_match(glob, e.path)))
            l->entries[l->count++] = e;
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct file_entry *)a)->path, ((const struct file_entry *)b)->path);
}

static int by_size(const void *a, const void *b)
{
    const struct file_entry *x = a, *y = b;

    return x->size != y->size ? (x->size < y->size) - (x->size > y->size) : by_name(a, b);
}

static int by_mtime(const void *a, const void *b)
{
    const struct file_entry *x = a, *y = b;

    return x->mtime_ms != y->mtime_ms ? (x->mtime_ms < y->mtime_ms) - (x->mtime_ms > y->mtime_ms)
                                      : by_name(a, b);
}

static int walk(struct aio *a, struct call *call, const struct file_list_request *req,
                const char *path, struct listing *l, char **resolved, struct err *err)
{
    AUTO(buf) struct buf out = BUF_MAX(LISTING_MAX);
    char depth[24], most[24], *at, *content;
    const char *args[] = { path, depth, req->hidden ? "1" : "0", req->ignore ? "1" : "0", most };

    snprintf(depth, sizeof(depth), "%lld", (long long)(req->depth > 0 ? req->depth : 1));
    snprintf(most, sizeof(most), "%d", WALK_MAX + 1);
    if (aio_help(a, call, aio_script_list, args, COUNT_OF(args), true, &out, err))
        return -1;
    at = out.data;
    if (aio_line_path(&at, resolved, err))
        return -1;
    content = aio_line(&at);
    buf_init(&l->text, LISTING_MAX);
    if (content && b64_decode(&l->text, content, strlen(content), NULL))
        return err_set(err, ERR_PROTOCOL, "the sandbox's shell answered nonsense");
    return l->text.len ? parse(l, req->glob, err) : 0;
}

static int parse_cursor(const char *cursor, size_t *from, struct err *err)
{
    char *end;

    *from = 0;
    if (!cursor)
        return 0;
    *from = strtoul(cursor, &end, 10);
    if (*cursor >= '0' && *cursor <= '9' && !*end)
        return 0;
    err_set(err, ERR_INVALID, "cursor: \"%.40s\" is not one", cursor);
    return err_next(err, "take it from an earlier result");
}

static int add_page(const struct listing *l, const struct file_list_request *req, size_t from,
                    struct file_list_result *res, struct err *err)
{
    size_t bytes = 0, i = from;

    for (; i < l->count && (req->limit <= 0 || (int64_t)res->count < req->limit); i++) {
        const struct file_entry *e = &l->entries[i];
        bytes += strlen(e->path) + (e->target ? strlen(e->target) : 0);
        if (req->max_bytes && bytes > req->max_bytes && res->count)
            break;
        if (file_list_add(res, e, err))
            return -1;
    }
    res->total = l->walked > WALK_MAX ? -1 : (int64_t)l->count;
    res->truncated = i < l->count || l->walked > WALK_MAX;
    if (i < l->count && asprintf(&res->next_cursor, "%zu", i) < 0) {
        res->next_cursor = NULL;
        return err_oom(err);
    }
    return 0;
}

int aio_file_list(struct sandbox *sb, struct call *call, const struct file_list_request *req,
                  struct file_list_result *res, struct err *err)
{
    static int (*const orders[])(const void *, const void *) = {
        [FILE_BY_NAME] = by_name,
        [FILE_BY_SIZE] = by_size,
        [FILE_BY_MTIME] = by_mtime,
    };
    struct aio *a = aio_of(sb);
    AUTO(listing) struct listing l = { 0 };
    AUTO_FREE char *path = NULL;
    size_t from;

    if (parse_cursor(req->cursor, &from, err) || aio_paths(a, call, err) ||
        aio_path(a, req->path, &path, err) || walk(a, call, req, path, &l, &res->path, err))
        return -1;
    if (l.count)
        qsort(l.entries, l.count, sizeof(*l.entries), orders[req->sort]);
    return add_page(&l, req, from, res, err);
}
