#include "backend/agent/agent.h"
#include "backend/agent/channel.h"
#include "backend/agent/tree.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define SUPERVISORS_MAX 1024

struct agent_config agent_config;

static uint8_t bytes[WIRE_MAX];
static pid_t supervisors[SUPERVISORS_MAX];
static size_t supervisor_count;
static bool sweeping;
static int child_signals;

static const struct {
    uint8_t kind;
    int fds; /* behind the channel */
} kinds[] = {
    { WIRE_EXEC, 3 },   { WIRE_SESSION, 2 }, { WIRE_FILE, 1 },     { WIRE_SEARCH, 1 },
    { WIRE_RUNNER, 5 }, { WIRE_QUERY, 1 },   { WIRE_KILL_PID, 0 },
};

/* Fixed descriptors of that kind; -2: unknown. */
static int kind_fds(uint8_t kind)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].kind == kind)
            return kinds[i].fds;
    return -2;
}

static bool right_count(uint8_t kind, int nfds)
{
    int want = kind_fds(kind);

    if (want == -2 || nfds < 1)
        return false;
    if (kind == WIRE_FILE)
        return nfds <= 2;
    return nfds == want + 1 || (nfds == want + 2 && (kind == WIRE_EXEC || kind == WIRE_SESSION));
}

static void operate(uint8_t kind, const int *fds, int nfds)
{
    int extra = nfds == kind_fds(kind) + 2 ? fds[nfds - 1] : -1;

    switch (kind) {
    case WIRE_EXEC:
        exec_serve(fds[0], fds + 1, extra);
        break;
    case WIRE_SESSION:
        session_serve(fds[0], fds + 1, extra);
        break;
    case WIRE_FILE:
        file_serve(fds[0], nfds > 1 ? fds[1] : -1);
        break;
    case WIRE_SEARCH:
        search_serve(fds[0], fds[1]);
        break;
    case WIRE_RUNNER:
        runner_serve(fds[0], fds + 1);
        break;
    case WIRE_QUERY:
        query_serve(fds[0], fds[1]);
        break;
    case WIRE_KILL_PID:
        kill_serve(fds[0]);
        break;
    }
}

static bool is_supervisor(pid_t pid)
{
    for (size_t i = 0; i < supervisor_count; i++)
        if (supervisors[i] == pid)
            return true;
    return false;
}

static bool forget(pid_t pid)
{
    for (size_t i = 0; i < supervisor_count; i++)
        if (supervisors[i] == pid) {
            supervisors[i] = supervisors[--supervisor_count];
            return true;
        }
    return false;
}

/* SIGKILL to every child of ours that is no supervisor; how many there were. */
static size_t kill_strays(void)
{
    char path[64], text[4096], *at = text, *end;
    size_t n = 0;
    ssize_t len;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)getpid(), (int)getpid());
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    len = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[len > 0 ? len : 0] = '\0';
    for (;;) {
        long pid = strtol(at, &end, 10);
        if (end == at || (!*end && len == (ssize_t)sizeof(text) - 1))
            return n + (end != at);
        at = end;
        if (pid > 0 && !is_supervisor((pid_t)pid)) {
            (void)kill((pid_t)pid, SIGKILL);
            n++;
        }
    }
}

static void reap(void)
{
    struct signalfd_siginfo ignored;
    siginfo_t si;

    while (read(child_signals, &ignored, sizeof(ignored)) > 0)
        ;
    for (;;) {
        si.si_pid = 0;
        if (waitid(P_ALL, 0, &si, WEXITED | WSTOPPED | WNOHANG | __WALL) || !si.si_pid)
            break;
        if (si.si_code == CLD_STOPPED || si.si_code == CLD_TRAPPED) {
            if (is_supervisor(si.si_pid))
                (void)kill(si.si_pid, SIGCONT);
            continue;
        }
        sweeping |= forget(si.si_pid);
    }
    if (sweeping)
        sweeping = kill_strays();
}

/* In the child: nothing of pid 1 is left but the operation's descriptors. */
static void enter(uint8_t kind, const int *fds, int nfds)
{
    sigset_t set;

    close(WIRE_CONTROL_FD);
    close(child_signals);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGPIPE);
    sigprocmask(SIG_SETMASK, &set, NULL);
    operate(kind, fds, nfds);
    _exit(0);
}

