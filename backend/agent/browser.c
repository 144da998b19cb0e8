/*
 * A browser and all it starts: a supervisor of its own (supervise.h), with a directory for its
 * files and an environment that nothing in the sandbox has a say in.
 */
#include "backend/agent/agent.h"
#include "backend/agent/browser_dir.h"
#include "backend/agent/channel.h"
#include "backend/agent/payload.h"
#include "backend/agent/request.h"
#include "backend/agent/supervise.h"
#include "backend/agent/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOM 130 /* threads of a browser with one page, each of which counts as a process */
#define ADDED 3  /* words of ours, and the NULL */

static uint8_t bytes[WIRE_MAX];

static const struct frame_field fields[] = {
    { TAG_PATH, FIELD_BYTES },
    { TAG_ARGS, FIELD_BYTES },
    { TAG_HOME, FIELD_BYTES },
    { TAG_FLAGS, FIELD_U32 },
};

struct request {
    char program[AGENT_PATH], root[BROWSER_DIR_MAX];
    char dir[BROWSER_DIR_MAX], profile[BROWSER_DIR_MAX + 32];
    char args[AGENT_PATH];
    char *argv[WIRE_ARGS + ADDED + 1];
    int argc;
    bool bare;
};

struct tail {
    char text[2 * WIRE_TAIL];
    size_t len;
};

/* ---- what is asked for ---- */

static bool take_words(struct request *r, const uint8_t *data, size_t len)
{
    if (len > sizeof(r->args) || (len && data[len - 1]))
        return false;
    if (len)
        memcpy(r->args, data, len);
    r->argv[r->argc++] = r->program;
    for (size_t at = 0; at < len; at += strlen(r->args + at) + 1) {
        if (r->argc > WIRE_ARGS)
            return false;
        r->argv[r->argc++] = r->args + at;
    }
    return true;
}

static bool take(struct request *r, const struct wire_in *in)
{
    uint32_t flags = wire_u32(in, TAG_FLAGS, 0);

    if (!channel_shape(in, fields, sizeof(fields) / sizeof(fields[0])) || flags & ~WIRE_F_BARE ||
        !wire_str(in, TAG_PATH, r->program, sizeof(r->program)) || r->program[0] != '/')
        return false;
    if (!wire_has(in, TAG_HOME))
        snprintf(r->root, sizeof(r->root), "%s", WIRE_BROWSER_DIR);
    else if (!wire_str(in, TAG_HOME, r->root, sizeof(r->root)) || r->root[0] != '/')
        return false;
    r->bare = flags & WIRE_F_BARE;
    return take_words(r, in->tags[TAG_ARGS].data, in->tags[TAG_ARGS].len);
}

/* ---- whether it can have a sandbox of its own ---- */

static bool put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return ok;
}

/* As browsers do it: namespaces, a mapping of the own user, and the rights that go with them. */
static _Noreturn void try_to_nest(void)
{
    char uid[32], gid[32];

    snprintf(uid, sizeof(uid), "%d %d 1", (int)getuid(), (int)getuid());
    snprintf(gid, sizeof(gid), "%d %d 1", (int)getgid(), (int)getgid());
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    _exit(!unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET) &&
                  put("/proc/self/setgroups", "deny") && put("/proc/self/uid_map", uid) &&
                  put("/proc/self/gid_map", gid) && !chroot("/")
              ? 0
              : 1);
}

static bool nests(void)
{
    int status = -1;
    pid_t pid;

    if (!getuid())
        return false;
    pid = fork();
    if (!pid)
        try_to_nest();
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid > 0 && WIFEXITED(status) && !WEXITSTATUS(status);
}

/* ---- starting ---- */

/* A home that is not there and cannot be made: libraries are loaded by what lies in it. */
static bool set_environment(const struct request *r)
{
    static char block[8 * BROWSER_DIR_MAX];
    static const char *const own[] = { "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME",
                                       "XDG_DATA_HOME", "XDG_RUNTIME_DIR" };
    static const char fixed[] = "PATH=/usr/bin:/bin\0HOME=/nonexistent\0LANG=C.UTF-8\0USER=user\0"
                                "LOGNAME=user\0DBUS_SESSION_BUS_ADDRESS=disabled:";
    size_t len = sizeof(fixed);

    memcpy(block, fixed, sizeof(fixed));
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        len += (size_t)snprintf(block + len, sizeof(block) - len, "%s=%s/tmp", own[i], r->dir) + 1;
    return payload_env_only((const uint8_t *)block, len);
}

/* Short of room it would start, and its pages crash. */
static bool has_room(int channel)
{
    size_t used = agent_config.nproc ? tree_threads() : 0;

    if (!agent_config.nproc || used + ROOM <= agent_config.nproc)
        return true;
    channel_error(channel, CODE_QUOTA,
                  "end processes that are not needed (terminal_kill), or ask the operator for more "
                  "(--pids)",
                  "a browser needs about %d processes and threads; the sandbox may have %u and has "
                  "%zu",
                  ROOM, agent_config.nproc, used);
    return false;
}

static void complain(int channel, const struct request *r, int error)
{
    if (error == EAGAIN || error == ENOMEM)
        channel_error(channel, CODE_QUOTA,
                      "end processes that are not needed: terminal_kill, or pkill in a command",
                      "the sandbox has as many processes as it may: %s", strerror(error));
    else
        channel_error(channel, CODE_UNSUPPORTED, NULL, "cannot run %s: %s", r->program,
                      strerror(error));
}

