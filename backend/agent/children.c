#include "backend/agent/children.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 64

static struct child {
    pid_t pid;
    int watch;
    int64_t kill_ms; /* 0: its channel is open */
} children[CHILDREN_MAX];
static size_t count;
static size_t closing; /* of them: whose channel is closed */
static int epoll_fd = -1;

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool children_init(void)
{
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return epoll_fd >= 0 && epoll_fd < CHILDREN_FD;
}

static struct child *find(pid_t pid)
{
    for (size_t i = 0; i < count; i++)
        if (children[i].pid == pid)
            return &children[i];
    return NULL;
}

int children_watch(int channel)
{
    return count < CHILDREN_MAX ? fcntl(channel, F_DUPFD_CLOEXEC, CHILDREN_FD) : -1;
}

/* No event is asked for: a hang-up is told anyway, and once. */
void children_add(pid_t pid, int watch)
{
    struct epoll_event e = { .events = EPOLLET, .data.fd = watch };

    children[count++] = (struct child){ .pid = pid, .watch = watch };
    (void)epoll_ctl(epoll_fd, EPOLL_CTL_ADD, watch, &e);
}

bool children_have(pid_t pid)
{
    return find(pid);
}

bool children_forget(pid_t pid)
{
    struct child *c = find(pid);

    if (!c)
        return false;
    (void)epoll_ctl(epoll_fd, EPOLL_CTL_DEL, c->watch, NULL);
    close(c->watch);
    closing -= c->kill_ms != 0;
    *c = children[--count];
    return true;
}

int children_fd(void)
{
    return epoll_fd;
}

static void closed(int watch, int64_t now)
{
    for (size_t i = 0; i < count; i++)
        if (children[i].watch == watch && !children[i].kill_ms) {
            children[i].kill_ms = now + CHILDREN_GRACE_MS;
            closing++;
        }
}

void children_closed(void)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(epoll_fd, events, EVENTS, 0);

    for (int i = 0; i < n; i++)
        if (events[i].events & (EPOLLHUP | EPOLLERR))
            closed(events[i].data.fd, now_ms());
}

int children_expire(void)
{
    int64_t now, next = INT64_MAX;

    if (!closing)
        return -1;
    now = now_ms();
    for (size_t i = 0; i < count; i++) {
        struct child *c = &children[i];
        if (!c->kill_ms)
            continue;
        if (c->kill_ms <= now) {
            (void)kill(c->pid, SIGKILL);
            c->kill_ms = now + CHILDREN_GRACE_MS;
        }
        if (c->kill_ms < next)
            next = c->kill_ms;
    }
    return (int)(next - now);
}
