#include "backend/local/launcher.h"
#include "backend/local/bwrap.h"
#include "backend/local/protect.h"
#include "backend/local/rebind.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define ARGV_MAX 32
#define DATA_MAX (ETC_FILES_MAX + 2) /* and the filter, and the arguments */

/* Everything one start needs; released whole. */
struct launch {
    struct local_sandbox *sb;
    struct agent *agent;
    struct strings *cgroups, *degraded; /* borrowed */
    char *words[ARGV_MAX];              /* owned */
    size_t word_count;
    int fds[DATA_MAX]; /* inherited */
    size_t fd_count;
    int control, errors, errors_child; /* the agent's control end; its stderr */
    struct strings pinned, readonly;
};

static void launch_done(struct launch *l)
{
    for (size_t i = 0; i < l->word_count; i++)
        free(l->words[i]);
    for (size_t i = 0; i < l->fd_count; i++)
        fd_close(&l->fds[i]);
    fd_close(&l->control);
    fd_close(&l->errors);
    fd_close(&l->errors_child);
    strings_done(&l->pinned);
    strings_done(&l->readonly);
    agent_unref(l->agent);
}

static int word(struct launch *l, struct err *err, const char *fmt, ...) PRINTF(3, 4);
static int word(struct launch *l, struct err *err, const char *fmt, ...)
{
    va_list ap;
    int n;

    if (l->word_count + 1 >= ARGV_MAX)
        return err_set(err, ERR_INTERNAL, "too many arguments");
    va_start(ap, fmt);
    n = vasprintf(&l->words[l->word_count], fmt, ap);
    va_end(ap);
    if (n < 0)
        return err_oom(err);
    l->word_count++;
    return 0;
}

/* Data for bwrap to read to its end; the number it is inherited under, or -1. */
static int data_fd(struct launch *l, const void *data, size_t len, struct err *err)
{
    AUTO_FD int fd = memfd_create("data", MFD_CLOEXEC);

    if (l->fd_count == COUNT_OF(l->fds))
        return err_set(err, ERR_INTERNAL, "too many descriptors");
    if (fd < 0 || io_write_all(fd, data, len) || lseek(fd, 0, SEEK_SET))
        return err_sys(err, errno, "make a data descriptor");
    if (spawner_lift(&fd, err))
        return -1;
    l->fds[l->fd_count++] = fd;
    return TAKE_FD(&fd);
}

static int data_files(struct launch *l, struct bwrap_file *out, size_t *count, struct err *err)
{
    const struct etc_files *e = &l->sb->backend->etc;

    for (*count = 0; *count < e->count; (*count)++) {
        const struct etc_file *f = &e->items[*count];
        out[*count].path = f->path;
        out[*count].fd = data_fd(l, f->data.data, f->data.len, err);
        if (out[*count].fd < 0)
            return -1;
    }
    return 0;
}

/* /workspace, the same under its host path when it is a live one, and --mount. */
static int mounts(struct launch *l, struct bwrap_mount *out, size_t *count, struct err *err)
{
    struct local_sandbox *sb = l->sb;
    struct local_backend *be = sb->backend;
    const struct backend_config *c = be->base.config;
    const char *targets[] = { LOCAL_WORKSPACE, NULL, NULL };
    struct err why = { 0 };
    struct bwrap_mount ws = {
        .source = be->workspace ? be->workspace : sb->dir.workspace,
        .target = LOCAL_WORKSPACE,
        .readonly = be->workspace && c->workspace_ro,
    };

    if (be->workspace && !ws.readonly) {
        if (protect_find(be->workspace, &l->agent->holders, &l->pinned, &l->readonly, l->degraded,
                         err))
            return -1;
        ws.pinned = &l->pinned;
        ws.readonly_paths = &l->readonly;
    }
    out[(*count)++] = ws;
    if (be->workspace && local_path_free(be->workspace)) {
        targets[1] = ws.target = be->workspace;
        out[(*count)++] = ws;
    }
    if (ws.readonly_paths &&
        rebind_new(be->workspace, &l->readonly, targets, &l->agent->rebind, &why) &&
        strings_addf(l->degraded, err, "files that are replaced outside lose their protection: %s",
                     why.msg))
        return -1;
    for (size_t i = 0; i < c->mount_count; i++)
        out[(*count)++] = (struct bwrap_mount){ .source = be->mounts[i],
                                                .target = be->mounts[i],
                                                .readonly = c->mounts[i].readonly };
    return 0;
}

