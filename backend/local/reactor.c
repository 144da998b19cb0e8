#include "backend/local/reactor.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define TICK_MS 1000 /* between two looks while the call wants progress */
#define EVENTS 64
#define WAKE UINT32_MAX

struct reactor {
    pthread_t thread;
    int epoll_fd, wake_fd;
    pthread_mutex_t lock;
    struct list incoming; /* lock */
    bool stop;            /* lock */
    /* the thread's own */
    struct pump **slots;
    uint32_t slot_count;
    uint64_t round;
};

enum pump_end pump_drive(struct pump *p, struct call *call, int64_t until_ms,
                         void (*each)(struct pump *p, struct call *call))
{
    struct pollfd fds[PUMP_FDS + 1];

    for (;;) {
        int64_t now = clock_ms(), due;
        size_t n;
        if (p->ops->step(p, now))
            return PUMP_OVER;
        if (each)
            each(p, call);
        if (call_state(call) != CALL_RUNNING)
            return PUMP_CALL;
        if (until_ms && now >= until_ms)
            return PUMP_UNTIL;
        n = p->ops->fds(p, fds);
        fds[n] = (struct pollfd){ .fd = call->event_fd, .events = POLLIN };
        due = clock_earlier(until_ms, p->due_ms);
        if (each && call->progress)
            due = clock_earlier(due, now + TICK_MS);
        poll(fds, (nfds_t)(n + 1), clock_left(due));
    }
}

static void wake(struct reactor *r)
{
    (void)eventfd_write(r->wake_fd, 1);
}

void reactor_give(struct reactor *r, struct pump *p)
{
    pthread_mutex_lock(&r->lock);
    list_append(&r->incoming, &p->link);
    pthread_mutex_unlock(&r->lock);
    wake(r);
}

static bool take_slot(struct reactor *r, struct pump *p)
{
    uint32_t want = r->slot_count ? r->slot_count * 2 : 64, i = 0;
    struct pump **more;

    while (i < r->slot_count && r->slots[i])
        i++;
    if (i == r->slot_count) {
        more = realloc(r->slots, want * sizeof(*more));
        if (!more)
            return false;
        for (uint32_t j = r->slot_count; j < want; j++)
            more[j] = NULL;
        r->slots = more;
        r->slot_count = want;
    }
    r->slots[i] = p;
    p->slot = i;
    return true;
}

static void forget(struct reactor *r, struct pump *p)
{
    struct pollfd fds[PUMP_FDS];
    size_t n = p->ops->fds(p, fds);

    for (size_t i = 0; i < n; i++)
        epoll_ctl(r->epoll_fd, EPOLL_CTL_DEL, fds[i].fd, NULL);
    r->slots[p->slot] = NULL;
    p->ops->drop(p);
}

static void step(struct reactor *r, struct pump *p, int64_t now)
{
    p->round = r->round;
    if (p->ops->step(p, now))
        forget(r, p);
}

static void watch(struct reactor *r, const struct pump *p, int fd)
{
    struct epoll_event e = { .events = EPOLLIN, .data.u32 = p->slot };

    epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

void reactor_leave(struct pump *p, int fd)
{
    if (p->reactor)
        epoll_ctl(p->reactor->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static void adopt(struct reactor *r, struct pump *p, int64_t now)
{
    struct pollfd fds[PUMP_FDS];
    size_t n;

    if (p->ops->step(p, now) || !take_slot(r, p)) {
        p->ops->drop(p);
        return;
    }
    n = p->ops->fds(p, fds);
    for (size_t i = 0; i < n; i++)
        watch(r, p, fds[i].fd);
    p->round = r->round;
    p->reactor = r;
}

/* False when the reactor is to stop. */
static bool take_incoming(struct reactor *r, int64_t now)
{
    struct list batch;
    bool stop;

    list_init(&batch);
    pthread_mutex_lock(&r->lock);
    list_each(link, &r->incoming)
    {
        list_remove(link);
        list_append(&batch, link);
    }
    stop = r->stop;
    pthread_mutex_unlock(&r->lock);
    list_each(link, &batch)
    {
        struct pump *p = list_of(link, struct pump, link);
        list_remove(link);
        adopt(r, p, now);
    }
    return !stop;
}

static int64_t earliest(const struct reactor *r)
{
    int64_t due = 0;

    for (uint32_t i = 0; i < r->slot_count; i++)
        if (r->slots[i])
            due = clock_earlier(due, r->slots[i]->due_ms);
    return due;
}

static void *run(void *arg)
{
    struct reactor *r = arg;
    struct epoll_event events[EVENTS];
    bool go_on = true;

    while (go_on) {
        int n = epoll_wait(r->epoll_fd, events, EVENTS, clock_left(earliest(r)));
        int64_t now = clock_ms();
        r->round++;
        for (int i = 0; i < n; i++) {
            uint32_t slot = events[i].data.u32;
            eventfd_t ignored;
            if (slot == WAKE)
                (void)eventfd_read(r->wake_fd, &ignored);
            else if (r->slots[slot] && r->slots[slot]->round != r->round)
                step(r, r->slots[slot], now);
        }
        for (uint32_t i = 0; i < r->slot_count; i++) {
            struct pump *p = r->slots[i];
            if (p && p->round != r->round && p->due_ms && p->due_ms <= now)
                step(r, p, now);
        }
        go_on = take_incoming(r, now);
    }
    for (uint32_t i = 0; i < r->slot_count; i++)
        if (r->slots[i])
            forget(r, r->slots[i]);
    return NULL;
}

static void release(struct reactor *r)
{
    fd_close(&r->epoll_fd);
    fd_close(&r->wake_fd);
    pthread_mutex_destroy(&r->lock);
    free(r->slots);
    free(r);
}

int reactor_new(struct reactor **out, struct err *err)
{
    struct reactor *r = calloc(1, sizeof(*r));
    struct epoll_event e = { .events = EPOLLIN, .data.u32 = WAKE };
    int code;

    if (!r)
        return err_oom(err);
    pthread_mutex_init(&r->lock, NULL);
    list_init(&r->incoming);
    r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r->epoll_fd < 0 || r->wake_fd < 0 ||
        epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->wake_fd, &e)) {
        release(r);
        return err_sys(err, errno, "start the reactor");
    }
    code = pthread_create(&r->thread, NULL, run, r);
    if (code) {
        release(r);
        return err_sys(err, code, "start the reactor");
    }
    *out = r;
    return 0;
}

void reactor_free(struct reactor *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_mutex_unlock(&r->lock);
    wake(r);
    pthread_join(r->thread, NULL);
    release(r);
}
