#include "backend/fake/fake.h"
#include "base/id.h"

#include <stdio.h>
#include <string.h>

/* Lock held. The slot of that path, or a free one (path NULL), or NULL. */
static struct fake_file *slot(struct fake *f, const char *path)
{
    struct fake_file *free_one = NULL;

    for (int i = 0; i < FAKE_FILES; i++) {
        if (!f->files[i].path)
            free_one = free_one ? free_one : &f->files[i];
        else if (!strcmp(f->files[i].path, path))
            return &f->files[i];
    }
    return free_one;
}

static char *absolute(const char *path)
{
    char *out = NULL;

    if (path && path[0] == '/')
        return strdup(path);
    if (!path || !strcmp(path, "."))
        return strdup("/workspace");
    return asprintf(&out, "/workspace/%s", path) < 0 ? NULL : out;
}

static int64_t count_lines(const char *s, size_t len)
{
    int64_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += s[i] == '\n' || i + 1 == len;
    return n;
}

/* Offset of the 1-based line, len when beyond. */
static size_t line_start(const char *s, size_t len, int64_t line)
{
    size_t at = 0;

    while (line > 1 && at < len) {
        const char *nl = memchr(s + at, '\n', len - at);
        at = nl ? (size_t)(nl - s) + 1 : len;
        line--;
    }
    return at;
}

static int read_range(const struct fake_file *f, const struct file_read_request *req,
                      struct file_read_result *res, struct err *err)
{
    int64_t total = count_lines(f->data, f->len), first = req->offset ? req->offset : 1;
    size_t from, to;

    if (first < 0)
        first = total + first + 1 > 1 ? total + first + 1 : 1;
    from = req->bytes ? (size_t)req->offset : line_start(f->data, f->len, first);
    if (from > f->len)
        from = f->len;
    to = !req->bytes && req->limit
             ? from + line_start(f->data + from, f->len - from, req->limit + 1)
             : f->len;
    if (to - from > req->max_bytes)
        to = from + req->max_bytes;
    res->data = BUF_MAX(req->max_bytes);
    res->size = (int64_t)f->len;
    res->total_lines = total;
    res->truncated = to < f->len;
    if (!req->bytes && to > from) {
        res->start_line = first;
        res->end_line = first + count_lines(f->data + from, to - from) - 1;
    }
    res->next_offset = req->bytes ? (int64_t)to : res->end_line + 1;
    res->mode = 0644;
    sha256_hex(f->data, f->len, res->sha256);
    return buf_add(&res->data, f->data + from, to - from, err);
}

static int fake_read(struct sandbox *sb, struct call *call UNUSED,
                     const struct file_read_request *req, struct file_read_result *res,
                     struct err *err)
{
    struct fake *f = fake_of(sb);
    struct fake_file *file;
    int r;

    res->path = absolute(req->path);
    if (!res->path)
        return err_oom(err);
    pthread_mutex_lock(&f->lock);
    file = slot(f, res->path);
    r = file && file->path ? read_range(file, req, res, err)
                           : err_set(err, ERR_NOT_FOUND, "%s does not exist", res->path);
    pthread_mutex_unlock(&f->lock);
    return r;
}

static int store(struct fake_file *file, const struct file_write_request *req,
                 struct file_write_result *res, struct err *err)
{
    size_t keep = req->mode == FILE_APPEND && file->path ? file->len : 0;
    char now[65] = "", *data;

    if (file->path)
        sha256_hex(file->data, file->len, now);
    if (req->expect_sha256 && strcmp(req->expect_sha256, now))
        return err_set(err, ERR_CONFLICT, "%s has changed", res->path);
    if (req->mode == FILE_CREATE && file->path)
        return err_set(err, ERR_CONFLICT, "%s exists", res->path);
    data = malloc(keep + req->len + 1);
    if (!data)
        return err_oom(err);
    if (keep)
        memcpy(data, file->data, keep);
    memcpy(data + keep, req->data, req->len);
    res->created = !file->path;
    if (!file->path)
        file->path = strdup(res->path);
    free(file->data);
    file->data = data;
    file->len = keep + req->len;
    res->bytes_written = (int64_t)req->len;
    res->size = (int64_t)file->len;
    res->mode = 0644;
    sha256_hex(file->data, file->len, res->sha256);
    return file->path ? 0 : err_oom(err);
}

static int fake_write(struct sandbox *sb, struct call *call UNUSED,
                      const struct file_write_request *req, struct file_write_result *res,
                      struct err *err)
{
    struct fake *f = fake_of(sb);
    struct fake_file *file;
    int r;

