/*
 * Renames where that can be. Else (another file system or mount) a copy beside the new name, which
 * must be whole, is renamed into place and what was copied is removed.
 */
#include "backend/agent/file_copy.h"
#include "backend/agent/file_remove.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CLEANING_MS 25000 /* more, for what was copied in vain */

struct moving {
    struct file_report *report;
    struct file_place from, to;
    struct file_error error;
};

static int exists(struct moving *m)
{
    file_fail(&m->error, CODE_CONFLICT, "%.900s exists", m->to.path);
    return file_hint(&m->error, "pass overwrite=true to replace it, or another name");
}

static bool overwrites(const struct moving *m)
{
    return m->report->flags & WIRE_F_OVERWRITE;
}

/* 0 or an errno value. */
static int put_in_place(const struct moving *m, int dir, const char *name)
{
    const struct file_place *to = &m->to;
    struct stat st;

    if (overwrites(m))
        return renameat(dir, name, to->dir, to->name) ? errno : 0;
    if (!renameat2(dir, name, to->dir, to->name, RENAME_NOREPLACE))
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return errno;
    if (!fstatat(to->dir, to->name, &st, AT_SYMLINK_NOFOLLOW))
        return EEXIST;
    return renameat(dir, name, to->dir, to->name) ? errno : 0;
}

static int failed(struct moving *m, int number)
{
    const struct file_place *from = &m->from, *to = &m->to;
    const char *is = "is not empty";

    switch (number) {
    case EINVAL:
        return file_fail(&m->error, CODE_INVALID, "cannot move %.900s into itself", from->path);
    case EEXIST:
    case ENOTEMPTY:
        if (!overwrites(m))
            return exists(m);
        break;
    case EISDIR:
        is = "is a folder";
        break;
    case ENOTDIR:
        is = "is no folder";
        break;
    default:
        return file_fail_errno(&m->error, number, "move", from->path);
    }
    file_fail(&m->error, CODE_CONFLICT, "%.900s exists and %s", to->path, is);
    return file_hint(&m->error, "delete it with file_delete, or move to another name");
}

/* A copy under a temporary name beside the new one; removed again when it is not whole. */
static int copy_beside(struct moving *m, char temporary[256])
{
    struct file_report *r = m->report, part = *r;
    int fd = openat(m->from.dir, m->from.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    bool whole;

    if (fd < 0)
        return failed(m, errno);
    part.records = (struct file_buf){ .max = r->records.max };
    part.total = part.bytes = part.errors = 0;
    place_temporary(&m->to, temporary);
    whole = copy_tree(&part, fd, m->from.path, m->to.dir, temporary, m->to.path);
    close(fd);
    r->halted = part.halted;
    if (!whole) {
        int64_t shown = part.errors;
        part.halted = false;
        part.stubborn = true;
        part.until_ms += CLEANING_MS;
        remove_tree(&part, m->to.dir, temporary, m->to.path);
        report_take(r, &part, shown);
        return -1;
    }
    report_drop(&part);
    return 0;
}

static int move_across(struct moving *m)
{
    struct file_report *r = m->report, gone = *r;
    char temporary[256];
    int number;
    bool left;

    if (!overwrites(m) && m->to.exists)
        return exists(m);
    if (S_ISDIR(m->from.st.st_mode) && place_within(m->to.dir, &m->from.st))
        return failed(m, EINVAL);
    if (faccessat(m->from.dir, ".", W_OK, 0))
        return failed(m, errno);
    if (copy_beside(m, temporary))
        return -1;
    number = put_in_place(m, m->to.dir, temporary);
    gone.records = (struct file_buf){ .max = r->records.max };
    gone.errors = 0;
    gone.stubborn = number;
    if (number)
        remove_tree(&gone, m->to.dir, temporary, m->to.path);
    else
        remove_tree(&gone, m->from.dir, m->from.name, m->from.path);
    left = !number && (gone.errors || gone.halted);
    r->halted |= gone.halted;
    report_take(r, &gone, gone.errors);
    if (left)
        return file_fail(&m->error, CODE_CONFLICT,
                         "copied to %.400s, but what is left of %.400s could not be deleted",
                         m->to.path, m->from.path);
    return number ? failed(m, number) : 0;
}

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* rename(2) does nothing when both names are the same file's. */
static int same_file(struct moving *m)
{
    struct stat from, to;

    if (!fstat(m->from.dir, &from) && !fstat(m->to.dir, &to) && same(&from, &to) &&
        !strcmp(m->from.name, m->to.name))
        return file_fail(&m->error, CODE_INVALID, "%.900s is there already", m->to.path);
    if (!overwrites(m))
        return exists(m);
    return unlinkat(m->from.dir, m->from.name, 0) ? failed(m, errno) : 0;
}

static int move(struct moving *m, const char *from, const char *to)
{
    int number;

    if (place_open(&m->from, from, "move", &m->error))
        return -1;
    if (!m->from.exists)
        return file_fail_errno(&m->error, ENOENT, "move", from);
    if (place_may_go(&m->from, "move", &m->error) ||
        place_target(&m->to, to, m->from.name, true, &m->error))
        return -1;
    if (m->to.exists && same(&m->from.st, &m->to.st))
        return same_file(m);
    number = put_in_place(m, m->from.dir, m->from.name);
    if (number == EXDEV)
        return move_across(m);
    return number ? failed(m, number) : 0;
}

int file_move(struct file_job *job)
{
    struct file_report r;
    const char *from, *to;

    if (report_begin(&r, job))
        return -1;
    while ((from = report_path(&r)) && (to = report_path(&r))) {
        struct moving m = { .report = &r, .from = { .dir = -1 }, .to = { .dir = -1 } };
        if (!move(&m, from, to)) {
            report_done(&r, m.from.path, m.to.path);
            r.total++;
        } else if (m.error.code) {
            report_failed(&r, from, &m.error);
        }
        place_done(&m.from);
        place_done(&m.to);
    }
    return report_send(&r);
}
