#include "backend/local/rebind.h"
#include "backend/local/launcher.h"
#include "backend/local/local.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define TARGETS 2
#define LOOK_MS 1000
#define ARGS_MAX (16 + TARGETS * REBIND_FILES)
#define REPLACED (IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE)

struct watched {
    char *path; /* relative */
    dev_t dev;
    ino_t ino; /* that is bound; 0: it was removed */
    bool stale;
};

struct rebind {
    struct pump pump;
    struct agent *agent;
    char *directory, *targets[TARGETS];
    int dir, events;
    struct watched files[REBIND_FILES];
    size_t count;
    int helper; /* pidfd; -1: none runs */
    int64_t helper_until_ms;
};

void rebind_free(struct rebind *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        free(r->files[i].path);
    for (size_t i = 0; i < TARGETS; i++)
        free(r->targets[i]);
    free(r->directory);
    fd_close(&r->dir);
    fd_close(&r->events);
    fd_close(&r->helper);
    agent_unref(r->agent);
    free(r);
}
DEFINE_AUTO_PTR(rebind, rebind_free);

/* Watching the same directory twice is watching it once. */
static int watch_parent(struct rebind *r, const char *path, struct err *err)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int n = snprintf(parent, sizeof(parent), "%s/%.*s", r->directory,
                     slash ? (int)(slash - path) : 0, path);

    if (n < 0 || (size_t)n >= sizeof(parent))
        return err_set(err, ERR_TOO_LARGE, "%s: too long", path);
    return inotify_add_watch(r->events, parent, REPLACED | IN_ONLYDIR) < 0
               ? err_sys(err, errno, "watch %s", parent)
               : 0;
}

