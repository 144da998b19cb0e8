#include "backend/agent/nursery.h"
#include "backend/agent/agent.h"
#include "backend/agent/channel.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int way = -1;
static pid_t pid;

/* Nothing of pid 1's is left: neither the control socket nor what lies behind it. */
static _Noreturn void live(int control)
{
    if (dup2(control, WIRE_CONTROL_FD) < 0)
        _exit(1);
    (void)syscall(SYS_close_range, WIRE_CONTROL_FD + 1, ~0U, 0);
    (void)fcntl(WIRE_CONTROL_FD, F_SETFD, FD_CLOEXEC);
    way = -1;
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    confine_oom_open();
    (void)setsid();
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
        _exit(1);
    _exit(pid1_run_nursery());
}

bool nursery_start(void)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        return false;
    pid = fork();
    if (!pid)
        live(ends[1]);
    close(ends[1]);
    way = ends[0];
    (void)fcntl(way, F_SETFL, O_NONBLOCK);
    return pid > 0;
}

pid_t nursery_pid(void)
{
    return pid;
}

void nursery_forget(void)
{
    pid = 0;
    nursery_close();
}

void nursery_close(void)
{
    if (way >= 0)
        close(way);
    way = -1;
}

bool nursery_pass(const int *fds, int nfds)
{
    static struct wire_out w;

    if (way < 0)
        return false;
    wire_begin(&w, WIRE_BROWSER, (uint8_t)nfds);
    return channel_send(way, &w, fds, nfds);
}
