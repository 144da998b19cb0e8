#include "backend/agent/file_list.h"
#include "backend/agent/file_time.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool record(struct listing *l, const struct list_item *item, const struct stat *st,
                   const char *target, size_t target_len)
{
    struct file_buf *b = &l->records;
    size_t start = record_begin(b, 'e');

    record_char(b, item->type);
    record_i64(b, st->st_mode & 07777);
    record_i64(b, item->type == 'm' ? item->number : st->st_size);
    record_i64(b, file_mtime_ms(st));
    record_str(b, item->len ? item->path : ".", item->len ? item->len : 1);
    record_str(b, target, target_len);
    return record_end(b, start);
}

bool listing_add(struct listing *l, const struct list_item *item, int dirfd, const char *name)
{
    char target[FILE_PATH_MAX];
    struct stat st = { 0 };
    ssize_t n = 0;

    if (item->type != 'm' && fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW))
        return true;
    if (item->type == 'l')
        n = readlinkat(dirfd, name, target, sizeof(target));
    if (l->count == l->limit || (l->count && l->bytes + item->len > l->max_bytes) ||
        !record(l, item, &st, target, n > 0 ? (size_t)n : 0)) {
        l->stopped = l->truncated = true;
        return false;
    }
    l->count++;
    l->bytes += item->len;
    file_cursor_set(&l->last, item->kind, item->number, item->path, item->len);
    return true;
}

bool listing_takes(struct listing *l, const struct walk_entry *e)
{
    if (l->seen++ == LIST_WALK_MAX) {
        l->truncated = true;
        return false;
    }
    return !l->globbed || glob_match_path(&l->glob, e->path, e->len, e->name);
}

/* The cursor lies behind this entry: it has been listed. */
static bool entry_done(const struct listing *l, const struct walk_entry *e)
{
    const struct file_cursor *c = &l->from;

    if (!l->resumes)
        return false;
    return walk_order(e->path, e->len, c->path, c->len) <= 0 ||
           (c->kind == 'm' && walk_above(c->path, c->len, e->path, e->len));
}

