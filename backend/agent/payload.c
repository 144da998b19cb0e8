#include "backend/agent/payload.h"
#include "backend/agent/agent.h"
#include "backend/agent/channel.h"
#include "backend/agent/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMMAND_MAX (1024 * 1024)

static char *environment[AGENT_ENV_VARS + 1];
static size_t environment_len;

static void env_put(char *var)
{
    size_t name = strcspn(var, "=");

    for (size_t i = 0; i < environment_len; i++)
        if (!strncmp(environment[i], var, name + 1)) {
            environment[i] = var;
            return;
        }
    if (environment_len < AGENT_ENV_VARS)
        environment[environment_len++] = var;
}

static void env_add(const char *block, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t n = strnlen(block + at, len - at);
        if (n && at + n < len && strchr(block + at, '='))
            env_put((char *)(size_t)(block + at));
        at += n + 1;
    }
}

/* Runs in the vfork child: the parent's memory, its own descriptors and signals. */
static void become(const struct payload *p, volatile int *failure, volatile bool *at_chdir)
{
    struct sigaction dfl = { .sa_handler = SIG_DFL };
    sigset_t none;
    int high[PAYLOAD_FDS];

    for (int i = 1; i < NSIG; i++)
        (void)sigaction(i, &dfl, NULL);
    for (int i = 0; i < p->count; i++)
        high[i] = fcntl(p->fds[i], F_DUPFD, 64);
    for (int i = 0; i < p->count; i++)
        (void)dup2(high[i], i);
    (void)syscall(SYS_close_range, p->count, ~0U, 0);
    (void)setsid();
    *at_chdir = true;
    if (!chdir(p->cwd)) {
        *at_chdir = false;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execve(p->program, p->argv, environment);
    }
    *failure = errno;
    _exit(127);
}

int payload_start(const struct payload *p, pid_t *pid, bool *chdir_failed)
{
    volatile int failure = 0;
    volatile bool at_chdir = false;
    pid_t child;

    environment_len = 0;
    env_add(agent_config.env, agent_config.env_len);
    env_add((const char *)p->env, p->env_len);
    environment[environment_len] = NULL;
    child = vfork();
    if (!child)
        become(p, &failure, &at_chdir);
    if (child < 0)
        return errno;
    if (failure) {
        (void)waitpid(child, NULL, 0);
        *chdir_failed = at_chdir;
        return failure;
    }
    *pid = child;
    return 0;
}

int supervisor_init(void)
{
    sigset_t set;

    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
        return -1;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void put_usage(struct wire_out *w, const struct rusage *u)
{
    wire_put_i64(w, TAG_UTIME_US, u->ru_utime.tv_sec * 1000000ll + u->ru_utime.tv_usec);
    wire_put_i64(w, TAG_STIME_US, u->ru_stime.tv_sec * 1000000ll + u->ru_stime.tv_usec);
    wire_put_i64(w, TAG_MAXRSS_KB, u->ru_maxrss);
}

bool supervisor_reap(int signal_fd, pid_t pid, int *status, struct wire_out *usage, bool *none)
{
    struct signalfd_siginfo ignored;
    struct rusage u;
    bool found = false;
    pid_t r;
    int s;

    while (read(signal_fd, &ignored, sizeof(ignored)) > 0)
        ;
    while ((r = wait4(-1, &s, WNOHANG | __WALL, &u)) > 0) {
        if (r != pid)
            continue;
        found = true;
        *status = s;
        wire_begin(usage, WIRE_EXIT, 0);
        wire_put_u32(usage, TAG_STATUS, (uint32_t)s);
        put_usage(usage, &u);
    }
    *none = r < 0 && errno == ECHILD;
    return found;
}

static void pass_signal(const struct wire_in *in, pid_t pid, bool direct)
{
    int signal = (int)wire_u32(in, TAG_SIGNAL, 0);

    if (signal <= 0 || signal >= NSIG)
        return;
    if (direct && signal == SIGINT)
        (void)kill(pid, signal);
    else
        (void)tree_signal(getpid(), signal);
}

/* False: the channel is over, one way or the other. */
static bool obey(int channel, pid_t pid, bool direct)
{
    static uint8_t bytes[WIRE_MAX];
    int fds[WIRE_MAX_FDS], nfds;
    struct wire_in in;
    int r = channel_recv(channel, &in, bytes, fds, &nfds, MSG_DONTWAIT);

    if (r == -1)
        return true;
    if (r != 1 || in.op != WIRE_SIGNAL || nfds)
        return false;
    pass_signal(&in, pid, direct);
    return true;
}

void supervise(int channel, int signal_fd, pid_t pid, bool direct)
{
    static struct wire_out w;
    bool none = false;
    int status;

    while (!none) {
        struct pollfd p[2] = { { .fd = channel, .events = POLLIN },
                               { .fd = signal_fd, .events = POLLIN } };
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            break;
        if (p[1].revents && supervisor_reap(signal_fd, pid, &status, &w, &none)) {
            wire_put_u32(&w, TAG_DESCENDANTS, none ? 0 : (uint32_t)tree_count(getpid()));
            if (!channel_send(channel, &w, NULL, 0))
                break;
        }
        if (p[0].revents && !obey(channel, pid, direct))
            break;
    }
    if (!none)
        tree_kill_all();
}

bool request_start(int channel, struct wire_in *in, uint8_t *bytes)
{
    int fds[WIRE_MAX_FDS], nfds;

    return channel_recv(channel, in, bytes, fds, &nfds, 0) == 1 && in->op == WIRE_START && !nfds;
}

static const char *read_command(int fd)
{
    static char text[COMMAND_MAX + 1];
    size_t len = 0;

    for (;;) {
        ssize_t n = read(fd, text + len, COMMAND_MAX + 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || len + (size_t)n > COMMAND_MAX)
            return NULL;
        if (!n)
            break;
        len += (size_t)n;
    }
    text[len] = '\0';
    return memchr(text, 0, len) ? NULL : text;
}

const char *request_command(const struct wire_in *in, int extra)
{
    static char text[WIRE_MAX];

    if (wire_has(in, TAG_COMMAND_FD))
        return extra >= 0 ? read_command(extra) : NULL;
    return wire_str(in, TAG_COMMAND, text, sizeof(text)) ? text : NULL;
}
