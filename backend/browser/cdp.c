#include "backend/browser/cdp.h"
#include "backend/browser/cdp_slots.h"
#include "backend/browser/cdp_taps.h"
#include "backend/browser/cdp_text.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#define COMMAND_MAX (32 * 1024 * 1024)

struct cdp {
    struct cdp_wire *wire;
    void (*on_event)(void *context, const struct cdp_event *event);
    void *context;
    pthread_t thread;
    atomic_bool alive, silent;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    bool sending;
    unsigned users; /* in a function of ours */
    struct slots slots;
    struct err why; /* it is over */

    struct taps taps; /* has its own lock */
};

/* ---- the reading thread ---- */

/* Takes doc; NULL: it could not be read. */
static void answer(struct cdp *cdp, int64_t id, yyjson_doc *doc)
{
    struct slot *s;

    pthread_mutex_lock(&cdp->lock);
    s = slot_of(&cdp->slots, id);
    if (s) {
        s->doc = TAKE(doc);
        s->state = s->doc ? SLOT_ANSWERED : SLOT_LOST;
        (void)eventfd_write(s->fd, 1);
    }
    pthread_mutex_unlock(&cdp->lock);
    yyjson_doc_free(doc);
}

static void take_message(struct cdp *cdp, struct buf *text)
{
    yyjson_doc *doc = cdp_parse(text->data, text->len);
    yyjson_val *root = yyjson_doc_get_root(doc), *id = yyjson_obj_get(root, "id");

    if (!doc) {
        log_debug("browser: a message of %zu bytes is not JSON", text->len);
        answer(cdp, cdp_id_of(text->data, text->len), NULL);
        return;
    }
    const char *session = json_str(root, "sessionId");
    if (taps_take(&cdp->taps, yyjson_get_sint(id), session ? session : "", root)) {
        yyjson_doc_free(doc);
        return;
    }
    if (yyjson_is_int(id)) {
        answer(cdp, yyjson_get_sint(id), doc);
        return;
    }
    struct cdp_event event = {
        .method = json_str(root, "method"),
        .session = session ? session : "",
        .params = yyjson_obj_get(root, "params"),
    };
    if (event.method && !id)
        cdp->on_event(cdp->context, &event);
    yyjson_doc_free(doc);
}

static void fail_all(struct cdp *cdp, const struct err *why)
{
    pthread_mutex_lock(&cdp->lock);
    if (cdp->alive)
        cdp->why = *why;
    atomic_store(&cdp->alive, false);
    slots_wake(&cdp->slots);
    pthread_cond_broadcast(&cdp->changed);
    pthread_mutex_unlock(&cdp->lock);
}

static void *read_all(void *arg)
{
    struct cdp *cdp = arg;
    AUTO(buf) struct buf text = BUF_MAX(CDP_MESSAGE_MAX);
    struct err why = { 0 };
    int got;

    while ((got = cdp->wire->receive(cdp->wire, &text, &why)) > 0)
        if (text.len) {
            atomic_store_explicit(&cdp->silent, false, memory_order_relaxed);
            take_message(cdp, &text);
        }
    if (!got)
        err_set(&why, ERR_UNAVAILABLE, "the browser has ended");
    why.code = ERR_UNAVAILABLE;
    err_next(&why, "call again, a new browser is started then");
    fail_all(cdp, &why);
    taps_over(&cdp->taps);
    cdp->on_event(cdp->context, &(struct cdp_event){ .session = "" });
    return NULL;
}

/* ---- life ---- */

static void destroy(struct cdp *cdp)
{
    cdp->wire->free(cdp->wire);
    slots_done(&cdp->slots);
    pthread_cond_destroy(&cdp->changed);
    pthread_mutex_destroy(&cdp->lock);
    taps_done(&cdp->taps);
    free(cdp);
}