static int add_file(struct rebind *r, const char *path, struct err *err)
{
    struct watched *w = &r->files[r->count];
    struct stat st;

    if (fstatat(r->dir, path, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
        return 0;
    if (r->count == REBIND_FILES)
        return err_set(err, ERR_QUOTA, "more than %d protected files", REBIND_FILES);
    w->path = strdup(path);
    if (!w->path)
        return err_oom(err);
    w->dev = st.st_dev;
    w->ino = st.st_ino;
    r->count++;
    return watch_parent(r, path, err);
}

int rebind_new(const char *directory, const struct strings *readonly, const char *const targets[],
               struct rebind **out, struct err *err)
{
    AUTO_PTR(rebind) struct rebind *r = calloc(1, sizeof(*r));

    *out = NULL;
    if (!r)
        return err_oom(err);
    r->helper = -1;
    r->dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    r->events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (r->dir < 0 || r->events < 0)
        return err_sys(err, errno, "watch %s", directory);
    r->directory = strdup(directory);
    for (size_t i = 0; targets[i]; i++)
        r->targets[i] = strdup(targets[i]);
    if (!r->directory || !r->targets[0])
        return err_oom(err);
    for (size_t i = 0; i < readonly->count; i++)
        if (add_file(r, readonly->items[i], err))
            return -1;
    if (r->count)
        *out = TAKE(r);
    return 0;
}

/* What happened is seen by looking: events only say when to. */
static void drain(struct rebind *r)
{
    char space[4096];

    while (io_read(r->events, space, sizeof(space)) > 0)
        ;
}

static bool look(struct rebind *r)
{
    bool any = false;

    for (size_t i = 0; i < r->count; i++) {
        struct watched *w = &r->files[i];
        struct stat st;
        if (fstatat(r->dir, w->path, &st, AT_SYMLINK_NOFOLLOW))
            st.st_ino = 0;
        w->stale = w->stale || (st.st_ino && (st.st_ino != w->ino || st.st_dev != w->dev));
        w->ino = st.st_ino;
        w->dev = st.st_dev;
        any = any || w->stale;
    }
    return any;
}

/* pid 1 of the sandbox, as this machine numbers it: the only child of bubblewrap. 0: gone. */
static long first_process(const struct agent *a)
{
    AUTO_FD int fd = -1;
    char text[64] = "";

    snprintf(text, sizeof(text), "/proc/%d/task/%d/children", a->pid, a->pid);
    fd = open(text, O_RDONLY | O_CLOEXEC);
    memset(text, 0, sizeof(text));
    if (fd < 0 || io_read(fd, text, sizeof(text) - 1) <= 0)
        return 0;
    return strtol(text, NULL, 10);
}

static int run_helper(struct rebind *r, const struct strings *words, struct err *err)
{
    struct local_backend *be = r->agent->sandbox->backend;
    char *argv[ARGS_MAX + 1] = { NULL };
    struct spawn what = { .argv = argv, .control = be->null_fd, .errors = be->null_fd };
    pid_t pid;

    for (size_t i = 0; i < words->count && i < ARGS_MAX; i++)
        argv[i] = words->items[i];
    if (spawner_run(be->spawner, &what, &pid, err))
        return -1;
    r->helper = pidfd_open(pid, 0);
    r->helper_until_ms = clock_ms() + REBIND_TIMEOUT_MS;
    return r->helper < 0 ? err_sys(err, errno, "watch the helper") : 0;
}

static int add_credentials(const struct agent *a, struct strings *words, struct err *err)
{
    if (!a->chown_pipes)
        return 0;
    return strings_addf(words, err, "uid=%u", a->uid) || strings_addf(words, err, "gid=%u", a->gid)
               ? -1
               : 0;
}

static int rebind(struct rebind *r, struct err *err)
{
    const char *agent_path = r->agent->sandbox->backend->agent_path;
    AUTO(strings) struct strings words = { 0 };
    long pid = first_process(r->agent);

    if (!pid)
        return err_set(err, ERR_UNAVAILABLE, "the sandbox has no first process");
    if (strings_addf(&words, err, "%s", agent_path) || strings_addf(&words, err, "launch") ||
        strings_addf(&words, err, "parent=%d", getpid()) ||
        add_credentials(r->agent, &words, err) || strings_addf(&words, err, "--") ||
        strings_addf(&words, err, "%s", agent_path) || strings_addf(&words, err, "rebind") ||
        strings_addf(&words, err, "%ld", pid))
        return -1;
    for (size_t i = 0; i < r->count; i++) {
        if (!r->files[i].stale)
            continue;
        for (size_t t = 0; t < TARGETS && r->targets[t]; t++)
            if (strings_addf(&words, err, "%s/%s", r->targets[t], r->files[i].path))
                return -1;
        r->files[i].stale = false;
    }
    return run_helper(r, &words, err);
}

/* False while the helper runs. */
static bool helper_over(struct rebind *r, int64_t now_ms)
{
    siginfo_t info = { 0 };

    if (waitid(P_PIDFD, (id_t)r->helper, &info, WEXITED | WNOHANG) || info.si_pid) {
        if (!info.si_pid || info.si_code != CLD_EXITED || info.si_status)
            agent_stop(r->agent, "a protected file was replaced and cannot be protected again");
        reactor_leave(&r->pump, r->helper);
        fd_close(&r->helper);
        return true;
    }
    if (now_ms >= r->helper_until_ms)
        pidfd_send_signal(r->helper, SIGKILL, NULL, 0);
    return false;
}

static struct rebind *rebind_of(struct pump *p)
{
    return (struct rebind *)((char *)p - offsetof(struct rebind, pump));
}

static size_t rebind_fds(struct pump *p, struct pollfd fds[PUMP_FDS])
{
    struct rebind *r = rebind_of(p);
    size_t n = 0;

    if (r->helper >= 0)
        fds[n++] = (struct pollfd){ .fd = r->helper, .events = POLLIN };
    else
        fds[n++] = (struct pollfd){ .fd = r->events, .events = POLLIN };
    return n;
}

static bool rebind_step(struct pump *p, int64_t now_ms)
{
    struct rebind *r = rebind_of(p);
    struct err err = { 0 };

    p->due_ms = now_ms + LOOK_MS;
    if (r->helper >= 0 && !helper_over(r, now_ms))
        return false;
    if (r->agent->dead)
        return true;
    drain(r);
    if (look(r) && rebind(r, &err)) {
        log_warn("sandbox %s: %s", r->agent->sandbox->base.id, err.msg);
        agent_stop(r->agent, "a protected file was replaced and cannot be protected again");
    }
    return false;
}

static void rebind_drop(struct pump *p)
{
    rebind_free(rebind_of(p));
}

static const struct pump_ops rebind_ops = {
    .fds = rebind_fds,
    .step = rebind_step,
    .drop = rebind_drop,
};

void rebind_start(struct rebind *r, struct agent *a)
{
    if (!r)
        return;
    r->agent = agent_ref(a);
    r->pump.ops = &rebind_ops;
    reactor_give(a->sandbox->backend->reactor, &r->pump);
}
