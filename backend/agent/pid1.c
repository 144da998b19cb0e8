/*
 * pid 1: OPEN frames become children. Every child is a supervisor (children.h), the browser's
 * parent (nursery.h), which does the same for browsers, or a stray: what a supervisor that was
 * killed has left. Strays are killed at once, and a supervisor that was stopped goes on, so that
 * nothing a payload does to the process above it lasts.
 */
#include "backend/agent/agent.h"
#include "backend/agent/browser_dir.h"
#include "backend/agent/channel.h"
#include "backend/agent/children.h"
#include "backend/agent/nursery.h"
#include "backend/agent/tree.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define REAP_MAX 4096 /* children in a row, so that the server is heard in between */
#define END_MS 5000

static uint8_t bytes[WIRE_MAX];
static bool sweeping, nursing;
static int child_signals;

static void open_exec(const int *fds, int nfds)
{
    exec_serve(fds[0], fds + 1, nfds > 4 ? fds[4] : -1);
}

static void open_session(const int *fds, int nfds)
{
    session_serve(fds[0], fds + 1, nfds > 3 ? fds[3] : -1);
}

static void open_file(const int *fds, int nfds)
{
    file_serve(fds[0], nfds > 1 ? fds[1] : -1);
}

static void open_search(const int *fds, int nfds)
{
    (void)nfds;
    search_serve(fds[0], fds[1]);
}

static void open_runner(const int *fds, int nfds)
{
    (void)nfds;
    runner_serve(fds[0], fds + 1);
}

static void open_query(const int *fds, int nfds)
{
    (void)nfds;
    query_serve(fds[0], fds[1]);
}

static void open_kill(const int *fds, int nfds)
{
    (void)nfds;
    kill_serve(fds[0]);
}

static void open_watch(const int *fds, int nfds)
{
    (void)nfds;
    watch_serve(fds[0], fds[1]);
}

static void open_observe(const int *fds, int nfds)
{
    (void)nfds;
    observe_serve(fds[0], fds[1]);
}

static void open_browser(const int *fds, int nfds)
{
    (void)nfds;
    browser_serve(fds[0], fds + 1);
}

static void open_probe(const int *fds, int nfds)
{
    (void)nfds;
    probe_serve(fds[0]);
}

static void open_pty(const int *fds, int nfds)
{
    (void)nfds;
    pty_serve(fds[0]);
}

/* By wire_kind: how many descriptors come, the channel included, and who takes them. */
static const struct {
    int least, most;
    void (*serve)(const int *fds, int nfds);
} kinds[] = {
    [WIRE_EXEC] = { 4, 5, open_exec },       [WIRE_SESSION] = { 3, 4, open_session },
    [WIRE_FILE] = { 1, 2, open_file },       [WIRE_SEARCH] = { 2, 2, open_search },
    [WIRE_RUNNER] = { 6, 6, open_runner },   [WIRE_QUERY] = { 2, 2, open_query },
    [WIRE_KILL_PID] = { 1, 1, open_kill },   [WIRE_WATCH] = { 2, 2, open_watch },
    [WIRE_BROWSER] = { 3, 3, open_browser }, [WIRE_PROBE] = { 1, 1, open_probe },
    [WIRE_PTY] = { 1, 1, open_pty },         [WIRE_OBSERVE] = { 2, 2, open_observe },
};

static bool is_ours(pid_t pid)
{
    return children_have(pid) || pid == nursery_pid();
}

static bool skip_ours(const struct process *p)
{
    return is_ours(p->pid);
}

/* True while there are strays, or what strays have started. */
static bool sweep(void)
{
    pid_t self = getpid();

    return tree_signal(self, SIGSTOP, skip_ours) && tree_signal(self, SIGKILL, skip_ours);
}

/* One of ours, or a stray, is dead. False: it met a violation of the protocol. */
static bool bury(const siginfo_t *si)
{
    bool nursery = si->si_pid == nursery_pid();

    if (nursery)
        nursery_forget();
    else if (!children_forget(si->si_pid))
        return true;
    if (si->si_code == CLD_EXITED && si->si_status == AGENT_VIOLATION)
        return false;
    sweeping |= nursery || si->si_code != CLD_EXITED || si->si_status;
    return true;
}

