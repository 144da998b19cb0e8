#include "backend/local/job.h"
#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

static bool reached(const struct job *j, uint64_t out, uint64_t errs, enum job_phase phase)
{
    return j->phase >= phase || j->out.total > out || j->errs.total > errs;
}

int job_waiter_add(struct job *j, struct job_waiter *w, struct err *err)
{
    w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->fd < 0)
        return err_sys(err, errno, "wait for output");
    pthread_mutex_lock(&j->lock);
    list_append(&j->waiters, &w->link);
    pthread_mutex_unlock(&j->lock);
    return 0;
}

void job_waiter_remove(struct job *j, struct job_waiter *w)
{
    pthread_mutex_lock(&j->lock);
    list_remove(&w->link);
    pthread_mutex_unlock(&j->lock);
    fd_close(&w->fd);
}

int job_wait(struct job *j, struct call *call, uint64_t out, uint64_t errs, enum job_phase phase,
             int64_t until_ms, struct err *err)
{
    struct job_waiter w;
    eventfd_t ignored;
    int r = 0;

    if (job_waiter_add(j, &w, err))
        return -1;
    pthread_mutex_lock(&j->lock);
    while (!reached(j, out, errs, phase)) {
        struct pollfd p[2] = { { .fd = w.fd, .events = POLLIN },
                               { .fd = call->event_fd, .events = POLLIN } };
        pthread_mutex_unlock(&j->lock);
        r = call_check(call, err);
        if (r || (until_ms && clock_ms() >= until_ms)) {
            pthread_mutex_lock(&j->lock);
            break;
        }
        poll(p, 2, clock_left(until_ms));
        (void)eventfd_read(w.fd, &ignored);
        pthread_mutex_lock(&j->lock);
    }
    pthread_mutex_unlock(&j->lock);
    job_waiter_remove(j, &w);
    return r;
}
