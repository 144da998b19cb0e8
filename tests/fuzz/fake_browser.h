/*
 * A browser that a fuzzer plays. Each command must be JSON with an id and is answered by answer()
 * or, without one, with an empty result; what the browser says by itself are lines.
 */
#ifndef TESTS_FUZZ_FAKE_BROWSER_H
#define TESTS_FUZZ_FAKE_BROWSER_H

#include "backend/browser/page.h"
#include "base/log.h"
#include "tests/fuzz/must.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define FAKE_QUEUE_MAX (4 * 1024 * 1024)

struct fake {
    struct cdp_wire base;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct buf answers, lines; /* answers are said first */
    /* Locked: adds "{...}\n" to answers. NULL: {} to everything. */
    int (*answer)(struct fake *f, const char *method, int64_t id);
    const char *at, *end; /* of the fuzzer */
    bool idle, stopped;
    struct browser *browser;
};

static inline int fake_answer(struct fake *f, int64_t id, const char *result, size_t len)
{
    return buf_addf(&f->answers, NULL, "{\"id\":%lld,\"result\":%.*s}\n", (long long)id, (int)len,
                    result);
}

static int fake_send(struct cdp_wire *wire, const char *json, size_t len, struct err *err)
{
    struct fake *f = (struct fake *)wire;
    AUTO_JSON yyjson_doc *doc = json_parse(json, len, err);
    yyjson_val *root = yyjson_doc_get_root(doc);
    const char *method = json_str(root, "method");
    int64_t id = json_int(root, "id", -1);

    must(doc && id > 0 && method && strlen(json) == len);
    pthread_mutex_lock(&f->lock);
    int r = f->answer ? f->answer(f, method, id) : fake_answer(f, id, "{}", 2);
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    return r;
}

static bool fake_take(struct buf *from, struct buf *out)
{
    const char *end = from->len ? memchr(from->data, '\n', from->len) : NULL;
    size_t n = end ? (size_t)(end - from->data) : 0;

    if (!end)
        return false;
    must(!buf_add(out, from->data, n, NULL));
    buf_drop_front(from, n + 1);
    return true;
}

static int fake_receive(struct cdp_wire *wire, struct buf *buf, struct err *err UNUSED)
{
    struct fake *f = (struct fake *)wire;
    bool got = false;

    buf_clear(buf);
    pthread_mutex_lock(&f->lock);
    while (!f->stopped && !(got = fake_take(&f->answers, buf) || fake_take(&f->lines, buf))) {
        f->idle = true;
        pthread_cond_broadcast(&f->changed);
        pthread_cond_wait(&f->changed, &f->lock);
    }
    f->idle = false;
    pthread_mutex_unlock(&f->lock);
    return got;
}

static void fake_stop(struct cdp_wire *wire)
{
    struct fake *f = (struct fake *)wire;

    pthread_mutex_lock(&f->lock);
    f->stopped = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static void fake_free(struct cdp_wire *wire)
{
    struct fake *f = (struct fake *)wire;

    buf_done(&f->answers);
    buf_done(&f->lines);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
}

/* Its browser is there when it returns; browser_free(f->browser) ends both. */
static inline void fake_begin(struct fake *f)
{
    struct err err = { 0 };

    log_set_level(LOG_ERROR);
    f->base = (struct cdp_wire){ fake_send, fake_receive, fake_stop, fake_free };
    f->answers = f->lines = BUF_MAX(FAKE_QUEUE_MAX);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    must(!browser_new(&f->base, NULL, &f->browser, &err));
}

/* Returns when all of these lines, and what was answered meanwhile, was taken in. */
static inline void fake_say(struct fake *f, const void *lines, size_t len)
{
    pthread_mutex_lock(&f->lock);
    if (len)
        must(!buf_add(&f->lines, lines, len, NULL) && !buf_addc(&f->lines, '\n', NULL));
    f->idle = false;
    pthread_cond_broadcast(&f->changed);
    while (!f->idle)
        pthread_cond_wait(&f->changed, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

#endif
