#include "backend/agent/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AGAIN_MS 5

enum { UNKNOWN, BELOW, OUTSIDE };

static struct process table[TREE_MAX];
static size_t table_len;
static bool shared;

/* "pid (comm) state ppid ...": comm may hold anything, also parentheses and newlines. */
bool tree_parse(const char *text, struct process *out)
{
    const char *end = strrchr(text, ')');
    unsigned long long start, rss, user, system;
    unsigned threads;
    int parent;
    char state;

    if (!end || sscanf(end,
                       ") %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %u "
                       "%*d %llu %*u %llu",
                       &state, &parent, &user, &system, &threads, &start, &rss) != 7)
        return false;
    *out = (struct process){ .pid = (pid_t)atoi(text),
                             .parent = parent,
                             .state = state,
                             .start = start,
                             .rss_pages = rss,
                             .ticks = user + system,
                             .threads = threads };
    return true;
}

static bool look(int proc, const char *name, struct process *out)
{
    char path[32], text[1024];
    ssize_t n;
    int fd;

    if (name[0] < '1' || name[0] > '9' || strlen(name) > 10)
        return false;
    snprintf(path, sizeof(path), "%s/stat", name);
    fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return tree_parse(text, out);
}

static int by_pid(const void *a, const void *b)
{
    pid_t x = ((const struct process *)a)->pid, y = ((const struct process *)b)->pid;

    return (x > y) - (x < y);
}

static void scan(void)
{
    char buf[16384] __attribute__((aligned(8)));
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool sorted = true;
    long n;

    table_len = 0;
    while (proc >= 0 && (n = syscall(SYS_getdents64, proc, buf, sizeof(buf))) > 0)
        for (long at = 0; at < n;) {
            const char *name = buf + at + 19; /* of struct linux_dirent64 */
            uint16_t len;
            memcpy(&len, buf + at + 16, sizeof(len));
            at += len;
            if (table_len == TREE_MAX || !look(proc, name, &table[table_len]))
                continue;
            sorted &= !table_len || table[table_len - 1].pid < table[table_len].pid;
            table_len++;
        }
    if (proc >= 0)
        close(proc);
    if (!sorted)
        qsort(table, table_len, sizeof(table[0]), by_pid);
}

static struct process *find(pid_t pid)
{
    struct process key = { .pid = pid };

    return bsearch(&key, table, table_len, sizeof(table[0]), by_pid);
}

/* Up to the first one whose place is known, and down again; pids that were used anew meanwhile can
 * make a circle. */
static void settle(struct process *p, pid_t root, tree_skip_fn *skip)
{
    struct process *up = p;
    uint8_t place = UNKNOWN;

    for (size_t steps = 0; place == UNKNOWN; steps++) {
        if (up->place != UNKNOWN)
            place = up->place;
        else if (up->pid == root || steps > table_len || (skip && skip(up)))
            place = OUTSIDE;
        else if (up->parent == root)
            place = BELOW;
        else if (!(up = find(up->parent)))
            place = OUTSIDE;
    }
    for (size_t steps = 0; p && p->place == UNKNOWN && steps <= table_len; steps++) {
        p->place = place;
        p = p == up ? NULL : find(p->parent);
    }
}

const struct process *tree_below(pid_t root, tree_skip_fn *skip, size_t *count)
{
    size_t n = 0;

    scan();
    for (size_t i = 0; i < table_len; i++)
        settle(&table[i], root, skip);
    for (size_t i = 0; i < table_len; i++)
        if (table[i].place == BELOW)
            table[n++] = table[i];
    *count = table_len = n;
    return table;
}

void tree_shared(void)
{
    shared = true;
}

void tree_kill(const struct process *p, int signal)
{
    struct process now;
    char name[16];
    int proc, fd;

    if (!shared) {
        (void)kill(p->pid, signal);
        return;
    }
    fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
    proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    snprintf(name, sizeof(name), "%d", (int)p->pid);
    if (fd >= 0 && proc >= 0 && look(proc, name, &now) && now.start == p->start)
        (void)syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0);
    if (proc >= 0)
        close(proc);
    if (fd >= 0)
        close(fd);
}

size_t tree_signal(pid_t root, int signal, tree_skip_fn *skip)
{
    size_t count;
    const struct process *list = tree_below(root, skip, &count);

    for (size_t i = 0; i < count; i++)
        tree_kill(&list[i], signal);
    return count;
}

size_t tree_count(pid_t root)
{
    size_t count;

    (void)tree_below(root, NULL, &count);
    return count;
}

size_t tree_threads(void)
{
    size_t n = 0;

    scan();
    for (size_t i = 0; i < table_len; i++)
        n += table[i].threads;
    return n;
}

bool tree_has(pid_t root, pid_t pid)
{
    size_t count;

    (void)tree_below(root, NULL, &count);
    return find(pid);
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Stopped first, so that no parent starts more while we go through the list. */
bool tree_end(int ms)
{
    const struct timespec again = { .tv_nsec = AGAIN_MS * 1000000 };
    int64_t until = now_ms() + ms;
    pid_t self = getpid(), r;
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    for (;;) {
        (void)tree_signal(self, SIGSTOP, NULL);
        (void)tree_signal(self, SIGKILL, NULL);
        while ((r = waitpid(-1, NULL, WNOHANG | __WALL)) > 0)
            ;
        if (r < 0 && errno == ECHILD)
            return true;
        if (now_ms() >= until)
            return false;
        (void)sigtimedwait(&child, NULL, &again);
    }
}
