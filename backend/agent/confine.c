#include "backend/agent/agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of newer headers than Debian 12's. */
#define ACCESS_REFER (1ULL << 13)
#define ACCESS_TRUNCATE (1ULL << 14)
#define ACCESS_IOCTL_DEV (1ULL << 15)
#define ACCESS_ABI1 ((1ULL << 13) - 1)
#define ACCESS_OF_FILES                                                                          \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | \
     ACCESS_TRUNCATE | ACCESS_IOCTL_DEV)
#define SCOPE_SIGNAL (1ULL << 1)

#define OOM_MOST 1000
#define SIGNALS_MAX 1024        /* queued, timers included: the host's user has only so many */
#define QUEUES_MAX (128 * 1024) /* bytes of message queues, of that user's too */

static int oom_fd = -1, oom_own;

bool confine_filter(const uint8_t *program, size_t len)
{
    struct sock_fprog prog = { .len = (unsigned short)(len / sizeof(struct sock_filter)) };
    static struct sock_filter copy[BPF_MAXINSNS];

    if (!len || len % sizeof(struct sock_filter) || len > sizeof(copy))
        return false;
    memcpy(copy, program, len);
    prog.filter = copy;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return false;
    return !syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
}

static uint64_t handled(long abi)
{
    uint64_t set = ACCESS_ABI1;

    if (abi >= 2)
        set |= ACCESS_REFER;
    if (abi >= 3)
        set |= ACCESS_TRUNCATE;
    if (abi >= 5)
        set |= ACCESS_IOCTL_DEV;
    return set;
}

/* The kernel's struct as of ABI 6; older ones take its beginning. */
struct ruleset {
    uint64_t fs, net, scoped;
};

/* Links need no grant: where they lead to has one. */
static bool grant(int ruleset, int dir, const char *name, uint64_t access)
{
    struct landlock_path_beneath_attr rule = { 0 };
    int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    bool ok;

    if (fd < 0 || fstat(fd, &st) || S_ISLNK(st.st_mode)) {
        if (fd >= 0)
            close(fd);
        return fd >= 0;
    }
    rule.parent_fd = fd;
    rule.allowed_access = S_ISDIR(st.st_mode) ? access : access & ACCESS_OF_FILES;
    ok = !syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(fd);
    return ok;
}

/* All that is in a directory, but one. */
static bool grant_all_but(int ruleset, const char *path, const char *but, uint64_t access)
{
    DIR *list = opendir(path);
    struct dirent *e;
    bool ok = list;

    while (ok && (e = readdir(list)))
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && strcmp(e->d_name, but))
            ok = grant(ruleset, dirfd(list), e->d_name, access);
    if (list)
        closedir(list);
    return ok;
}

/* "/" and "/run" are read-only and hold nothing but what is granted one by one. */
static bool grant_places(int ruleset, uint64_t access)
{
    if (!agent_config.browser)
        return grant(ruleset, AT_FDCWD, "/", access);
    return grant(ruleset, AT_FDCWD, "/", LANDLOCK_ACCESS_FS_READ_DIR) &&
           grant_all_but(ruleset, "/", "run", access) &&
           grant_all_but(ruleset, "/run", strrchr(WIRE_BROWSER_DIR, '/') + 1, access);
}

/*
 * Everything is granted but the browser's files: the domain is there so that nothing outside of it
 * can be ptraced, and, where the kernel can, signalled: the browser and its parent.
 * Below ABI 2 a domain forbids renames across directories, which would break programs.
 */
int confine_landlock(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    struct ruleset rules = { .fs = handled(abi),
                             .scoped = abi >= 6 && agent_config.browser ? SCOPE_SIGNAL : 0 };
    int ruleset, ok;

    if (abi < 2)
        return 0;
    ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules,
                           abi < 6 ? sizeof(rules.fs) : sizeof(rules), 0);
    ok = ruleset >= 0 && grant_places(ruleset, handled(abi)) &&
         !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
         !syscall(SYS_landlock_restrict_self, ruleset, 0);
    if (ruleset >= 0)
        close(ruleset);
    return ok ? (int)abi : 0;
}

static bool limit(int what, rlim_t max)
{
    struct rlimit now;

    if (getrlimit(what, &now))
        return false;
    if (now.rlim_max == RLIM_INFINITY || now.rlim_max > max)
        now.rlim_max = max;
    if (now.rlim_cur == RLIM_INFINITY || now.rlim_cur > now.rlim_max || what != RLIMIT_NOFILE)
        now.rlim_cur = now.rlim_max;
    return !setrlimit(what, &now);
}

bool confine_limits(uint32_t nproc, uint32_t nofile)
{
    return (!nproc || limit(RLIMIT_NPROC, (rlim_t)nproc + WIRE_NPROC_RESERVE)) &&
           (!nofile || limit(RLIMIT_NOFILE, nofile)) && limit(RLIMIT_CORE, 0) &&
           (agent_config.host ||
            (limit(RLIMIT_SIGPENDING, SIGNALS_MAX) && limit(RLIMIT_MSGQUEUE, QUEUES_MAX)));
}

bool confine_payload(void)
{
    return !agent_config.nproc || limit(RLIMIT_NPROC, agent_config.nproc);
}

void confine_oom_open(void)
{
    char text[16] = "";
    ssize_t n;

    if (oom_fd >= 0)
        close(oom_fd);
    oom_fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    if (oom_fd < 0)
        return;
    n = read(oom_fd, text, sizeof(text) - 1);
    oom_own = n > 0 ? atoi(text) : 0;
}

/* The file is of this process alone, whoever writes to it: children only inherit what it says. */
void confine_oom(int above)
{
    int score = oom_own + above;
    char text[16];
    int n = snprintf(text, sizeof(text), "%d", score < OOM_MOST ? score : OOM_MOST);

    if (oom_fd >= 0)
        (void)!pwrite(oom_fd, text, (size_t)n, 0);
}
