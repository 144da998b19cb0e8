#include "backend/browser/state.h"
#include "base/clock.h"

#include <poll.h>
#include <sys/eventfd.h>

int watch_begin(struct browser *b, struct watch *w, struct err *err)
{
    *w = (struct watch){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
    if (w->fd < 0)
        return err_sys(err, errno, "eventfd");
    list_append(&b->watches, &w->link);
    return 0;
}

void watch_end(struct browser *b UNUSED, struct watch *w)
{
    if (w->fd < 0)
        return;
    list_remove(&w->link);
    fd_close(&w->fd);
}

void watch_poke(struct browser *b)
{
    list_each(link, &b->watches)
    {
        struct watch *w = list_of(link, struct watch, link);
        if (!w->poked)
            (void)eventfd_write(w->fd, 1);
        w->poked = true;
    }
}

int watch_wait(struct browser *b, struct watch *w, int64_t deadline_ms, struct call *call,
               struct err *err)
{
    struct pollfd fds[2] = { { .fd = w->fd, .events = POLLIN },
                             { .fd = call ? call->event_fd : -1, .events = POLLIN } };
    int64_t until_ms = clock_earlier(deadline_ms, call ? call->deadline_ms : 0);
    eventfd_t ignored;

    pthread_mutex_unlock(&b->lock);
    (void)poll(fds, 2, clock_left(until_ms));
    (void)eventfd_read(w->fd, &ignored);
    pthread_mutex_lock(&b->lock);
    w->poked = false;
    if (b->over)
        return browser_gone(b, err);
    if (call && call_check(call, err))
        return -1;
    return deadline_ms && clock_ms() >= deadline_ms;
}