/* False: an operation met a violation of the protocol. */
static bool reap(bool *more)
{
    struct signalfd_siginfo ignored;
    siginfo_t si;
    int i;

    while (read(child_signals, &ignored, sizeof(ignored)) > 0)
        ;
    for (i = 0; i < REAP_MAX; i++) {
        si.si_pid = 0;
        if (waitid(P_ALL, 0, &si, WEXITED | WSTOPPED | WNOHANG | __WALL) || !si.si_pid)
            break;
        if (si.si_code == CLD_STOPPED || si.si_code == CLD_TRAPPED) {
            if (is_ours(si.si_pid))
                (void)kill(si.si_pid, SIGCONT);
        } else if (!bury(&si)) {
            return false;
        }
    }
    *more = i == REAP_MAX;
    if (sweeping)
        sweeping = sweep();
    return true;
}

/* In the child: nothing of pid 1 is left but the operation's descriptors. */
static void enter(uint8_t kind, const int *fds, int nfds)
{
    close(WIRE_CONTROL_FD);
    close(child_signals);
    close(children_fd());
    nursery_close();
    (void)syscall(SYS_close_range, CHILDREN_FD, ~0U, 0);
    kinds[kind].serve(fds, nfds);
    _exit(0);
}

static pid_t start(uint8_t kind, const int *fds, int nfds)
{
    int watch = children_watch(fds[0]);
    pid_t pid;

    if (watch < 0)
        return -1;
    confine_oom(kind == WIRE_BROWSER ? OOM_BROWSER : OOM_COMMAND);
    pid = fork();
    if (!pid)
        enter(kind, fds, nfds);
    confine_oom(0);
    if (pid > 0)
        children_add(pid, watch);
    else
        close(watch);
    return pid;
}

/* With its request unread, the other side would see a broken channel and no answer. */
static void refuse(int channel, uint32_t code, const char *next, const char *why)
{
    (void)recv(channel, bytes, sizeof(bytes), MSG_DONTWAIT);
    channel_error(channel, code, next, "%s", why);
}

static void pass_on(const int *fds, int nfds)
{
    if (nursery_pid() && !nursery_pass(fds, nfds))
        refuse(fds[0], CODE_BUSY, NULL, "the sandbox starts no browser now");
    else if (!nursery_pid())
        refuse(fds[0], CODE_GONE, NULL, "the process that starts browsers has gone");
}

/* False: the server broke the protocol. */
static bool open_operation(const struct wire_in *in, const int *fds, int nfds)
{
    if (in->op >= sizeof(kinds) / sizeof(kinds[0]) || !kinds[in->op].serve ||
        nfds < kinds[in->op].least || nfds > kinds[in->op].most || !channel_shape(in, NULL, 0) ||
        (nursing && in->op != WIRE_BROWSER))
        return false;
    if (in->op == WIRE_BROWSER && !nursing && !agent_config.host)
        pass_on(fds, nfds);
    else if (start(in->op, fds, nfds) < 0)
        refuse(fds[0], CODE_QUOTA, "end processes that are not needed, or wait for running calls",
               "the sandbox has as many processes as it may");
    for (int i = 0; i < nfds; i++)
        close(fds[i]);
    return true;
}

/* Until the control socket is closed; false: because of a violation. */
static bool serve(void)
{
    bool more = false;

    for (;;) {
        struct pollfd p[3] = { { .fd = WIRE_CONTROL_FD, .events = POLLIN },
                               { .fd = child_signals, .events = POLLIN },
                               { .fd = children_fd(), .events = POLLIN } };
        int wait = children_expire();
        int fds[WIRE_MAX_FDS], nfds, r;
        struct wire_in in;

        if (poll(p, 3, more ? 0 : wait) < 0 && errno != EINTR)
            return true;
        if ((p[1].revents || more) && !reap(&more))
            return false;
        if (p[2].revents)
            children_closed();
        if (!p[0].revents)
            continue;
        r = channel_recv(WIRE_CONTROL_FD, &in, bytes, fds, &nfds, MSG_DONTWAIT);
        if (r == -1)
            continue;
        if (r != 1 || !open_operation(&in, fds, nfds))
            return !r;
    }
}

static bool prepare(void)
{
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    child_signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    return child_signals >= 0 && children_init();
}

int pid1_run_nursery(void)
{
    bool good;

    nursing = true;
    if (!prepare())
        return 1;
    good = serve();
    (void)tree_end(END_MS);
    return good ? 0 : AGENT_VIOLATION;
}

int pid1_run(void)
{
    if (!setup_run())
        return 1;
    if (agent_config.host)
        tree_shared();
    if (!prepare())
        return 1;
    (void)serve();
    if (!agent_config.host) {
        (void)kill(-1, SIGKILL);
        return 0;
    }
    (void)tree_end(END_MS);
    session_tidy_all();
    browser_dir_tidy("/tmp");
    return 0;
}