int cdp_new(struct cdp_wire *wire, void (*on_event)(void *, const struct cdp_event *),
            void *context, struct cdp **out, struct err *err)
{
    struct cdp *cdp = calloc(1, sizeof(*cdp));
    pthread_condattr_t attr;
    int r;

    if (!cdp) {
        wire->free(wire);
        return err_oom(err);
    }
    *cdp = (struct cdp){ .wire = wire, .on_event = on_event, .context = context };
    atomic_init(&cdp->alive, true);
    slots_init(&cdp->slots);
    pthread_mutex_init(&cdp->lock, NULL);
    taps_init(&cdp->taps);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&cdp->changed, &attr);
    pthread_condattr_destroy(&attr);
    *out = cdp;
    r = pthread_create(&cdp->thread, NULL, read_all, cdp);
    if (r) {
        *out = NULL;
        destroy(cdp);
        return err_sys(err, r, "start the browser's thread");
    }
    return 0;
}

void cdp_free(struct cdp *cdp)
{
    struct err why = { 0 };

    if (!cdp)
        return;
    err_set(&why, ERR_UNAVAILABLE, "the browser was closed");
    fail_all(cdp, &why);
    cdp->wire->stop(cdp->wire);
    pthread_join(cdp->thread, NULL);
    pthread_mutex_lock(&cdp->lock);
    while (cdp->users)
        pthread_cond_wait(&cdp->changed, &cdp->lock);
    pthread_mutex_unlock(&cdp->lock);
    destroy(cdp);
}

bool cdp_alive(const struct cdp *cdp)
{
    return atomic_load(&((struct cdp *)(size_t)cdp)->alive);
}

bool cdp_silent(const struct cdp *cdp)
{
    return atomic_load(&((struct cdp *)(size_t)cdp)->silent);
}

/* ---- commands ---- */

static int dead(struct cdp *cdp, struct err *err)
{
    if (err)
        *err = cdp->why;
    return -1;
}

/* Locked. Waits for its turn to write. */
static int begin_send(struct cdp *cdp, int64_t deadline_ms, struct err *err)
{
    struct timespec until = { deadline_ms / 1000, deadline_ms % 1000 * 1000000 };
    int r = 0;

    while (cdp->sending && cdp->alive && !r)
        r = pthread_cond_timedwait(&cdp->changed, &cdp->lock, &until);
    if (!cdp->alive)
        return dead(cdp, err);
    if (cdp->sending)
        return err_set(err, ERR_TIMEOUT, "the browser takes no commands");
    cdp->sending = true;
    return 0;
}

/* Locked; not while it writes. */
static int send_text(struct cdp *cdp, struct buf *text, int64_t deadline_ms, struct err *err)
{
    struct err why = { 0 };
    int r;

    if (begin_send(cdp, deadline_ms, err))
        return -1;
    pthread_mutex_unlock(&cdp->lock);
    r = cdp->wire->send(cdp->wire, text->data, text->len, &why);
    if (r) {
        why.code = ERR_UNAVAILABLE;
        fail_all(cdp, &why);
        cdp->wire->stop(cdp->wire);
    }
    pthread_mutex_lock(&cdp->lock);
    cdp->sending = false;
    pthread_cond_broadcast(&cdp->changed);
    return r ? dead(cdp, err) : 0;
}

static void leave(struct cdp *cdp)
{
    cdp->users--;
    pthread_cond_broadcast(&cdp->changed);
    pthread_mutex_unlock(&cdp->lock);
}

int cdp_tap_send(struct cdp *cdp, int64_t id, const char *session, const char *method,
                 const char *params, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(COMMAND_MAX);
    int r;

    pthread_mutex_lock(&cdp->lock);
    cdp->users++;
    r = cdp_command(&text, id ? id : slots_nobody(&cdp->slots, 0), session, method, params, err) ||
        send_text(cdp, &text, clock_ms() + CDP_TIMEOUT_MS, err);
    leave(cdp);
    return r ? -1 : 0;
}

int cdp_send(struct cdp *cdp, const char *session, const char *method, const char *params,
             struct err *err)
{
    return cdp_tap_send(cdp, 0, session, method, params, err);
}

int64_t cdp_tap_id(struct cdp *cdp, const struct cdp_tap *tap)
{
    int64_t id;

    pthread_mutex_lock(&cdp->lock);
    id = slots_nobody(&cdp->slots, 1 + tap->index);
    pthread_mutex_unlock(&cdp->lock);
    return id;
}

int cdp_tap_add(struct cdp *cdp, struct cdp_tap *tap, struct err *err)
{
    return taps_add(&cdp->taps, tap, err);
}

void cdp_tap_remove(struct cdp *cdp, struct cdp_tap *tap)
{
    taps_remove(&cdp->taps, tap);
}

