#include "transport/stdio_out.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#define STACK (128 * 1024)
#define PIPE_SIZE (1024 * 1024)

enum way {
    WAY_NONBLOCKING, /* a file description of our own, with O_NONBLOCK */
    WAY_SOCKET,      /* MSG_DONTWAIT */
    WAY_ASKING,      /* poll before each PIPE_BUF bytes: pipes and terminals then take them */
    WAY_FILE,        /* never blocks for long */
};

struct chunk {
    struct list link;
    size_t len, sent;
    bool offered;
    char data[];
};

/* ---- writing without blocking ---- */

static enum way choose(int *fd)
{
    char path[64];
    struct stat st;
    int own;

    if (fstat(*fd, &st))
        return WAY_ASKING;
    if (S_ISSOCK(st.st_mode))
        return WAY_SOCKET;
    if (S_ISREG(st.st_mode))
        return WAY_FILE;
    if (!S_ISFIFO(st.st_mode))
        return WAY_ASKING;
    (void)fcntl(*fd, F_SETPIPE_SZ, PIPE_SIZE);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", *fd);
    own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (own < 0)
        return WAY_ASKING;
    fd_close(fd);
    *fd = own;
    return WAY_NONBLOCKING;
}

static bool writable(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLOUT };

    return poll(&p, 1, 0) > 0;
}

static ssize_t write_some(const struct stdio_out *o, const struct iovec *iov, int count)
{
    struct msghdr msg = { .msg_iov = (struct iovec *)(size_t)iov, .msg_iovlen = (size_t)count };

    if (o->way == WAY_SOCKET)
        return sendmsg(o->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (o->way != WAY_ASKING)
        return writev(o->fd, iov, count);
    if (!writable(o->fd)) {
        errno = EAGAIN;
        return -1;
    }
    if (iov[0].iov_len >= PIPE_BUF || count == 1)
        return write(o->fd, iov[0].iov_base, iov[0].iov_len < PIPE_BUF ? iov[0].iov_len : PIPE_BUF);
    return writev(o->fd, iov, count);
}

/* Bytes of text and newline that went out; -1 when the other side is gone. */
static ssize_t try_line(const struct stdio_out *o, const char *text, size_t len)
{
    size_t sent = 0;

    while (sent <= len) {
        struct iovec iov[2] = {
            { .iov_base = (char *)(size_t)text + sent, .iov_len = len - sent },
            { .iov_base = (char *)(size_t) "\n", .iov_len = 1 },
        };
        bool only_end = sent == len;
        ssize_t n = write_some(o, iov + only_end, only_end ? 1 : 2);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            return -1;
        sent += (size_t)n;
    }
    return (ssize_t)sent;
}

/* ---- the queue ---- */

/* Lock held. What is queued stays until the end: the thread may be writing it. */
static void break_off(struct stdio_out *o)
{
    o->broken = true;
    (void)eventfd_write(o->wake, 1);
    pthread_cond_broadcast(&o->changed);
}

/* Lock held. */
static void account(struct stdio_out *o, struct chunk *c, size_t n)
{
    c->sent += n;
    o->queued -= n;
    if (c->sent == c->len) {
        o->offered -= c->offered ? c->len : 0;
        list_remove(&c->link);
        free(c);
    }
    if (o->reader_waits && o->queued <= o->max / 2) {
        o->reader_waits = false;
        (void)eventfd_write(o->wake, 1);
    }
    pthread_cond_broadcast(&o->changed);
}

/* The first chunk, or NULL when there will be none. */
static struct chunk *next_chunk(struct stdio_out *o)
{
    struct chunk *c = NULL;

    pthread_mutex_lock(&o->lock);
    while (list_empty(&o->queue) && !o->closing && !o->broken)
        pthread_cond_wait(&o->changed, &o->lock);
    if (!list_empty(&o->queue) && !o->broken)
        c = list_of(o->queue.next, struct chunk, link);
    pthread_mutex_unlock(&o->lock);
    return c;
}

/* False: asked to give up. */
static bool await_room(const struct stdio_out *o)
{
    struct pollfd fds[2] = {
        { .fd = o->fd, .events = POLLOUT },
        { .fd = o->kick, .events = POLLIN },
    };

    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        continue;
    return !fds[1].revents;
}

/* Only this thread removes chunks while it runs. */
static void *drain(void *arg)
{
    struct stdio_out *o = arg;
    struct chunk *c;

    while ((c = next_chunk(o))) {
        struct iovec iov = { .iov_base = c->data + c->sent, .iov_len = c->len - c->sent };
        bool go_on = await_room(o);
        ssize_t n = go_on ? write_some(o, &iov, 1) : -1;
        int why = errno;
        pthread_mutex_lock(&o->lock);
        if (n >= 0)
            account(o, c, (size_t)n);
        else if (!go_on || (why != EAGAIN && why != EINTR))
            break_off(o);
        pthread_mutex_unlock(&o->lock);
    }
    return NULL;
}

/* Lock held. */
static int start_thread(struct stdio_out *o)
{
    pthread_attr_t attr;
    int r;

    if (o->has_thread)
        return 0;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    r = pthread_create(&o->thread, &attr, drain, o);
    pthread_attr_destroy(&attr);
    o->has_thread = !r;
    return r;
}

/* Lock held. */
static void enqueue(struct stdio_out *o, const char *text, size_t len, bool offered)
{
    struct chunk *c = malloc(sizeof(*c) + len + 1);

    if (!c || start_thread(o)) {
        free(c);
        break_off(o);
        return;
    }
    *c = (struct chunk){ .len = len + 1, .offered = offered };
    memcpy(c->data, text, len);
    c->data[len] = '\n';
    list_append(&o->queue, &c->link);
    o->queued += c->len;
    o->offered += offered ? c->len : 0;
    pthread_cond_broadcast(&o->changed);
}

/* ---- for the transport ---- */

int stdio_out_init(struct stdio_out *o, int fd, size_t max, struct err *err)
{
    *o = (struct stdio_out){ .fd = fd, .kick = -1, .max = max };
    list_init(&o->queue);
    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->changed, NULL);
    o->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    o->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (o->wake < 0 || o->kick < 0) {
        err_sys(err, errno, "eventfd");
        stdio_out_done(o, clock_ms());
        return -1;
    }
    o->way = (int)choose(&o->fd);
    return 0;
}

