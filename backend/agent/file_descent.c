#include "backend/agent/file_descent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BUFFER (64 * 1024)
#define AGAIN_MAX 3

void descent_path(const struct descent *d, const char *name, char out[FILE_PATH_MAX])
{
    size_t len = d->count ? d->levels[d->count - 1].path : 0, top = strlen(d->top);
    size_t room = FILE_PATH_MAX - 8 - strlen(name);
    const char *below = d->path.data;

    if (top + len <= room) {
        snprintf(out, FILE_PATH_MAX, "%s%.*s%s%s", d->top, (int)len, below ? below : "",
                 *name ? "/" : "", name);
        return;
    }
    room = room > top ? room - top : 0;
    room = room < len ? room : len;
    snprintf(out, FILE_PATH_MAX, "%.2000s/...%.*s%s%s", d->top, (int)(room > 1900 ? 1900 : room),
             below ? below + (len - (room > 1900 ? 1900 : room)) : "", *name ? "/" : "", name);
}

void descent_failed(struct descent *d, int number, const char *name)
{
    char path[FILE_PATH_MAX];

    descent_path(d, name, path);
    report_errno(d->report, number, d->action, path);
}

static bool is_folder(int dir, const struct dirent64 *e)
{
    struct stat st;

    if (e->d_type != DT_UNKNOWN)
        return e->d_type == DT_DIR;
    return !fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode);
}

/* Folders are kept for later, anything else is done with now. */
static bool read_level(struct descent *d, struct descent_level *level)
{
    int dir = ladder_fd(&d->ladder);
    ssize_t n;

    while ((n = getdents64(dir, d->buffer, BUFFER)) > 0) {
        for (ssize_t at = 0; at < n;) {
            struct dirent64 *e = (struct dirent64 *)(void *)(d->buffer + at);
            const char *name = e->d_name;
            at += e->d_reclen;
            if (*name == '.' && (!name[1] || (name[1] == '.' && !name[2])))
                continue;
            if (report_halted(d->report, false))
                return false;
            if (!is_folder(dir, e)) {
                if (d->ops->file)
                    d->ops->file(d, dir, name);
            } else if (!file_buf_add(&d->names, name, strlen(name) + 1)) {
                descent_failed(d, ENOMEM, name);
                return false;
            }
        }
    }
    level->end = d->names.len;
    if (n < 0)
        descent_failed(d, errno, "");
    return true;
}

/* The folder that the ladder has just gone down to. */
static bool push(struct descent *d, const char *name, unsigned again)
{
    size_t cap = d->cap ? d->cap * 2 : 64, path = d->count ? d->levels[d->count - 1].path : 0;
    struct descent_level *level;

    if (d->count == d->cap) {
        level = realloc(d->levels, cap * sizeof(*level));
        if (!level)
            return false;
        d->levels = level;
        d->cap = cap;
    }
    d->path.len = path;
    if (*name && (!file_buf_add(&d->path, "/", 1) || !file_buf_add(&d->path, name, strlen(name))))
        return false;
    level = &d->levels[d->count++];
    *level = (struct descent_level){ .names = d->names.len,
                                     .next = d->names.len,
                                     .end = d->names.len,
                                     .path = d->path.len,
                                     .again = again,
                                     .errors = d->report->errors };
    return read_level(d, level);
}

static bool go_down(struct descent *d, const char *name, unsigned again)
{
    int number;

    if (!again && d->ops->before)
        d->ops->before(d, ladder_fd(&d->ladder), name);
    number = ladder_down(&d->ladder, name);
    if (number == ENOTDIR || number == ELOOP) {
        if (d->ops->file)
            d->ops->file(d, ladder_fd(&d->ladder), name);
        return true;
    }
    if (number) {
        bool emptied =
            number == EACCES && d->ops->left && !d->ops->left(d, ladder_fd(&d->ladder), name);
        if (number != ENOENT && !emptied)
            descent_failed(d, number, name);
        return true;
    }
    if (!again && d->ops->enter && !d->ops->enter(d, ladder_fd(&d->ladder), name))
        return !ladder_up(&d->ladder);
    return push(d, name, again);
}

/* Its name is the last one that the level above gave. */
static bool go_up(struct descent *d)
{
    struct descent_level *level = &d->levels[d->count - 1];
    char name[256] = "";
    unsigned again = level->again;
    bool clean = level->errors == d->report->errors;
    int number;

    if (d->ops->leave)
        d->ops->leave(d, ladder_fd(&d->ladder));
    d->names.len = level->names;
    if (d->count > 1) {
        const char *path = d->path.data + level[-1].path + 1;
        snprintf(name, sizeof(name), "%.*s", (int)(level->path - level[-1].path - 1), path);
    }
    number = ladder_up(&d->ladder);
    d->count--;
    if (number) {
        descent_failed(d, number, name);
        return false;
    }
    if (!*name || !d->ops->left || !d->ops->left(d, ladder_fd(&d->ladder), name) || !clean)
        return true;
    if (again < AGAIN_MAX)
        return go_down(d, name, again + 1);
    descent_failed(d, ENOTEMPTY, name);
    return true;
}

static bool run(struct descent *d)
{
    while (d->count) {
        struct descent_level *level = &d->levels[d->count - 1];
        char name[256];
        if (report_halted(d->report, false))
            return false;
        if (level->next == level->end) {
            if (!go_up(d))
                return false;
            continue;
        }
        snprintf(name, sizeof(name), "%s", d->names.data + level->next);
        level->next += strlen(name) + 1;
        if (!go_down(d, name, 0))
            return false;
    }
    return true;
}

bool descend(struct descent *d, int fd)
{
    int number = ladder_start(&d->ladder, fd);
    bool done = false;

    d->names.max = d->path.max = DESCENT_NAMES_MAX;
    d->buffer = malloc(BUFFER);
    if (number || !d->buffer)
        report_errno(d->report, number ? number : ENOMEM, d->action, d->top);
    else
        done = push(d, "", 0) && run(d);
    ladder_done(&d->ladder);
    file_buf_done(&d->names);
    file_buf_done(&d->path);
    free(d->levels);
    free(d->buffer);
    d->levels = NULL;
    d->buffer = NULL;
    d->count = d->cap = 0;
    return done;
}
