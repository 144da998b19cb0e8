#include "backend/agent/supervise.h"
#include "backend/agent/agent.h"
#include "backend/agent/channel.h"
#include "backend/agent/request.h"
#include "backend/agent/tree.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define END_MS 2000

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

bool supervisor_reap(int signals, pid_t pid, int *status, struct wire_out *exit, bool *none)
{
    struct signalfd_siginfo ignored;
    struct rusage u;
    bool found = false;
    pid_t r;
    int s;

    while (read(signals, &ignored, sizeof(ignored)) > 0)
        ;
    while ((r = wait4(-1, &s, WNOHANG | __WALL, &u)) > 0) {
        if (r != pid)
            continue;
        found = true;
        *status = s;
        wire_begin(exit, WIRE_EXIT, 0);
        wire_put_u32(exit, TAG_STATUS, (uint32_t)s);
        put_usage(exit, &u);
    }
    *none = r < 0 && errno == ECHILD;
    return found;
}

void supervisor_end(void)
{
    if (!tree_end(END_MS))
        _exit(1);
}

int supervisor_signal(const struct wire_in *in, int nfds)
{
    static const struct frame_field fields[] = { { TAG_SIGNAL, FIELD_U32 } };
    uint32_t signal = wire_u32(in, TAG_SIGNAL, 0);

    if (in->op != WIRE_SIGNAL || nfds || !channel_shape(in, fields, 1))
        request_violation();
    return signal < NSIG ? (int)signal : 0;
}

/* The program itself first: a shell that sees its child die goes on to the next line. */
static void pass_signal(int signal, pid_t pid, bool direct)
{
    const struct process *list;
    size_t count;

    if (pid)
        (void)kill(pid, signal);
    if (pid && direct && signal == SIGINT)
        return;
    list = tree_below(getpid(), NULL, &count);
    for (size_t i = 0; i < count; i++)
        if (list[i].pid != pid)
            tree_kill(&list[i], signal);
}

/* False: the channel is closed. */
static bool obey(int channel, pid_t pid, bool direct)
{
    static uint8_t bytes[WIRE_MAX];
    int fds[WIRE_MAX_FDS], nfds, signal;
    struct wire_in in;
    int r = channel_recv(channel, &in, bytes, fds, &nfds, MSG_DONTWAIT);

    if (r == -2)
        request_violation();
    if (r == 1 && (signal = supervisor_signal(&in, nfds)))
        pass_signal(signal, pid, direct);
    return r;
}

/* At least one: a pass over /proc can miss a process that has just taken its parent's place. */
static uint32_t descendants(void)
{
    size_t n = tree_count(getpid());

    return n ? (uint32_t)n : 1;
}

void supervise(int channel, int signals, pid_t pid, bool direct)
{
    static struct wire_out w;
    bool none = false;
    int status;

    while (!none) {
        struct pollfd p[2] = { { .fd = channel, .events = POLLIN },
                               { .fd = signals, .events = POLLIN } };
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            break;
        if (p[1].revents && supervisor_reap(signals, pid, &status, &w, &none)) {
            pid = 0;
            wire_put_u32(&w, TAG_DESCENDANTS, none ? 0 : descendants());
            if (!channel_send(channel, &w, NULL, 0))
                break;
        }
        if (p[0].revents && !obey(channel, pid, direct))
            break;
    }
    if (!none)
        supervisor_end();
}
