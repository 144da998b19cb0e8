#include "base/clock.h"
#include "mcp/asking.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#define TELL_MS 1000 /* between two looks while the client wants progress */

/* ---- from the handler ---- */

static int take_params(struct ask_item *item, const struct ask *a, struct err *err)
{
    const char *text = a->params ? a->params : "{}";
    size_t len = strlen(text);

    if (len > ASK_PARAMS_MAX)
        return err_set(err, ERR_TOO_LARGE, "the question \"%s\" has more than %d bytes", a->key,
                       ASK_PARAMS_MAX);
    item->params = json_parse(text, len, err);
    if (!item->params)
        return err_wrap(err, "the question \"%s\"", a->key);
    if (!yyjson_is_obj(yyjson_doc_get_root(item->params)))
        return err_set(err, ERR_INTERNAL, "the question \"%s\" has no object of params", a->key);
    return 0;
}

static int take(struct ask_round *r, const struct ask *a, unsigned number, struct err *err)
{
    struct ask_item *item = &r->items[r->count];
    size_t len = strlen(a->key);
    int n;

    if (!len || len > ASK_KEY_MAX - 11 ||
        strspn(a->key, "abcdefghijklmnopqrstuvwxyz0123456789_") != len)
        return err_set(err, ERR_INTERNAL, "\"%.80s\" is no key of a question", a->key);
    n = number > 1 ? snprintf(item->key, sizeof(item->key), "%s.%u", a->key, number)
                   : snprintf(item->key, sizeof(item->key), "%s", a->key);
    for (size_t i = 0; i < r->count; i++)
        if (!strcmp(r->items[i].key, item->key))
            return err_set(err, ERR_INTERNAL, "two questions have the key \"%s\"", a->key);
    if (n < 0 || take_params(item, a, err))
        return -1;
    item->kind = a->kind;
    item->once = a->once;
    r->count++;
    return 0;
}

struct ask_round *ask_round_new(const struct ask *asks, size_t n, unsigned number, struct err *err)
{
    AUTO_PTR(ask_round) struct ask_round *r = NULL;

    if (!n || n > ASK_MAX) {
        err_set(err, ERR_INTERNAL, "%zu questions at once are not within 1..%d", n, ASK_MAX);
        return NULL;
    }
    r = calloc(1, sizeof(*r));
    if (!r) {
        err_oom(err);
        return NULL;
    }
    pthread_mutex_init(&r->lock, NULL);
    r->changed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r->changed_fd < 0) {
        err_sys(err, errno, "eventfd");
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        if (take(r, &asks[i], number, err))
            return NULL;
    return TAKE(r);
}

void ask_round_free(struct ask_round *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < ASK_MAX; i++) {
        yyjson_doc_free(r->items[i].params);
        yyjson_doc_free(r->items[i].doc);
    }
    fd_close(&r->changed_fd);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* ---- from the client ---- */

void ask_round_put(struct ask_round *r, size_t i, yyjson_doc *answer, const struct err *refused)
{
    struct ask_item *item = &r->items[i];

    pthread_mutex_lock(&r->lock);
    if (!item->answer && answer) {
        item->doc = TAKE(answer);
        item->answer = yyjson_doc_get_root(item->doc);
    } else if (!item->answer && refused) {
        item->failed = true;
        if (!r->refused.code)
            r->refused = *refused;
    }
    pthread_mutex_unlock(&r->lock);
    yyjson_doc_free(answer);
    (void)eventfd_write(r->changed_fd, 1);
}

static yyjson_doc *copy_of(yyjson_val *v)
{
    size_t len = 0;
    AUTO_FREE char *text = yyjson_val_write(v, 0, &len);

    return text ? json_parse(text, len, NULL) : NULL;
}

static bool is_open(struct ask_round *r, size_t i)
{
    bool open;

    pthread_mutex_lock(&r->lock);
    open = !r->items[i].answer;
    pthread_mutex_unlock(&r->lock);
    return open;
}

enum ask_taken ask_round_answer(struct ask_round *r, const char *key, size_t len,
                                yyjson_val *answer)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct ask_item *item = &r->items[i];
        yyjson_doc *doc;
        if (strlen(item->key) != len || memcmp(item->key, key, len) != 0)
            continue;
        if (!is_open(r, i))
            return ASK_UNKNOWN;
        if (!ask_fits(item->kind, yyjson_doc_get_root(item->params), answer))
            return ASK_WRONG;
        doc = copy_of(answer);
        if (!doc)
            return ASK_WRONG;
        ask_round_put(r, i, doc, NULL);
        return ASK_TAKEN;
    }
    return ASK_UNKNOWN;
}

size_t ask_round_left(struct ask_round *r)
{
    size_t left = 0;

    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->count; i++)
        left += !r->items[i].answer;
    pthread_mutex_unlock(&r->lock);
    return left;
}

void ask_round_write(struct ask_round *r, struct jw *w)
{
    jw_obj(w);
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->count; i++) {
        if (r->items[i].answer)
            continue;
        jw_key(w, r->items[i].key);
        jw_obj(w);
        jw_kstr(w, "method", ask_method(r->items[i].kind));
        jw_key(w, "params");
        jw_val(w, yyjson_doc_get_root(r->items[i].params));
        jw_end(w);
    }
    pthread_mutex_unlock(&r->lock);
    jw_end(w);
}

/* ---- in between ---- */

static bool was_refused(struct ask_round *r, struct err *err)
{
    bool is;

    pthread_mutex_lock(&r->lock);
    is = r->refused.code != ERR_NONE;
    if (is && err)
        *err = r->refused;
    pthread_mutex_unlock(&r->lock);
    return is;
}

static void tell(struct call *call)
{
    static const char text[] = "waiting for an answer of the user";

    if (call->progress)
        call->progress(call, (double)(clock_ms() - call->started_ms) / 1000, text,
                       sizeof(text) - 1);
}

int ask_round_wait(struct ask_round *r, struct call *call, int64_t deadline_ms, struct err *err)
{
    struct pollfd fds[] = {
        { .fd = call->event_fd, .events = POLLIN },
        { .fd = r->changed_fd, .events = POLLIN },
    };

    for (;;) {
        int left = clock_left(deadline_ms);
        eventfd_t ignored;
        if (call_state(call) != CALL_RUNNING)
            return call_check(call, err);
        if (was_refused(r, err))
            return -1;
        if (!ask_round_left(r))
            return 0;
        if (!left) {
            err_set(err, ERR_TIMEOUT, "the client did not answer in time");
            return err_next(err, "call again when the user is there to answer");
        }
        if (call->progress && (left < 0 || left > TELL_MS))
            left = TELL_MS;
        if (poll(fds, COUNT_OF(fds), left) > 0 && fds[1].revents)
            (void)eventfd_read(r->changed_fd, &ignored);
        tell(call);
    }
}
