#include "backend/agent/agent.h"
#include "backend/agent/channel.h"
#include "backend/agent/nursery.h"
#include "backend/agent/query.h"
#include "backend/agent/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define COMMAND_LIST 400 /* bytes of a command, one of many, and alone */
#define COMMAND_ONE 2000
#define NAME 32

size_t query_slurp(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t n = 1;

    while (fd >= 0 && len < size - 1 && (n = read(fd, out + len, size - 1 - len)) > 0)
        len += (size_t)n;
    if (fd >= 0)
        close(fd);
    out[len] = '\0';
    return len;
}

static void write_all(int fd, const void *data, size_t len)
{
    const char *p = data;

    while (len) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        p += n;
        len -= (size_t)n;
    }
}

void query_put(int fd, const char *name, const char *value, size_t length)
{
    char record[5 + 4 + 128 + 4 + QUERY_VALUE];
    uint32_t n = (uint32_t)strnlen(name, 128);
    uint32_t v = length < QUERY_VALUE ? (uint32_t)length : QUERY_VALUE, len = 9 + n + v;

    memcpy(record, &len, 4);
    record[4] = 'p';
    memcpy(record + 5, &n, 4);
    memcpy(record + 9, name, n);
    memcpy(record + 9 + n, &v, 4);
    memcpy(record + 13 + n, value, v);
    write_all(fd, record, 4 + len);
}

static bool is_nursery(const struct process *p)
{
    return p->pid == nursery_pid();
}

/* Of that list, which is sorted; NULL when it is none of it. */
static const struct process *look_up(const struct process *list, size_t count, pid_t pid)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list[middle].pid == pid)
            return &list[middle];
        if (list[middle].pid < pid)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The one above it whose parent is pid 1, 0 none; true when `wanted` is on the way, or it itself.
 */
static bool climb(const struct process *list, size_t count, const struct process *p, pid_t wanted,
                  pid_t *supervisor)
{
    bool below = !wanted;

    *supervisor = 0;
    for (size_t steps = 0; p && steps < count; steps++) {
        below |= p->pid == wanted;
        if (p->parent == getppid()) {
            *supervisor = p->pid;
            return below;
        }
        p = look_up(list, count, p->parent);
    }
    return below;
}

/* Its name of /etc/passwd, else the number. */
static void name_of(uid_t uid, char out[NAME])
{
    static char passwd[65536];
    static size_t len;
    char *line = passwd;

    if (!len)
        len = query_slurp("/etc/passwd", passwd, sizeof(passwd));
    snprintf(out, NAME, "%u", (unsigned)uid);
    while (line && *line) {
        char *next = strchr(line, '\n'), name[NAME];
        unsigned is;
        if (sscanf(line, "%31[^: \n]:%*[^:\n]:%u:", name, &is) == 2 && is == uid) {
            snprintf(out, NAME, "%s", name);
            return;
        }
        line = next ? next + 1 : NULL;
    }
}

/* Arguments with a space behind each, "[name]" of one that has none. */
static size_t command_of(pid_t pid, char *out, size_t size)
{
    char path[40], name[32];
    size_t n;

    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    n = query_slurp(path, out, size);
    if (!n) {
        snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
        n = query_slurp(path, name, sizeof(name));
        while (n && name[n - 1] == '\n')
            n--;
        n = (size_t)snprintf(out, size, "[%.*s]", (int)n, name);
    }
    for (size_t i = 0; i < n; i++)
        if (!out[i])
            out[i] = ' ';
    while (n && out[n - 1] == ' ')
        n--;
    return n;
}

static void tell(int fd, const struct process *p, pid_t supervisor, size_t command)
{
    unsigned long long hz = (unsigned long long)sysconf(_SC_CLK_TCK);
    unsigned long long page = (unsigned long long)sysconf(_SC_PAGESIZE), now, start;
    char line[QUERY_VALUE], path[40], user[NAME];
    struct timespec t;
    struct stat s;
    size_t n;

    snprintf(path, sizeof(path), "/proc/%d", (int)p->pid);
    if (stat(path, &s))
        return;
    name_of(s.st_uid, user);
    clock_gettime(CLOCK_BOOTTIME, &t);
    now = (unsigned long long)t.tv_sec * 1000 + (unsigned long long)t.tv_nsec / 1000000;
    start = p->start * 1000 / hz;
    n = (size_t)snprintf(line, sizeof(line), "%d %d %d %c %llu %llu %llu %s ", (int)p->pid,
                         (int)p->parent, (int)supervisor, p->state,
                         (unsigned long long)p->ticks * 1000 / hz, now > start ? now - start : 0,
                         (unsigned long long)p->rss_pages * page / 1024, user);
    n += command_of(p->pid, line + n, command + 1);
    query_put(fd, "process", line, n);
}

void query_processes(int channel, int results, uint32_t pid)
{
    static struct wire_out w;
    size_t count, total = 0;
    const struct process *list = tree_below(getppid(), is_nursery, &count);
    char number[32];
    pid_t supervisor;

    for (size_t i = 0; i < count; i++) {
        if (list[i].parent == getppid() || !climb(list, count, &list[i], (pid_t)pid, &supervisor))
            continue;
        if (total++ < WIRE_PROCESSES)
            tell(results, &list[i], supervisor,
                 list[i].pid == (pid_t)pid ? COMMAND_ONE : COMMAND_LIST);
    }
    if (pid && !total) {
        channel_error(channel, CODE_NOT_FOUND, "list them with terminal_processes",
                      "there is no process %u", pid);
        return;
    }
    snprintf(number, sizeof(number), "%zu", total);
    query_put(results, "processes", number, strlen(number));
    wire_begin(&w, WIRE_REPLY, 0);
    (void)channel_send(channel, &w, NULL, 0);
}