void cdp_tell(struct cdp *cdp, const char *session, const char *method, const char *params)
{
    struct err ignored = { 0 };

    if (cdp_send(cdp, session, method, params, &ignored))
        log_debug("browser: %s was not sent: %s", method, ignored.msg);
}

static void wait_for_answer(int fd, int64_t deadline_ms, struct call *call, int stop_fd)
{
    struct pollfd fds[3] = {
        { .fd = fd, .events = POLLIN },
        { .fd = call ? call->event_fd : -1, .events = POLLIN },
        { .fd = stop_fd, .events = POLLIN },
    };
    int n;

    do
        n = poll(fds, 3, clock_left(deadline_ms));
    while (n < 0 && errno == EINTR);
}

/* Locked: what became of it. */
static int outcome(struct cdp *cdp, struct slot *s, const char *method, struct cdp_reply *reply,
                   struct err *err)
{
    yyjson_val *root = yyjson_doc_get_root(s->doc), *error = yyjson_obj_get(root, "error");

    if (s->state == SLOT_LOST)
        return err_set(err, ERR_TOO_LARGE,
                       "%s: the browser's answer is larger than %d MB or no"
                       " JSON",
                       method, CDP_MESSAGE_MAX / 1024 / 1024);
    if (s->state == SLOT_WAITING)
        return cdp->alive ? 1 : dead(cdp, err);
    if (error)
        return cdp_refused(error, method, err);
    if (!yyjson_is_obj(yyjson_obj_get(root, "result")))
        return err_set(err, ERR_PROTOCOL, "%s: the browser answered without a result", method);
    if (reply)
        *reply = (struct cdp_reply){ TAKE(s->doc), yyjson_obj_get(root, "result") };
    return 0;
}

static int no_answer(struct call *call, const char *method, int64_t timeout_ms, int64_t deadline_ms,
                     struct err *err)
{
    if (call && call_check(call, err))
        return -1;
    if (clock_ms() >= deadline_ms)
        return err_set(err, ERR_TIMEOUT, "%s: the browser did not answer within %lld ms", method,
                       (long long)timeout_ms);
    return err_set(err, ERR_BUSY, "%s: no longer waited for", method);
}

int cdp_call_until(struct cdp *cdp, const char *session, const char *method, const char *params,
                   int64_t timeout_ms, struct call *call, int stop_fd, struct cdp_reply *reply,
                   struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(COMMAND_MAX);
    struct slot *s;
    int r;

    if (call && call_check(call, err))
        return -1;
    timeout_ms = timeout_ms > 0 ? timeout_ms : CDP_TIMEOUT_MS;
    int64_t deadline_ms = clock_ms() + timeout_ms;
    int64_t until_ms = clock_earlier(deadline_ms, call ? call->deadline_ms : 0);
    pthread_mutex_lock(&cdp->lock);
    cdp->users++;
    s = cdp->alive ? slot_take(&cdp->slots, err) : NULL;
    r = s ? 0 : cdp->alive ? -1 : dead(cdp, err);
    if (!r) {
        r = cdp_command(&text, slot_id(&cdp->slots, s), session, method, params, err) ||
                    send_text(cdp, &text, until_ms, err)
                ? -1
                : 0;
    }
    if (!r) {
        pthread_mutex_unlock(&cdp->lock);
        wait_for_answer(s->fd, until_ms, call, stop_fd);
        pthread_mutex_lock(&cdp->lock);
        r = outcome(cdp, s, method, reply, err);
        if (r == 1 && clock_ms() >= until_ms)
            atomic_store(&cdp->silent, true);
    }
    if (s)
        slot_free(s);
    leave(cdp);
    return r == 1 ? no_answer(call, method, timeout_ms, deadline_ms, err) : r;
}

int cdp_call(struct cdp *cdp, const char *session, const char *method, const char *params,
             int64_t timeout_ms, struct call *call, struct cdp_reply *reply, struct err *err)
{
    return cdp_call_until(cdp, session, method, params, timeout_ms, call, -1, reply, err);
}

void cdp_reply_done(struct cdp_reply *r)
{
    yyjson_doc_free(r->doc);
    *r = (struct cdp_reply){ 0 };
}