static int spawn(struct request *r, const int *fds, int errors, pid_t *pid)
{
    bool at_chdir;
    struct payload p = { .program = r->program,
                         .argv = r->argv,
                         .cwd = "/",
                         .count = 5,
                         .bound = true,
                         .fds = { open("/dev/null", O_RDONLY | O_CLOEXEC), errors, errors, fds[0],
                                  fds[1] } };
    int error;

    snprintf(r->profile, sizeof(r->profile), "--user-data-dir=%s/profile", r->dir);
    r->argv[r->argc++] = r->profile;
    if (r->bare)
        r->argv[r->argc++] = (char *)(size_t) "--no-sandbox";
    if (p.fds[0] < 0)
        return errno;
    error = set_environment(r) ? payload_start(&p, pid, &at_chdir) : E2BIG;
    close(p.fds[0]);
    close(fds[0]);
    close(fds[1]);
    return error;
}

/* ---- while it runs ---- */

/* What it writes is read on, and its end kept; false at the end of it. */
static bool listen_to(int errors, struct tail *t)
{
    ssize_t n;

    if (t->len > WIRE_TAIL) {
        memmove(t->text, t->text + t->len - WIRE_TAIL, WIRE_TAIL);
        t->len = WIRE_TAIL;
    }
    n = read(errors, t->text + t->len, sizeof(t->text) - t->len);
    if (n > 0)
        t->len += (size_t)n;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void tell_exit(int channel, int errors, struct tail *t, struct wire_out *w)
{
    struct pollfd p = { .fd = errors, .events = POLLIN };
    size_t from;

    while (errors >= 0 && poll(&p, 1, 0) > 0 && listen_to(errors, t))
        ;
    from = t->len > WIRE_TAIL ? t->len - WIRE_TAIL : 0;
    wire_put(w, TAG_TEXT, t->text + from, t->len - from);
    (void)channel_send(channel, w, NULL, 0);
}

/* Readable when the nursery has died, as nobody else could end what is here; -1: it has. */
static int watch_nursery(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    if (!agent_config.host && (prctl(PR_SET_PDEATHSIG, SIGTERM) || getppid() == 1))
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Until it has ended, or is to: no frame is for it. */
static void watch(int channel, int signals, int orphaned, int errors, pid_t pid)
{
    static uint8_t frame[WIRE_MAX];
    static struct wire_out w;
    static struct tail tail;
    int fds[WIRE_MAX_FDS], nfds, status, r;
    struct wire_in in;
    bool none;

    for (;;) {
        struct pollfd p[4] = { { .fd = channel, .events = POLLIN },
                               { .fd = signals, .events = POLLIN },
                               { .fd = errors, .events = POLLIN },
                               { .fd = orphaned, .events = POLLIN } };
        if ((poll(p, 4, -1) < 0 && errno != EINTR) || p[3].revents)
            return;
        if (p[2].revents && !listen_to(errors, &tail))
            errors = -1;
        if (p[1].revents && supervisor_reap(signals, pid, &status, &w, &none)) {
            tell_exit(channel, errors, &tail, &w);
            return;
        }
        if (!p[0].revents)
            continue;
        r = channel_recv(channel, &in, frame, fds, &nfds, MSG_DONTWAIT);
        if (r == 1 || r == -2)
            request_violation();
        if (!r)
            return;
    }
}

static void tell_start(int channel, const struct request *r, pid_t pid)
{
    static struct wire_out w;

    wire_begin(&w, WIRE_STARTED, 0);
    wire_put_u32(&w, TAG_PID, (uint32_t)pid);
    wire_put_u32(&w, TAG_FLAGS, r->bare ? WIRE_F_BARE : 0);
    (void)channel_send(channel, &w, NULL, 0);
}

static void run(int channel, struct request *r, const int *fds)
{
    int signals = supervisor_init(), orphaned = watch_nursery(), errors[2], error;
    pid_t pid;

    if (orphaned < 0)
        return;
    if (signals < 0 || pipe2(errors, O_CLOEXEC)) {
        channel_error(channel, CODE_INTERNAL, NULL, "no supervisor: %s", strerror(errno));
        return;
    }
    (void)fcntl(errors[0], F_SETFL, O_NONBLOCK);
    error = spawn(r, fds, errors[1], &pid);
    close(errors[1]);
    if (error) {
        complain(channel, r, error);
        return;
    }
    tell_start(channel, r, pid);
    watch(channel, signals, orphaned, errors[0], pid);
    supervisor_end();
}

void browser_serve(int channel, const int *fds)
{
    static struct request r;
    struct wire_in in;

    if (!request_start(channel, &in, bytes))
        return;
    if (!take(&r, &in)) {
        channel_error(channel, CODE_INVALID, NULL, "the request for a browser is not one");
        return;
    }
    if (!has_room(channel))
        return;
    r.bare = r.bare || !nests();
    if (!browser_dir_make(r.root, r.dir)) {
        channel_error(channel, CODE_UNAVAILABLE, NULL, "no place for the browser in %s: %s", r.root,
                      strerror(errno));
        return;
    }
    run(channel, &r, fds);
    browser_dir_remove(r.dir);
}