/* Lock held. */
static bool no_room(const struct stdio_out *o, size_t len)
{
    return o->queued && o->queued + len >= o->max;
}

/* Lock held. */
static void send_now_or_later(struct stdio_out *o, const char *text, size_t len, bool offered)
{
    ssize_t sent = 0;

    if (!o->broken && !o->queued)
        sent = try_line(o, text, len);
    if (sent < 0)
        break_off(o);
    else if (!o->broken && (size_t)sent == len)
        enqueue(o, "", 0, offered);
    else if (!o->broken && (size_t)sent < len)
        enqueue(o, text + sent, len - (size_t)sent, offered);
}

void stdio_out_line(struct stdio_out *o, const char *text, size_t len, bool wait)
{
    pthread_mutex_lock(&o->lock);
    o->waiters++;
    while (wait && no_room(o, len) && !o->broken && !o->hurries)
        pthread_cond_wait(&o->changed, &o->lock);
    o->waiters--;
    if (wait && no_room(o, len)) {
        pthread_mutex_unlock(&o->lock);
        return;
    }
    send_now_or_later(o, text, len, false);
    pthread_mutex_unlock(&o->lock);
}

/* Lock held. */
static bool waits(const struct stdio_out *o, const char *text, size_t len)
{
    list_each(link, &o->queue)
    {
        const struct chunk *c = list_of(link, struct chunk, link);
        if (c->offered && !c->sent && c->len == len + 1 && !memcmp(c->data, text, len))
            return true;
    }
    return false;
}

bool stdio_out_offer(struct stdio_out *o, const char *text, size_t len)
{
    bool taken = true;

    pthread_mutex_lock(&o->lock);
    if (!o->offered || !waits(o, text, len)) {
        taken = o->offered < STDIO_OFFERS_MAX;
        if (taken)
            send_now_or_later(o, text, len, true);
    }
    pthread_mutex_unlock(&o->lock);
    return taken;
}

bool stdio_out_full(struct stdio_out *o)
{
    bool full;

    pthread_mutex_lock(&o->lock);
    full = o->queued >= o->max || o->waiters;
    o->reader_waits = full;
    pthread_mutex_unlock(&o->lock);
    return full;
}

void stdio_out_hurry(struct stdio_out *o)
{
    pthread_mutex_lock(&o->lock);
    o->hurries = true;
    pthread_cond_broadcast(&o->changed);
    pthread_mutex_unlock(&o->lock);
}

bool stdio_out_broken(struct stdio_out *o)
{
    bool broken;

    pthread_mutex_lock(&o->lock);
    broken = o->broken;
    pthread_mutex_unlock(&o->lock);
    return broken;
}

/* Lock held. */
static void await_empty(struct stdio_out *o, int64_t deadline_ms)
{
    int64_t left;

    while (o->queued && !o->broken && (left = deadline_ms - clock_ms()) > 0) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += left / 1000;
        until.tv_nsec += left % 1000 * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(&o->changed, &o->lock, &until);
    }
}

static void free_queue(struct stdio_out *o)
{
    list_each(link, &o->queue) free(list_of(link, struct chunk, link));
}

void stdio_out_done(struct stdio_out *o, int64_t deadline_ms)
{
    bool joins;

    pthread_mutex_lock(&o->lock);
    o->closing = true;
    pthread_cond_broadcast(&o->changed);
    await_empty(o, deadline_ms);
    joins = o->has_thread;
    pthread_mutex_unlock(&o->lock);
    if (joins) {
        (void)eventfd_write(o->kick, 1);
        pthread_join(o->thread, NULL);
    }
    free_queue(o);
    fd_close(&o->fd);
    fd_close(&o->wake);
    fd_close(&o->kick);
    pthread_cond_destroy(&o->changed);
    pthread_mutex_destroy(&o->lock);
}
