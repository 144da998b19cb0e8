#include "backend/browser/cdp_slots.h"
#include "base/cleanup.h"

#include <errno.h>
#include <sys/eventfd.h>

#define GENERATIONS (INT32_MAX / SLOTS_STRIDE)

static int32_t next_generation(int32_t last)
{
    return last % (GENERATIONS - 1) + 1;
}

void slots_init(struct slots *t)
{
    *t = (struct slots){ 0 };
    for (size_t i = 0; i < SLOTS; i++)
        t->all[i].fd = -1;
}

void slots_done(struct slots *t)
{
    for (size_t i = 0; i < SLOTS; i++) {
        yyjson_doc_free(t->all[i].doc);
        fd_close(&t->all[i].fd);
    }
}

struct slot *slot_take(struct slots *t, struct err *err)
{
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *s = &t->all[i];
        if (s->state != SLOT_FREE)
            continue;
        if (s->fd < 0)
            s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (s->fd < 0) {
            err_sys(err, errno, "eventfd");
            return NULL;
        }
        s->state = SLOT_WAITING;
        s->generation = next_generation(s->generation);
        return s;
    }
    err_set(err, ERR_BUSY, "%d commands wait for the browser already", SLOTS);
    return NULL;
}

void slot_free(struct slot *s)
{
    eventfd_t ignored;

    (void)eventfd_read(s->fd, &ignored);
    yyjson_doc_free(TAKE(s->doc));
    s->state = SLOT_FREE;
}

int64_t slot_id(const struct slots *t, const struct slot *s)
{
    return (int64_t)s->generation * SLOTS_STRIDE + (s - t->all);
}

struct slot *slot_of(struct slots *t, int64_t id)
{
    size_t index = (size_t)id % SLOTS_STRIDE;

    if (id <= 0 || index >= SLOTS || t->all[index].state != SLOT_WAITING ||
        t->all[index].generation != id / SLOTS_STRIDE)
        return NULL;
    return &t->all[index];
}

int64_t slots_nobody(struct slots *t, unsigned tap)
{
    t->sent = next_generation(t->sent);
    return (int64_t)t->sent * SLOTS_STRIDE + SLOTS + tap;
}

void slots_wake(struct slots *t)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (t->all[i].state == SLOT_WAITING)
            (void)eventfd_write(t->all[i].fd, 1);
}
