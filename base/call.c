#include "base/call.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <sys/eventfd.h>

int call_init(struct call *call, struct err *err)
{
    *call = (struct call){ .event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
    if (call->event_fd < 0)
        return err_sys(err, errno, "eventfd");
    call->started_ms = clock_ms();
    return 0;
}

void call_done(struct call *call)
{
    fd_close(&call->event_fd);
}

void call_reset(struct call *call)
{
    eventfd_t ignored;

    if (atomic_exchange(&call->state, CALL_RUNNING) != CALL_RUNNING)
        (void)eventfd_read(call->event_fd, &ignored);
    call->deadline_ms = 0;
    call->progress = NULL;
    call->started_ms = clock_ms();
}

int call_end(struct call *call, enum call_state why)
{
    int expected = CALL_RUNNING;

    if (!atomic_compare_exchange_strong(&call->state, &expected, (int)why))
        return 0;
    (void)eventfd_write(call->event_fd, 1);
    return 1;
}

int call_check(struct call *call, struct err *err)
{
    switch (call_state(call)) {
    case CALL_RUNNING:
        break;
    case CALL_SHUTDOWN:
        return err_set(err, ERR_UNAVAILABLE, "the server is stopping");
    case CALL_CANCELLED:
    case CALL_GONE:
        return err_set(err, ERR_CANCELLED, "the client cancelled the call");
    }
    if (call->deadline_ms && clock_ms() >= call->deadline_ms)
        return err_set(err, ERR_TIMEOUT, "the call took too long");
    return 0;
}
