#include "backend/local/files.h"
#include "backend/local/records.h"
#include "backend/manage_ops.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define BUDGET_MS 40000        /* of a call: then no further request is sent */
#define TIMEOUT_MS 75000       /* the agent ends by itself long before */
#define PATHS_ROOM (24 * 1024) /* of one request, whose frame has to take them */
#define NAME_MAX_BYTES 255     /* of an owner, a group, a change */

/* A request, whose paths may take several frames. */
struct asked {
    enum wire_file_op op;
    uint32_t flags;
    int permissions;
    const char *change, *owner, *group;
    const char *const *paths;
    size_t count, step; /* step: paths that belong together */
};

struct taken {
    struct file_stat_result *stat;
    struct file_manage_result *manage;
    const struct asked *asked;
    size_t at; /* of the path that the next 's' record is about */
};

static int malformed(struct file_op *op, struct err *err)
{
    return agent_violation(op->agent, "a malformed answer to a file operation", err);
}

static bool copy_hash(char *from, char to[65])
{
    size_t len = from ? strlen(from) : 1;

    if (len && (len != 64 || strspn(from, "0123456789abcdef") != 64))
        return false;
    memcpy(to, from, len + 1);
    return true;
}

static int take_stat(struct records *r, struct local_sandbox *sb, struct taken *t, struct err *err)
{
    static const char accesses[] = "nvrw";
    AUTO(buf) struct buf path = BUF_MAX(8192);
    struct file_facts f = { .type = records_char(r) };
    AUTO_FREE char *hash = NULL;
    const char *access;
    char c = records_char(r);

    f.mode = (unsigned)records_i64(r) & 07777;
    f.size = records_i64(r);
    f.mtime_ms = records_i64(r);
    f.owner = records_str(r);
    f.group = records_str(r);
    f.target = records_str(r);
    hash = records_str(r);
    access = c ? strchr(accesses, c) : NULL;
    if (t->at < t->asked->count && !local_path(sb, t->asked->paths[t->at++], &path, err))
        f.path = buf_take(&path);
    if (!records_done(r) || !f.owner || !f.group || !f.target || !copy_hash(hash, f.sha256) ||
        !access || !f.type || !strchr("fdlpscb-?", f.type) || !f.path) {
        free(f.path);
        free(f.owner);
        free(f.group);
        free(f.target);
        return err_set(err, ERR_PROTOCOL, "a malformed record");
    }
    f.type = f.type == '-' ? 0 : f.type;
    f.access = (enum file_access)(access - accesses);
    return file_stat_add(t->stat, &f, err);
}

static int take_done(struct records *r, struct taken *t, struct err *err)
{
    AUTO_FREE char *path = records_str(r);
    AUTO_FREE char *to = records_str(r);

    if (!records_done(r) || !path || !to)
        return err_set(err, ERR_PROTOCOL, "a malformed record");
    return file_manage_done_add(t->manage, path, to, err);
}

static int take_error(struct records *r, struct taken *t, struct err *err)
{
    int64_t code = records_i64(r);
    AUTO_FREE char *path = records_str(r);
    AUTO_FREE char *text = records_str(r);
    AUTO_FREE char *next = records_str(r);
    struct err why = { 0 };

    if (!records_done(r) || !path || !text || !next || code <= ERR_NONE || code > ERR_INTERNAL)
        return err_set(err, ERR_PROTOCOL, "a malformed record");
    err_set(&why, (enum err_code)code, "%s", text);
    if (*next)
        err_next(&why, "%s", next);
    return file_manage_error_add(t->manage, path, &why, err);
}

/* Of an answer; sums of them stay in their type. */
static int64_t number(const struct wire_in *in, uint16_t tag)
{
    int64_t n = wire_i64(in, tag, 0);

    return n < 0 ? 0 : n > INT64_MAX / MANAGE_PATHS_MAX / 2 ? INT64_MAX / MANAGE_PATHS_MAX / 2 : n;
}

static int take(struct file_op *op, struct local_sandbox *sb, struct taken *t, struct err *err)
{
    struct records r = records_over(buf_str(&op->data), op->data.len);
    const struct wire_in *in = &op->reply->in;
    int64_t told = t->manage ? (int64_t)t->manage->failed : 0;
    char kind;

    while ((kind = records_next(&r)))
        if (!((kind == 's' && t->stat && !take_stat(&r, sb, t, err)) ||
              (kind == 'd' && t->manage && !take_done(&r, t, err)) ||
              (kind == 'x' && t->manage && !take_error(&r, t, err))))
            return malformed(op, err);
    if (r.bad)
        return malformed(op, err);
    if (!t->manage)
        return 0;
    told = t->manage->failed - told;
    if (number(in, TAG_ERRORS) > told)
        t->manage->failed += number(in, TAG_ERRORS) - told;
    t->manage->total += number(in, TAG_TOTAL);
    t->manage->bytes += number(in, TAG_WRITTEN);
    return 0;
}

/* As many of the paths from *next on as one frame takes. */
static int put_paths(struct file_op *op, struct local_sandbox *sb, const struct asked *asked,
                     size_t *next, struct err *err)
{
    AUTO(buf) struct buf all = BUF_MAX(WIRE_INLINE_MAX);

    while (*next < asked->count && all.len <= PATHS_ROOM - asked->step * 4096) {
        for (size_t i = 0; i < asked->step; i++)
            if (local_path(sb, asked->paths[(*next)++], &all, err) || buf_addc(&all, '\0', err))
                return -1;
    }
    wire_put(op->start, TAG_PATHS, all.data, all.len);
    return 0;
}

