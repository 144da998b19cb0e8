#include "transport/http_watch.h"
#include "base/clock.h"
#include "transport/http_exchange.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

#define EVENTS 64
#define TICK_MS 1000 /* while something waits or lingers */
#define IDLE_TICK_MS 10000
#define STOP_ID 0

struct slot {
    struct exchange *x; /* owned reference; NULL nothing waits */
    int64_t left_ms;    /* when the client left; 0 it is there */
    int fd;             /* -1 free */
    uint32_t generation;
    uint32_t next_free;
};

struct watch {
    void (*on_tick)(void *context, int64_t now_ms);
    void *context;
    int epoll_fd, stop_fd;
    pthread_t thread;

    pthread_mutex_t lock; /* everything below */
    pthread_cond_t fewer;
    struct slot *slots; /* as many as there were connections at once */
    uint32_t size, first_free;
    uint32_t waiting, lingering; /* slots with x, with left_ms */
    bool stopping;
};

/* Lock held. Slot 0 is never given out, so that no id is 0. */
static bool grow(struct watch *w)
{
    uint32_t size = w->size ? w->size * 2 : 64, from = w->size ? w->size : 1;
    struct slot *slots = realloc(w->slots, size * sizeof(*slots));

    if (!slots)
        return false;
    memset(slots + w->size, 0, (size - w->size) * sizeof(*slots));
    for (uint32_t i = w->size; i < size; i++) {
        slots[i].fd = -1;
        slots[i].next_free = i + 1 < size ? i + 1 : 0;
    }
    w->first_free = from;
    w->slots = slots;
    w->size = size;
    return true;
}

static struct slot *slot_of(struct watch *w, uint64_t id)
{
    uint32_t i = (uint32_t)id;

    if (!i || i >= w->size || w->slots[i].generation != id >> 32 || w->slots[i].fd < 0)
        return NULL;
    return &w->slots[i];
}

/* Lock held. The slot's reference goes to the caller. */
static struct exchange *take(struct watch *w, struct slot *slot)
{
    if (slot && slot->x) {
        w->waiting--;
        pthread_cond_signal(&w->fewer);
    }
    return slot ? TAKE(slot->x) : NULL;
}

uint64_t watch_open(struct watch *w, int fd)
{
    struct epoll_event event = { .events = EPOLLRDHUP | EPOLLET };
    uint64_t id = 0;

    pthread_mutex_lock(&w->lock);
    if (!w->stopping && (w->first_free || grow(w))) {
        uint32_t i = w->first_free;
        struct slot *slot = &w->slots[i];
        w->first_free = slot->next_free;
        slot->fd = fd;
        slot->left_ms = 0;
        id = (uint64_t)slot->generation << 32 | i;
    }
    pthread_mutex_unlock(&w->lock);
    event.data.u64 = id;
    if (!id || !epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &event))
        return id;
    watch_close(w, id, -1);
    return 0;
}

void watch_close(struct watch *w, uint64_t id, int fd)
{
    struct exchange *x;
    struct slot *slot;

    if (fd >= 0 && id)
        epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    pthread_mutex_lock(&w->lock);
    slot = slot_of(w, id);
    x = take(w, slot);
    if (slot) {
        if (slot->left_ms)
            w->lingering--;
        slot->fd = -1;
        slot->generation++;
        slot->next_free = w->first_free;
        w->first_free = (uint32_t)id;
    }
    pthread_mutex_unlock(&w->lock);
    exchange_unref(x);
}

bool watch_set(struct watch *w, uint64_t id, struct exchange *x)
{
    struct slot *slot;
    bool set;

    pthread_mutex_lock(&w->lock);
    slot = slot_of(w, id);
    set = slot && !slot->x && !slot->left_ms && !w->stopping;
    if (set) {
        exchange_ref(x);
        slot->x = x;
        w->waiting++;
    }
    pthread_mutex_unlock(&w->lock);
    return set;
}

void watch_clear(struct watch *w, uint64_t id)
{
    struct exchange *x;

    pthread_mutex_lock(&w->lock);
    x = take(w, slot_of(w, id));
    pthread_mutex_unlock(&w->lock);
    exchange_unref(x);
}

static void client_left(struct watch *w, uint64_t id, int64_t now_ms)
{
    struct exchange *x = NULL;
    struct slot *slot;

    pthread_mutex_lock(&w->lock);
    slot = slot_of(w, id);
    if (slot) {
        w->lingering += !slot->left_ms;
        slot->left_ms = now_ms;
        x = slot->x;
        if (x)
            exchange_ref(x);
    }
    pthread_mutex_unlock(&w->lock);
    if (x)
        exchange_gone(x);
    exchange_unref(x);
}