    res->path = absolute(req->path);
    if (!res->path)
        return err_oom(err);
    pthread_mutex_lock(&f->lock);
    file = slot(f, res->path);
    r = file ? store(file, req, res, err)
             : err_set(err, ERR_QUOTA, "more than %d files", FAKE_FILES);
    if (!r)
        fake_changed(f, res->created ? 'c' : 'm', res->path);
    pthread_mutex_unlock(&f->lock);
    return r;
}

/* Lock held. */
static int restore(struct fake_file *file, const struct file_restore_request *req,
                   struct file_write_result *res, struct err *err)
{
    struct file_write_request write = {
        .data = req->how == FILE_RESTORE_CUT ? file->data : req->data,
        .len = req->how == FILE_RESTORE_CUT ? (size_t)req->size : req->len,
        .mode = FILE_OVERWRITE,
        .expect_sha256 = req->expect_sha256,
    };

    if (store(file, &write, res, err))
        return -1;
    if (req->how != FILE_RESTORE_REMOVE)
        return 0;
    free(file->path);
    free(file->data);
    *file = (struct fake_file){ 0 };
    return 0;
}

static int fake_restore(struct sandbox *sb, struct call *call UNUSED,
                        const struct file_restore_request *req, struct file_write_result *res,
                        struct err *err)
{
    struct fake *f = fake_of(sb);
    struct fake_file *file;
    int r;

    res->path = absolute(req->path);
    if (!res->path)
        return err_oom(err);
    pthread_mutex_lock(&f->lock);
    file = slot(f, res->path);
    r = file && file->path ? restore(file, req, res, err)
                           : err_set(err, ERR_CONFLICT, "%s does not exist", res->path);
    if (!r)
        fake_changed(f, req->how == FILE_RESTORE_REMOVE ? 'd' : 'm', res->path);
    pthread_mutex_unlock(&f->lock);
    return r;
}

/* NULL unless path lies below dir. */
static const char *below(const char *path, const char *dir)
{
    size_t n = strlen(dir);

    return !strncmp(path, dir, n) && path[n] == '/' ? path + n + 1 : NULL;
}

static int fake_list(struct sandbox *sb, struct call *call UNUSED,
                     const struct file_list_request *req, struct file_list_result *res,
                     struct err *err)
{
    struct fake *f = fake_of(sb);
    int r = 0;

    res->path = absolute(req->path);
    if (!res->path)
        return err_oom(err);
    pthread_mutex_lock(&f->lock);
    for (int i = 0; i < FAKE_FILES && !r; i++) {
        const char *name = f->files[i].path ? below(f->files[i].path, res->path) : NULL;
        struct file_entry e = { .path = (char *)(size_t)name,
                                .type = 'f',
                                .mode = 0644,
                                .size = (int64_t)f->files[i].len };
        if (name && (int64_t)res->count < req->limit)
            r = file_list_add(res, &e, err);
    }
    res->total = (int64_t)res->count;
    pthread_mutex_unlock(&f->lock);
    return r;
}

static int search_one(const struct fake_file *file, const char *name,
                      const struct file_search_request *req, struct file_search_result *res,
                      struct err *err)
{
    const char *hit = req->names
                          ? strstr(name, req->pattern)
                          : memmem(file->data, file->len, req->pattern, strlen(req->pattern));
    struct file_match m = { .path = (char *)(size_t)name, .kind = 'm' };

    res->files_scanned++;
    if (!hit || (int64_t)res->count >= req->limit)
        return 0;
    if (!req->names) {
        m.line = count_lines(file->data, (size_t)(hit - file->data) + 1);
        m.column = 1;
        m.text = (char *)(size_t)req->pattern;
    }
    return file_search_add(res, &m, err);
}

static int fake_search(struct sandbox *sb, struct call *call UNUSED,
                       const struct file_search_request *req, struct file_search_result *res,
                       struct err *err)
{
    struct fake *f = fake_of(sb);
    int r = 0;

    res->path = absolute(req->path);
    if (!res->path)
        return err_oom(err);
    pthread_mutex_lock(&f->lock);
    for (int i = 0; i < FAKE_FILES && !r; i++) {
        const char *name = f->files[i].path ? below(f->files[i].path, res->path) : NULL;
        if (name)
            r = search_one(&f->files[i], name, req, res, err);
    }
    pthread_mutex_unlock(&f->lock);
    return r;
}

const struct file_ops fake_file_ops = {
    .read = fake_read,
    .write = fake_write,
    .list = fake_list,
    .search = fake_search,
    .restore = fake_restore,
};