/* False: the server broke the protocol. */
static bool open_operation(const struct wire_in *in, const int *fds, int nfds)
{
    pid_t pid = -1;

    if (!right_count(in->op, nfds))
        return false;
    if (supervisor_count < SUPERVISORS_MAX)
        pid = fork();
    if (!pid)
        enter(in->op, fds, nfds);
    if (pid > 0)
        supervisors[supervisor_count++] = pid;
    else
        channel_error(fds[0], CODE_QUOTA,
                      "end processes that are not needed, or wait for running calls",
                      "the sandbox has as many processes as it may");
    for (int i = 0; i < nfds; i++)
        close(fds[i]);
    return true;
}

static void serve(void)
{
    for (;;) {
        struct pollfd p[2] = { { .fd = WIRE_CONTROL_FD, .events = POLLIN },
                               { .fd = child_signals, .events = POLLIN } };
        int fds[WIRE_MAX_FDS], nfds, r;
        struct wire_in in;

        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return;
        if (p[1].revents)
            reap();
        if (!p[0].revents)
            continue;
        r = channel_recv(WIRE_CONTROL_FD, &in, bytes, fds, &nfds, MSG_DONTWAIT);
        if (r == -1)
            continue;
        if (r != 1 || !open_operation(&in, fds, nfds))
            return;
    }
}

static bool read_config(struct wire_in *in)
{
    int fds[WIRE_MAX_FDS], nfds;

    if (channel_recv(WIRE_CONTROL_FD, in, bytes, fds, &nfds, 0) != 1 || nfds ||
        in->op != WIRE_CONFIG)
        return false;
    agent_config.host = wire_u32(in, TAG_FLAGS, 0) & WIRE_F_HOST;
    agent_config.egress_port = wire_u32(in, TAG_EGRESS_PORT, 0);
    agent_config.nproc = wire_u32(in, TAG_NPROC, 0);
    agent_config.nofile = wire_u32(in, TAG_NOFILE, 0);
    agent_config.env_len = in->tags[TAG_ENV].len;
    if (agent_config.env_len > sizeof(agent_config.env) ||
        !wire_str(in, TAG_CWD, agent_config.workspace, AGENT_PATH) ||
        !wire_str(in, TAG_HOME, agent_config.home, AGENT_PATH))
        return false;
    if (agent_config.env_len)
        memcpy(agent_config.env, in->tags[TAG_ENV].data, agent_config.env_len);
    return true;
}

static int listen_egress(uint32_t port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 128)) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool send_ready(int landlock, int listener)
{
    static struct wire_out w;
    char facts[512];
    struct utsname u;

    uname(&u);
    snprintf(facts, sizeof(facts),
             "landlock=%d\nseccomp=%ld\nno_new_privs=%d\nuid=%d\ngid=%d\npid=%d\nkernel=%.64s\n",
             landlock, (long)prctl(PR_GET_SECCOMP, 0, 0, 0, 0),
             prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), (int)getuid(), (int)getgid(), (int)getpid(),
             u.release);
    wire_begin(&w, WIRE_READY, listener >= 0);
    wire_put_str(&w, TAG_FACTS, facts);
    return channel_send(WIRE_CONTROL_FD, &w, &listener, listener >= 0);
}

/* Confinement before anything untrusted runs; false fails the whole sandbox. */
static bool confine(const struct wire_in *in, int *landlock)
{
    *landlock = 0;
    if (!confine_limits(agent_config.nproc, agent_config.nofile))
        return false;
    if (agent_config.host)
        return !prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (!wire_has(in, TAG_FILTER) ||
        !confine_filter(in->tags[TAG_FILTER].data, in->tags[TAG_FILTER].len))
        return false;
    *landlock = confine_landlock();
    return true;
}

static bool set_up(void)
{
    int listener = -1, landlock = 0;
    struct wire_in in;
    sigset_t all;
    bool ok;

    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)syscall(SYS_close_range, WIRE_CONTROL_FD + 1, ~0U, 0);
    (void)fcntl(WIRE_CONTROL_FD, F_SETFD, FD_CLOEXEC);
    umask(022);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigemptyset(&all);
    sigaddset(&all, SIGCHLD);
    child_signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (child_signals < 0 || !read_config(&in))
        return false;
    if (agent_config.egress_port && (listener = listen_egress(agent_config.egress_port)) < 0)
        return false;
    ok = confine(&in, &landlock) && send_ready(landlock, listener);
    if (listener >= 0)
        close(listener);
    return ok;
}

int pid1_run(void)
{
    if (!set_up())
        return 1;
    serve();
    if (agent_config.host) {
        tree_kill_all();
        return 0;
    }
    (void)kill(-1, SIGKILL);
    return 0;
}
