/*
 * The stage between the server and what it starts: `sandbox-agent launch KEY=VALUE... -- PROGRAM
 * ARGS...`. It runs with the server's credentials, takes on those of the sandbox, and
 * executes the program. Keys:
 *
 *   parent=PID    exit when the parent is another one by now
 *   cgroup=DIR    join that control group (may come several times)
 *   uid=N, gid=N  become that user, without supplementary groups
 *   nofile=N      soft and hard RLIMIT_NOFILE
 *
 * Core dumps are switched off and SIGKILL at the parent's death is armed, always. A step that
 * fails ends it with status 126 and a line on stderr: nothing is run with more rights than asked.
 */
#include "backend/agent/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define FAILED 126

struct wishes {
    long parent, uid, gid, nofile; /* -1: not asked for */
};

static int fail(const char *what)
{
    dprintf(2, "launch: %s: %s\n", what, strerror(errno));
    return FAILED;
}

static int write_zero(const char *dir, const char *file)
{
    char path[4200];
    int fd, n = snprintf(path, sizeof(path), "%s/%s", dir, file);
    bool ok;

    if (n < 0 || (size_t)n >= sizeof(path))
        return -1;
    fd = open(path, O_WRONLY | O_CLOEXEC);
    ok = fd >= 0 && write(fd, "0", 1) == 1;
    if (fd >= 0)
        close(fd);
    return ok ? 0 : -1;
}

/* As one thread where v1 lets it: joining as a process waits 15 ms for all processors. */
static int join(const char *dir)
{
    return write_zero(dir, "tasks") && write_zero(dir, "cgroup.procs") ? -1 : 0;
}

static bool number(const char *text, long *out)
{
    char *end;

    errno = 0;
    *out = strtol(text, &end, 10);
    if (errno || end == text || *end || *out < 0)
        errno = EINVAL;
    return !errno;
}

/* The index behind "--", or -1. */
static int read_wishes(int argc, char **argv, struct wishes *w)
{
    const struct {
        const char *key;
        long *value;
    } numbers[] = {
        { "parent=", &w->parent },
        { "uid=", &w->uid },
        { "gid=", &w->gid },
        { "nofile=", &w->nofile },
    };

    for (int i = 0; i < argc; i++) {
        bool known = false;
        if (!strcmp(argv[i], "--"))
            return i + 1 < argc ? i + 1 : -1;
        if (!strncmp(argv[i], "cgroup=", 7)) {
            if (join(argv[i] + 7)) {
                fail(argv[i]);
                return -1;
            }
            continue;
        }
        for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]) && !known; k++) {
            size_t n = strlen(numbers[k].key);
            known = !strncmp(argv[i], numbers[k].key, n) && number(argv[i] + n, numbers[k].value);
        }
        if (!known) {
            errno = EINVAL;
            return -1;
        }
    }
    errno = EINVAL;
    return -1;
}

static int become(const struct wishes *w)
{
    gid_t gid = (gid_t)w->gid;
    uid_t uid = (uid_t)w->uid;

    if (w->uid < 0)
        return 0;
    if (w->gid < 0) {
        errno = EINVAL;
        return -1;
    }
    if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
        return -1;
    if (uid && !setresuid(0, 0, 0)) {
        errno = EPERM;
        return -1;
    }
    return 0;
}

int agent_launch(int argc, char **argv)
{
    struct wishes w = { -1, -1, -1, -1 };
    struct rlimit none = { 0, 0 };
    int program = read_wishes(argc - 2, argv + 2, &w);

    if (program < 0)
        return fail("arguments");
    if (w.nofile >= 0) {
        struct rlimit files = { (rlim_t)w.nofile, (rlim_t)w.nofile };
        if (setrlimit(RLIMIT_NOFILE, &files))
            return fail("RLIMIT_NOFILE");
    }
    if (setrlimit(RLIMIT_CORE, &none))
        return fail("RLIMIT_CORE");
    if (become(&w))
        return fail("become the sandbox's user");
    if (prctl(PR_SET_PDEATHSIG, SIGKILL))
        return fail("PR_SET_PDEATHSIG");
    if (w.parent >= 0 && getppid() != (pid_t)w.parent)
        return FAILED;
    argv += 2 + program;
    execv(argv[0], argv);
    return fail(argv[0]);
}