/* ... or behind the marker of this folder. */
static bool marker_done(const struct listing *l, const struct walk_entry *e)
{
    const struct file_cursor *c = &l->from;
    int order;

    if (!l->resumes)
        return false;
    order = walk_order(e->path, e->len, c->path, c->len);
    if (!order)
        return c->kind == 'm';
    if (c->kind == 'm' && walk_above(c->path, c->len, e->path, e->len))
        return true;
    return order < 0 && !walk_above(e->path, e->len, c->path, c->len);
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Long counts for the sake of the total alone are given up. */
static bool enough(struct listing *l, int64_t *since)
{
    if (l->seen % 1024 == 0 && file_job_gone(l->job))
        return true;
    if (!l->stopped)
        return false;
    if (!*since)
        *since = now_ms();
    if (l->seen % 1024 || now_ms() - *since < LIST_COUNT_MS)
        return false;
    l->total = -1;
    return true;
}

static int64_t most(const struct walk_entry *e)
{
    return e->depth > 1 ? LIST_FOLDER_MAX : LIST_FIRST_MAX;
}

static void leave(struct listing *l, const struct walk_entry *e, int64_t *shown)
{
    struct list_item item = { 'm', *shown - most(e), 'm', e->path, e->len };

    if (item.number > 0 && !l->stopped && !marker_done(l, e))
        listing_add(l, &item, -1, NULL);
    *shown = 0;
}

int list_by_name(struct listing *l)
{
    int64_t shown[WALK_DEPTH_MAX + 1] = { 0 }, since = 0;
    bool capped = l->depth > 1 && !l->globbed;
    struct walk_entry e;
    enum walk_step step;

    while ((step = walk_next(&l->walk, &e)) != WALK_END && !enough(l, &since)) {
        struct list_item item = { 'p', 0, e.type, e.path, e.len };
        if (step == WALK_LEAVE) {
            leave(l, &e, &shown[e.depth]);
            continue;
        }
        if (!listing_takes(l, &e)) {
            if (l->seen > LIST_WALK_MAX)
                break;
            continue;
        }
        l->total++;
        if (capped && ++shown[e.depth] > most(&e))
            walk_skip(&l->walk);
        else if (!l->stopped && !entry_done(l, &e))
            listing_add(l, &item, e.dirfd, e.path + e.name);
    }
    if (l->seen > LIST_WALK_MAX)
        l->total = -1;
    return 0;
}

static int reply(struct listing *l, const char *path)
{
    struct wire_out *w = &l->job->out;

    wire_begin(w, WIRE_REPLY, 0);
    wire_put_str(w, TAG_PATH, path);
    wire_put_i64(w, TAG_TOTAL, l->total);
    if (l->stopped)
        file_cursor_put(l->job, &l->last);
    wire_put_u32(w, TAG_FLAGS, l->truncated || l->walk.cut ? WIRE_F_TRUNCATED : 0);
    return file_job_reply(l->job, l->records.data, l->records.len);
}

static int request(struct listing *l)
{
    const struct wire_in *in = &l->job->in;
    const char *glob = (const char *)in->tags[TAG_GLOB].data;
    uint64_t max = (uint64_t)wire_i64(in, TAG_MAX_BYTES, 0);
    bool bad;

    l->depth = wire_i64(in, TAG_DEPTH, 0) > 0 ? wire_i64(in, TAG_DEPTH, 0) : 1;
    l->limit = wire_i64(in, TAG_LIMIT, 0) > 0 ? wire_i64(in, TAG_LIMIT, 0) : 500;
    l->limit = l->limit < LIST_LIMIT_MAX ? l->limit : LIST_LIMIT_MAX;
    l->sort = wire_u32(in, TAG_SORT, LIST_BY_NAME);
    l->max_bytes = max ? (size_t)max : SIZE_MAX;
    l->records.max = file_job_room(l->job, 0, FILE_READ_MAX);
    if (l->sort > LIST_BY_MTIME)
        return file_fail(&l->job->error, CODE_INVALID, "sort: not known");
    l->resumes = file_cursor_take(l->job, l->sort ? "k" : "pm", &l->from, &bad);
    if (bad)
        return -1;
    l->globbed = in->tags[TAG_GLOB].len;
    if (l->globbed && !glob_compile(&l->glob, glob, in->tags[TAG_GLOB].len, 0))
        return file_fail(&l->job->error, CODE_INVALID, "glob: longer than %d bytes",
                         GLOB_PATTERN_MAX);
    return 0;
}

static int open_folder(struct file_job *job)
{
    int fd = open(job->path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC), number = errno;
    struct stat st;

    if (fd >= 0)
        return fd;
    if (number == ENOTDIR && !stat(job->path, &st)) {
        file_fail(&job->error, CODE_INVALID, "%.900s is not a folder", job->path);
        return file_hint(&job->error, "read it with file_read, or list the folder it is in");
    }
    return file_fail_errno(&job->error, number, "list", job->path);
}

static int list(struct listing *l)
{
    uint32_t flags = wire_u32(&l->job->in, TAG_FLAGS, 0);
    struct walk_options options = { .hidden = flags & WIRE_F_HIDDEN,
                                    .ignore = flags & WIRE_F_IGNORE };
    char real[FILE_PATH_MAX];
    int fd, r;

    if (request(l))
        return -1;
    options.depth = l->depth;
    fd = open_folder(l->job);
    if (fd < 0)
        return -1;
    file_real_path(fd, l->job->path, real);
    l->root = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (!walk_open(&l->walk, fd, real, &options))
        return file_fail(&l->job->error, CODE_INTERNAL, "out of memory");
    r = l->sort == LIST_BY_NAME ? list_by_name(l) : list_sorted(l);
    if (!r)
        r = reply(l, real);
    walk_done(&l->walk);
    return r;
}

int file_list(struct file_job *job)
{
    struct listing *l = calloc(1, sizeof(*l));
    int r;

    if (!l)
        return file_fail(&job->error, CODE_INTERNAL, "out of memory");
    l->job = job;
    l->root = -1;
    r = list(l);
    if (l->root >= 0)
        close(l->root);
    glob_done(&l->glob);
    file_buf_done(&l->records);
    free(l);
    return r;
}
