#include "backend/agent/file_names.h"
#include "backend/agent/file_report.h"
#include "backend/agent/file_time.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define HASHED_MAX (256LL * 1024 * 1024) /* of one request */

struct looking {
    struct file_report report;
    struct names names;
    int64_t hashed;
};

static char type_of(mode_t mode)
{
    return S_ISREG(mode)    ? 'f'
           : S_ISDIR(mode)  ? 'd'
           : S_ISLNK(mode)  ? 'l'
           : S_ISFIFO(mode) ? 'p'
           : S_ISSOCK(mode) ? 's'
           : S_ISCHR(mode)  ? 'c'
                            : 'b';
}

/* What the file tools may do: they take files and folders alone. */
static char access_to(const char *path)
{
    struct stat st;
    int folder;

    if (stat(path, &st) || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
        return 'v';
    folder = S_ISDIR(st.st_mode) ? X_OK : 0;
    return !access(path, W_OK | folder) ? 'w' : !access(path, R_OK | folder) ? 'r' : 'v';
}

static void hash(struct looking *l, const char *path, char hex[65])
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size <= FILE_TOTALS_MAX &&
        (l->hashed += st.st_size) <= HASHED_MAX && !file_hash(fd, hex))
        *hex = '\0';
    close(fd);
}

static void record(struct looking *l, const char *path, const struct stat *st, char type)
{
    struct file_buf *b = &l->report.records;
    size_t start = record_begin(b, 's');
    char target[FILE_PATH_MAX], hex[65] = "";
    const char *owner = "", *group = "";
    ssize_t n = type == 'l' ? readlink(path, target, sizeof(target)) : 0;
    bool known = type != '-' && type != '?';

    if (known) {
        owner = names_of(&l->names, NAMES_USERS, st->st_uid);
        group = names_of(&l->names, NAMES_GROUPS, st->st_gid);
    }
    if (type == 'f' && l->report.flags & WIRE_F_HASH)
        hash(l, path, hex);
    record_char(b, type);
    record_char(b, known ? access_to(path) : 'n');
    record_i64(b, st->st_mode & 07777);
    record_i64(b, st->st_size);
    record_i64(b, file_mtime_ms(st));
    record_str(b, owner, strlen(owner));
    record_str(b, group, strlen(group));
    record_str(b, target, n > 0 ? (size_t)n : 0);
    record_str(b, hex, strlen(hex));
    record_end(b, start);
}

static void look(struct looking *l, const char *path)
{
    struct stat st = { 0 };
    bool found = !lstat(path, &st);
    char type = found ? type_of(st.st_mode) : errno == EACCES || errno == EPERM ? '?' : '-';

    record(l, path, &st, type);
}

int file_stat(struct file_job *job)
{
    struct looking l = { 0 };
    const char *path;

    if (report_begin(&l.report, job))
        return -1;
    while ((path = report_path(&l.report)))
        look(&l, path);
    names_done(&l.names);
    return report_send(&l.report);
}