static int bwrap_words(struct launch *l, struct err *err)
{
    struct local_sandbox *sb = l->sb;
    struct local_backend *be = sb->backend;
    AUTO(buf) struct buf args = BUF_MAX(1024 * 1024);
    AUTO_FREE struct bwrap_mount *list = calloc(be->base.config->mount_count + 2, sizeof(*list));
    struct bwrap_file files[ETC_FILES_MAX];
    struct bwrap_spec spec = {
        .library = be->library,
        .home = sb->dir.home,
        .mounts = list,
        .workdir = LOCAL_WORKSPACE,
        .tmp_mb = be->limits.tmp_mb,
        .shm_mb = be->limits.shm_mb,
        .browser_mb = be->browser.program ? be->limits.tmp_mb : 0,
        .browser_directory = be->browser.directory,
        .files = files,
    };
    int fd;

    if (!list)
        return err_oom(err);
    spec.seccomp_fd = data_fd(l, be->base_filter.data, be->base_filter.len, err);
    if (spec.seccomp_fd < 0 || data_files(l, files, &spec.file_count, err) ||
        mounts(l, list, &spec.mount_count, err) || bwrap_args(&spec, &args, err))
        return -1;
    fd = data_fd(l, args.data, args.len, err);
    if (fd < 0)
        return -1;
    return word(l, err, "%s", be->bwrap_path) || word(l, err, "--args") || word(l, err, "%d", fd) ||
                   word(l, err, "--") || word(l, err, "%s", BWRAP_AGENT)
               ? -1
               : 0;
}

static int words(struct launch *l, struct err *err)
{
    struct local_backend *be = l->sb->backend;

    if (word(l, err, "%s", be->agent_path) || word(l, err, "launch") ||
        word(l, err, "parent=%d", getpid()) ||
        word(l, err, "nofile=%lld", (long long)be->limits.nofile))
        return -1;
    for (size_t i = 0; i < l->cgroups->count; i++)
        if (word(l, err, "cgroup=%s", l->cgroups->items[i]))
            return -1;
    if (l->agent->chown_pipes &&
        (word(l, err, "uid=%u", l->agent->uid) || word(l, err, "gid=%u", l->agent->gid)))
        return -1;
    if (word(l, err, "--"))
        return -1;
    if (be->host_runtime)
        return word(l, err, "%s", be->agent_path);
    return bwrap_words(l, err);
}

static int open_sockets(struct launch *l, struct err *err)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return err_sys(err, errno, "make the control socket");
    l->agent->control = pair[0];
    l->control = pair[1];
    if (pipe2(pair, O_CLOEXEC))
        return err_sys(err, errno, "make a pipe");
    l->errors = pair[0];
    l->errors_child = pair[1];
    fcntl(l->errors, F_SETFL, O_NONBLOCK);
    return spawner_lift(&l->control, err) || spawner_lift(&l->errors_child, err) ? -1 : 0;
}

static struct agent *new_agent(struct local_sandbox *sb)
{
    struct agent *a = calloc(1, sizeof(*a));

    if (!a)
        return NULL;
    a->refs = 1;
    a->sandbox = sb;
    a->uid = sb->dir.uid;
    a->gid = sb->dir.gid;
    a->host = sb->backend->host_runtime;
    a->chown_pipes = !a->host && a->uid != geteuid();
    a->control = a->pidfd = a->listener = -1;
    pthread_mutex_init(&a->lock, NULL);
    return a;
}

static int spawn(struct launch *l, struct err *err)
{
    struct spawn what = { .argv = l->words,
                          .fds = l->fds,
                          .fd_count = l->fd_count,
                          .control = l->control,
                          .errors = l->errors_child };

    if (spawner_run(l->sb->backend->spawner, &what, &l->agent->pid, err))
        return -1;
    l->agent->pidfd = pidfd_open(l->agent->pid, 0);
    if (l->agent->pidfd < 0)
        return err_sys(err, errno, "watch the sandbox");
    fd_close(&l->control);
    fd_close(&l->errors_child);
    return 0;
}

void launcher_reap(struct agent *a)
{
    siginfo_t info;
    struct pollfd p = { .fd = a->pidfd, .events = POLLIN };

    agent_stop(a, "it could not be started");
    if (a->pidfd < 0) {
        placeholders_remove(&a->holders);
        return;
    }
    if (poll(&p, 1, 200) < 1)
        pidfd_send_signal(a->pidfd, SIGKILL, NULL, 0);
    poll(&p, 1, 2000);
    waitid(P_PIDFD, (id_t)a->pidfd, &info, WEXITED | WNOHANG);
    placeholders_remove(&a->holders);
}

int launcher_start(struct local_sandbox *sb, struct call *call, struct strings *cgroups,
                   struct strings *degraded, struct agent **out, struct err *err)
{
    __attribute__((cleanup(launch_done))) struct launch l = {
        .sb = sb,
        .cgroups = cgroups,
        .degraded = degraded,
        .control = -1,
        .errors = -1,
        .errors_child = -1,
    };
    struct local_backend *be = sb->backend;

    l.agent = new_agent(sb);
    if (!l.agent)
        return err_oom(err);
    if (open_sockets(&l, err) ||
        (!be->host_runtime &&
         cgroups_make(&be->cgroups, sb->base.id, be->limits.memory_mb,
                      be->limits.pids + WIRE_NPROC_RESERVE, cgroups, degraded, err)) ||
        words(&l, err) || spawn(&l, err) || launcher_handshake(l.agent, l.errors, call, err)) {
        launcher_reap(l.agent);
        return -1;
    }
    *out = TAKE(l.agent);
    return 0;
}
