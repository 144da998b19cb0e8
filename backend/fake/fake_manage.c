#include "backend/fake/fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lock held. */
static struct fake_file *find(struct fake *f, const char *path)
{
    for (int i = 0; i < FAKE_FILES; i++)
        if (f->files[i].path && !strcmp(f->files[i].path, path))
            return &f->files[i];
    return NULL;
}

static char *absolute(const char *path)
{
    char *out = NULL;

    if (path[0] == '/')
        return strdup(path);
    return asprintf(&out, "/workspace/%s", path) < 0 ? NULL : out;
}

static int missing(struct file_manage_result *res, const char *path, struct err *err)
{
    struct err why = { 0 };

    err_set(&why, ERR_NOT_FOUND, "%s does not exist", path);
    return file_manage_error_add(res, path, &why, err);
}

static int exists(struct file_manage_result *res, const char *path, struct err *err)
{
    struct err why = { 0 };

    err_set(&why, ERR_CONFLICT, "%s exists", path);
    return file_manage_error_add(res, path, &why, err);
}

static void forget(struct fake_file *file)
{
    free(file->path);
    free(file->data);
    *file = (struct fake_file){ 0 };
}

static int stat_one(struct fake *f, const char *path, struct file_stat_result *res, struct err *err)
{
    struct file_facts facts = { .path = absolute(path),
                                .owner = strdup("user"),
                                .group = strdup("user"),
                                .target = strdup("") };
    const struct fake_file *file = facts.path ? find(f, facts.path) : NULL;

    if (file) {
        facts.type = 'f';
        facts.mode = 0644;
        facts.size = (int64_t)file->len;
        facts.access = ACCESS_WRITE;
    }
    return file_stat_add(res, &facts, err);
}

static int fake_stat(struct sandbox *sb, struct call *call UNUSED,
                     const struct file_stat_request *req, struct file_stat_result *res,
                     struct err *err)
{
    struct fake *f = fake_of(sb);
    int r = 0;

    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < req->count && !r; i++)
        r = stat_one(f, req->paths[i], res, err);
    pthread_mutex_unlock(&f->lock);
    return r;
}

static int move_one(struct fake *f, const struct file_move_request *req, size_t i,
                    struct file_manage_result *res, struct err *err)
{
    AUTO_FREE char *from = absolute(req->paths[i]);
    AUTO_FREE char *to = absolute(req->paths[i + 1]);
    struct fake_file *file = from && to ? find(f, from) : NULL, *there = file ? find(f, to) : NULL;

    if (!from || !to)
        return err_oom(err);
    if (!file)
        return missing(res, from, err);
    if (there && !req->overwrite)
        return exists(res, to, err);
    if (file_manage_done_add(res, from, to, err))
        return -1;
    if (there)
        forget(there);
    free(file->path);
    file->path = TAKE(to);
    return 0;
}

static int fake_move(struct sandbox *sb, struct call *call UNUSED,
                     const struct file_move_request *req, struct file_manage_result *res,
                     struct err *err)
{
    struct fake *f = fake_of(sb);
    int r = 0;

    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < req->count && !r; i += 2)
        r = move_one(f, req, i, res, err);
    pthread_mutex_unlock(&f->lock);
    return r;
}

static int fake_copy(struct sandbox *sb, struct call *call, const struct file_copy_request *req,
                     struct file_manage_result *res, struct err *err)
{
    AUTO(file_read_result) struct file_read_result was = { 0 };
    AUTO(file_write_result) struct file_write_result is = { 0 };
    struct file_read_request from = { .path = req->from, .bytes = true, .max_bytes = 1 << 20 };
    struct file_write_request to = { .path = req->to };

    if (fake_file_ops.read(sb, call, &from, &was, err))
        return -1;
    to.data = buf_str(&was.data);
    to.len = was.data.len;
    if (fake_file_ops.write(sb, call, &to, &is, err))
        return -1;
    res->total = 1;
    res->bytes = is.size;
    return file_manage_done_add(res, was.path, is.path, err);
}

static int fake_remove(struct sandbox *sb, struct call *call UNUSED,
                       const struct file_remove_request *req, struct file_manage_result *res,
                       struct err *err)
{
    struct fake *f = fake_of(sb);
    int r = 0;

    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < req->count && !r; i++) {
        AUTO_FREE char *path = absolute(req->paths[i]);
        struct fake_file *file = path ? find(f, path) : NULL;
        res->total += file ? 1 : 0;
        if (file)
            forget(file);
        else if (!req->missing_ok)
            r = missing(res, path ? path : "", err);
    }
    pthread_mutex_unlock(&f->lock);
    return r;
}

static int fake_mkdir(struct sandbox *sb UNUSED, struct call *call UNUSED,
                      const struct file_mkdir_request *req, struct file_manage_result *res,
                      struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < req->count && !r; i++) {
        AUTO_FREE char *path = absolute(req->paths[i]);
        r = path ? file_manage_done_add(res, path, "", err) : err_oom(err);
    }
    return r;
}

static int fake_chmod(struct sandbox *sb, struct call *call UNUSED,
                      const struct file_chmod_request *req, struct file_manage_result *res,
                      struct err *err)
{
    struct fake *f = fake_of(sb);
    int r = 0;

    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < req->count && !r; i++) {
        AUTO_FREE char *path = absolute(req->paths[i]);
        if (path && find(f, path))
            res->total++;
        else
            r = missing(res, path ? path : "", err);
    }
    pthread_mutex_unlock(&f->lock);
    return r;
}

const struct manage_ops fake_manage_ops = {
    .stat = fake_stat,
    .move = fake_move,
    .copy = fake_copy,
    .remove = fake_remove,
    .mkdir = fake_mkdir,
    .chmod = fake_chmod,
};
