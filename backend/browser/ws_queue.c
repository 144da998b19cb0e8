#include "backend/browser/ws_queue.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

void ws_queue_init(struct ws_queue *q, size_t head)
{
    pthread_condattr_t attr;

    *q = (struct ws_queue){ .head = head };
    list_init(&q->all);
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&q->changed, &attr);
    pthread_condattr_destroy(&attr);
}

void ws_queue_done(struct ws_queue *q)
{
    list_each(link, &q->all)
    {
        list_remove(link);
        free(list_of(link, struct ws_message, link));
    }
    pthread_cond_destroy(&q->changed);
    pthread_mutex_destroy(&q->lock);
}

/* Locked. One message goes always, however long it is. */
static int make_room(struct ws_queue *q, size_t len, bool wait, struct err *err)
{
    int64_t until_ms = clock_ms() + WS_QUEUE_MS;
    struct timespec until = { until_ms / 1000, until_ms % 1000 * 1000000 };
    int r = 0;

    while (!r && !q->over && q->bytes && q->bytes + len > WS_QUEUE_MAX)
        r = wait ? pthread_cond_timedwait(&q->changed, &q->lock, &until) : -1;
    if (q->over)
        return err_set(err, ERR_UNAVAILABLE, "the connection to the browser is closed");
    return r ? err_set(err, ERR_UNAVAILABLE, "the browser takes no commands any more") : 0;
}

int ws_queue_add(struct ws_queue *q, const char *data, size_t len, bool wait, struct err *err)
{
    struct ws_message *m = malloc(sizeof(*m) + q->head + len);
    int r;

    if (!m)
        return err_oom(err);
    m->len = len;
    memcpy(m->data + q->head, data, len);
    pthread_mutex_lock(&q->lock);
    r = make_room(q, len, wait, err);
    if (!r) {
        list_append(&q->all, &m->link);
        q->bytes += len;
        m = NULL;
    }
    pthread_mutex_unlock(&q->lock);
    free(m);
    return r;
}

struct ws_message *ws_queue_next(struct ws_queue *q, bool *more)
{
    struct ws_message *m = NULL;

    pthread_mutex_lock(&q->lock);
    if (!list_empty(&q->all)) {
        m = list_of(q->all.next, struct ws_message, link);
        list_remove(&m->link);
        q->bytes -= m->len;
        pthread_cond_broadcast(&q->changed);
    }
    *more = !list_empty(&q->all);
    pthread_mutex_unlock(&q->lock);
    return m;
}

void ws_queue_end(struct ws_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->over = true;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}