/* The next exchange from slot *at on, with a reference; NULL at the end. */
static struct exchange *next(struct watch *w, uint32_t *at)
{
    struct exchange *x = NULL;

    pthread_mutex_lock(&w->lock);
    while (!x && *at < w->size)
        x = w->slots[(*at)++].x;
    if (x)
        exchange_ref(x);
    pthread_mutex_unlock(&w->lock);
    return x;
}

/* The library then sees the end that it missed. Holding the lock keeps the descriptor open. */
static void shut_lingering(struct watch *w, int64_t now_ms)
{
    pthread_mutex_lock(&w->lock);
    for (uint32_t i = 1; w->lingering && i < w->size; i++) {
        struct slot *slot = &w->slots[i];
        if (slot->fd < 0 || !slot->left_ms || slot->x || now_ms - slot->left_ms < WATCH_LINGER_MS)
            continue;
        (void)shutdown(slot->fd, SHUT_RDWR);
        slot->left_ms = 0;
        w->lingering--;
    }
    pthread_mutex_unlock(&w->lock);
}

static void keep_alive(struct watch *w, int64_t now_ms)
{
    struct exchange *x;

    for (uint32_t at = 1; (x = next(w, &at)); exchange_unref(x))
        exchange_keep_alive(x, now_ms);
}

static bool is_idle(struct watch *w)
{
    bool idle;

    pthread_mutex_lock(&w->lock);
    idle = !w->waiting && !w->lingering;
    pthread_mutex_unlock(&w->lock);
    return idle;
}

static void *run(void *arg)
{
    struct watch *w = arg;
    struct epoll_event events[EVENTS];
    int64_t tick_ms = clock_ms() + TICK_MS;

    for (;;) {
        int n = epoll_wait(w->epoll_fd, events, EVENTS, is_idle(w) ? IDLE_TICK_MS : TICK_MS);
        int64_t now_ms = clock_ms();
        for (int i = 0; i < n; i++) {
            if (events[i].data.u64 == STOP_ID)
                return NULL;
            client_left(w, events[i].data.u64, now_ms);
        }
        if (now_ms < tick_ms)
            continue;
        tick_ms = now_ms + TICK_MS;
        keep_alive(w, now_ms);
        shut_lingering(w, now_ms);
        w->on_tick(w->context, now_ms);
    }
}

static int open_fds(struct watch *w, struct err *err)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = STOP_ID };

    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->epoll_fd < 0 || w->stop_fd < 0 ||
        epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->stop_fd, &event))
        return err_sys(err, errno, "watch connections");
    return 0;
}

static void destroy(struct watch *w)
{
    fd_close(&w->epoll_fd);
    fd_close(&w->stop_fd);
    pthread_cond_destroy(&w->fewer);
    pthread_mutex_destroy(&w->lock);
    free(w->slots);
    free(w);
}

int watch_start(void (*on_tick)(void *context, int64_t now_ms), void *context, struct watch **out,
                struct err *err)
{
    struct watch *w = calloc(1, sizeof(*w));
    pthread_condattr_t attr;
    int r;

    if (!w)
        return err_oom(err);
    w->on_tick = on_tick;
    w->context = context;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->fewer, &attr);
    pthread_condattr_destroy(&attr);
    r = open_fds(w, err);
    if (!r) {
        int e = pthread_create(&w->thread, NULL, run, w);
        r = e ? err_sys(err, e, "start a thread") : 0;
    }
    if (r) {
        destroy(w);
        return -1;
    }
    *out = w;
    return 0;
}

static void await_none(struct watch *w, int grace_ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += grace_ms / 1000;
    until.tv_nsec += grace_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&w->lock);
    while (w->waiting && !pthread_cond_timedwait(&w->fewer, &w->lock, &until))
        ;
    pthread_mutex_unlock(&w->lock);
}

unsigned watch_waiting(struct watch *w)
{
    unsigned n;

    pthread_mutex_lock(&w->lock);
    n = w->waiting;
    pthread_mutex_unlock(&w->lock);
    return n;
}

void watch_drain(struct watch *w)
{
    struct exchange *x;

    for (uint32_t at = 1; (x = next(w, &at)); exchange_unref(x))
        exchange_drain(x);
}

void watch_stop(struct watch *w, int grace_ms)
{
    struct exchange *x;

    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_mutex_unlock(&w->lock);
    for (uint32_t at = 1; (x = next(w, &at)); exchange_unref(x))
        exchange_stop(x);
    await_none(w, grace_ms);
    for (uint32_t at = 1; (x = next(w, &at)); exchange_unref(x))
        exchange_gone(x);
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    (void)eventfd_write(w->stop_fd, 1);
    pthread_join(w->thread, NULL);
    destroy(w);
}
