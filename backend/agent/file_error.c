#include "backend/agent/file_error.h"
#include "backend/agent/agent.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int file_fail(struct file_error *e, uint32_t code, const char *fmt, ...)
{
    va_list ap;

    e->code = code;
    e->next[0] = '\0';
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof(e->text), fmt, ap);
    va_end(ap);
    return -1;
}

int file_hint(struct file_error *e, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(e->next, sizeof(e->next), fmt, ap);
    va_end(ap);
    return -1;
}

/* Cut path to the deepest folder on it that exists; "/" always does. */
static void deepest(char *path)
{
    struct stat st;

    for (;;) {
        char *slash = strrchr(path, '/');
        if (!slash || slash == path)
            break;
        *slash = '\0';
        if (!stat(path, &st) && S_ISDIR(st.st_mode))
            return;
    }
    strcpy(path, "/");
}

static int missing(struct file_error *e, const char *path)
{
    char parent[4096], target[4096];
    ssize_t n = readlink(path, target, sizeof(target) - 1);

    if (n > 0) {
        target[n] = '\0';
        file_fail(e, CODE_NOT_FOUND, "%.400s is a link to %.400s, which does not exist", path,
                  target);
        return file_hint(e, "look at the folder with file_list");
    }
    file_fail(e, CODE_NOT_FOUND, "%.900s does not exist", path);
    snprintf(parent, sizeof(parent), "%s", path);
    deepest(parent);
    return file_hint(e, "list %.250s, the deepest folder of that path that exists, with file_list",
                     parent);
}

static int not_folder(struct file_error *e, const char *path)
{
    char parent[4096];

    snprintf(parent, sizeof(parent), "%s", path);
    deepest(parent);
    file_fail(e, CODE_NOT_FOUND, "%.900s: a part of that path is a file, not a folder", path);
    return file_hint(e, "list %.250s, the deepest folder of that path, with file_list", parent);
}

static int full(struct file_error *e, const char *action, const char *path)
{
    file_fail(e, CODE_QUOTA, "no space left to %s %.900s", action, path);
    return file_hint(e, "delete what is no longer needed; the file is as it was before");
}

int file_fail_errno(struct file_error *e, int number, const char *action, const char *path)
{
    switch (number) {
    case ENOENT:
        return missing(e, path);
    case ENOTDIR:
        return not_folder(e, path);
    case EACCES:
    case EPERM:
    case EROFS:
        return file_fail(e, CODE_DENIED, "%s %.900s: %s", action, path, strerror(number));
    case EBUSY:
        file_fail(e, CODE_DENIED, "cannot %s %.900s: it is protected, or a mount point", action,
                  path);
        return file_hint(e, "leave it, or name what is in it");
    case ENOTEMPTY:
    case EEXIST:
    case ESTALE:
        return file_fail(e, CODE_CONFLICT, "cannot %s %.900s: %s", action, path,
                         number == ESTALE      ? "it was moved meanwhile"
                         : number == ENOTEMPTY ? "it is not empty"
                                               : "the name is taken");
    case ENOSPC:
    case EDQUOT:
        return full(e, action, path);
    case ELOOP:
        return file_fail(e, CODE_INVALID, "%.900s: its links lead in a circle", path);
    case ENAMETOOLONG:
        return file_fail(e, CODE_INVALID, "%.900s: the name is too long", path);
    case EFBIG:
        return file_fail(e, CODE_TOO_LARGE, "%.900s: would become too large", path);
    case ENOMEM:
        return file_fail(e, CODE_INTERNAL, "out of memory");
    default:
        return file_fail(e, CODE_INTERNAL, "%s %.900s: %s", action, path, strerror(number));
    }
}

int file_fail_type(struct file_error *e, unsigned mode, const char *action, const char *path)
{
    const char *what = S_ISFIFO(mode)   ? "a FIFO"
                       : S_ISSOCK(mode) ? "a socket"
                       : S_ISCHR(mode)  ? "a character device"
                       : S_ISBLK(mode)  ? "a block device"
                                        : "a folder";

    file_fail(e, CODE_INVALID, "cannot %s %.900s: it is %s", action, path, what);
    return S_ISDIR(mode) ? file_hint(e, "look into it with file_list")
                         : file_hint(e, "pass the path of a regular file");
}