static int put_request(struct file_op *op, const struct asked *asked, struct err *err)
{
    const struct {
        uint16_t tag;
        const char *text;
    } words[] = { { TAG_CHANGE, asked->change },
                  { TAG_OWNER, asked->owner },
                  { TAG_GROUP, asked->group } };

    wire_put_u32(op->start, TAG_FILE_OP, asked->op);
    wire_put_u32(op->start, TAG_FLAGS, asked->flags);
    if (asked->permissions >= 0)
        wire_put_u32(op->start, TAG_MODE, (uint32_t)asked->permissions);
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (words[i].text && strlen(words[i].text) > NAME_MAX_BYTES)
            return err_set(err, ERR_INVALID, "permissions, owner, group: longer than %d bytes",
                           NAME_MAX_BYTES);
        wire_put_str(op->start, words[i].tag, words[i].text);
    }
    return 0;
}

static bool late(const struct file_manage_result *res)
{
    return res && res->error_count && res->errors[res->error_count - 1].err.code == ERR_TIMEOUT;
}

static int out_of_time(struct file_manage_result *res, struct err *err)
{
    struct err why = { 0 };

    err_set(&why, ERR_TIMEOUT, "stopped after %d s, before all was done", BUDGET_MS / 1000);
    err_next(&why, "call again with the paths that are left");
    return file_manage_error_add(res, "", &why, err);
}

static int run(struct sandbox *base, struct call *call, const struct asked *asked,
               struct taken *taken, struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);

    int64_t until = clock_ms() + BUDGET_MS;

    taken->asked = asked;
    for (size_t next = 0; next < asked->count && !late(taken->manage);) {
        AUTO(file_op) struct file_op op = { .channel = -1 };
        if (next && taken->manage && clock_ms() > until)
            return out_of_time(taken->manage, err);
        if (file_op_begin(&op, sb, call, NULL, err))
            return -1;
        op.timeout_ms = TIMEOUT_MS;
        op.once = asked->op != WIRE_FILE_STAT;
        if (put_request(&op, asked, err) || put_paths(&op, sb, asked, &next, err) ||
            file_op_run(&op, sb, call, WIRE_FILE, NULL, 0, err) || take(&op, sb, taken, err))
            return -1;
        if (taken->stat && taken->at != next)
            return malformed(&op, err);
    }
    return 0;
}

static int local_stat(struct sandbox *sb, struct call *call, const struct file_stat_request *req,
                      struct file_stat_result *res, struct err *err)
{
    const struct asked asked = { .op = WIRE_FILE_STAT,
                                 .flags = req->hash ? WIRE_F_HASH : 0,
                                 .permissions = -1,
                                 .paths = req->paths,
                                 .count = req->count,
                                 .step = 1 };

    return run(sb, call, &asked, &(struct taken){ .stat = res }, err);
}

static int local_move(struct sandbox *sb, struct call *call, const struct file_move_request *req,
                      struct file_manage_result *res, struct err *err)
{
    const struct asked asked = { .op = WIRE_FILE_MOVE,
                                 .flags = req->overwrite ? WIRE_F_OVERWRITE : 0,
                                 .permissions = -1,
                                 .paths = req->paths,
                                 .count = req->count,
                                 .step = 2 };

    return run(sb, call, &asked, &(struct taken){ .manage = res }, err);
}

static int local_copy(struct sandbox *sb, struct call *call, const struct file_copy_request *req,
                      struct file_manage_result *res, struct err *err)
{
    const struct asked asked = { .op = WIRE_FILE_COPY,
                                 .flags = req->recursive ? WIRE_F_RECURSIVE : 0,
                                 .permissions = -1,
                                 .paths = (const char *const[]){ req->from, req->to },
                                 .count = 2,
                                 .step = 2 };

    return run(sb, call, &asked, &(struct taken){ .manage = res }, err);
}

static int local_remove(struct sandbox *sb, struct call *call,
                        const struct file_remove_request *req, struct file_manage_result *res,
                        struct err *err)
{
    const struct asked asked = { .op = WIRE_FILE_REMOVE,
                                 .flags = (req->recursive ? WIRE_F_RECURSIVE : 0) |
                                          (req->missing_ok ? WIRE_F_MISSING_OK : 0),
                                 .permissions = -1,
                                 .paths = req->paths,
                                 .count = req->count,
                                 .step = 1 };

    return run(sb, call, &asked, &(struct taken){ .manage = res }, err);
}

static int local_mkdir(struct sandbox *sb, struct call *call, const struct file_mkdir_request *req,
                       struct file_manage_result *res, struct err *err)
{
    const struct asked asked = { .op = WIRE_FILE_MKDIR,
                                 .permissions = req->permissions,
                                 .paths = req->paths,
                                 .count = req->count,
                                 .step = 1 };

    return run(sb, call, &asked, &(struct taken){ .manage = res }, err);
}

static int local_chmod(struct sandbox *sb, struct call *call, const struct file_chmod_request *req,
                       struct file_manage_result *res, struct err *err)
{
    const struct asked asked = { .op = WIRE_FILE_CHMOD,
                                 .flags = req->recursive ? WIRE_F_RECURSIVE : 0,
                                 .permissions = req->permissions,
                                 .change = req->change,
                                 .owner = req->owner,
                                 .group = req->group,
                                 .paths = req->paths,
                                 .count = req->count,
                                 .step = 1 };

    return run(sb, call, &asked, &(struct taken){ .manage = res }, err);
}

const struct manage_ops local_manage_ops = {
    .stat = local_stat,
    .move = local_move,
    .copy = local_copy,
    .remove = local_remove,
    .mkdir = local_mkdir,
    .chmod = local_chmod,
};
