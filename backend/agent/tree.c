#include "backend/agent/tree.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct entry {
    pid_t pid, parent;
    bool below;
};

static struct entry table[TREE_MAX];
static size_t table_len;

/* The parent from "pid (comm) S ppid ..."; comm may hold anything. */
static pid_t parent_of(const char *pid)
{
    char path[40], text[512], *end;
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    end = strrchr(text, ')');
    return end && end[1] && end[2] && end[3] ? (pid_t)atoi(end + 4) : -1;
}

static void scan(void)
{
    char buf[16384] __attribute__((aligned(8)));
    int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long n;

    table_len = 0;
    while (fd >= 0 && (n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
        for (long at = 0; at < n;) {
            uint16_t len;
            const char *name = buf + at + 19;
            memcpy(&len, buf + at + 16, 2);
            at += len;
            if (!isdigit((unsigned char)name[0]) || table_len == TREE_MAX)
                continue;
            table[table_len++] = (struct entry){ (pid_t)atoi(name), parent_of(name), false };
        }
    }
    if (fd >= 0)
        close(fd);
}

static void mark(pid_t root)
{
    bool again = true;

    scan();
    while (again) {
        again = false;
        for (size_t i = 0; i < table_len; i++) {
            if (table[i].below)
                continue;
            bool below = table[i].parent == root;
            for (size_t k = 0; k < table_len && !below; k++)
                below = table[k].below && table[k].pid == table[i].parent;
            table[i].below = below;
            again |= below;
        }
    }
}

size_t tree_signal(pid_t root, int signal)
{
    size_t n = 0;

    mark(root);
    for (size_t i = 0; i < table_len; i++)
        if (table[i].below) {
            (void)kill(table[i].pid, signal);
            n++;
        }
    return n;
}

size_t tree_count(pid_t root)
{
    size_t n = 0;

    mark(root);
    for (size_t i = 0; i < table_len; i++)
        n += table[i].below;
    return n;
}

bool tree_has(pid_t root, pid_t pid)
{
    mark(root);
    for (size_t i = 0; i < table_len; i++)
        if (table[i].below && table[i].pid == pid)
            return true;
    return false;
}

void tree_kill_all(void)
{
    pid_t self = getpid();

    for (;;) {
        pid_t r;
        (void)tree_signal(self, SIGSTOP);
        (void)tree_signal(self, SIGKILL);
        do
            r = waitpid(-1, NULL, __WALL);
        while (r > 0 && waitpid(-1, NULL, WNOHANG | __WALL) > 0);
        if (r < 0 && errno == ECHILD)
            return;
    }
}
