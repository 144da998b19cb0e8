/*
 * What the page model says of a page. Input: lines, each the result of one command that asks for
 * it, in order; then its refs are looked for, and each line is read as a line of a snapshot. A
 * hostile page may make things fail, never crash, hang or pass a bound.
 *
 * covers: backend/browser/snapshot.c backend/browser/snapshot_find.c
 * covers: backend/browser/snapshot_library.c backend/browser/snapshot_refs.c
 * covers: backend/browser/snapshot_shadow.c
 * seeds: tests/fuzz/seeds/snapshot
 */
#include "backend/browser/snapshot.h"
#include "backend/browser/snapshot_refs.h"
#include "base/log.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define QUEUE_MAX (4 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fake {
    struct cdp_wire base;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct buf answers; /* lines */
    const char *at, *end;
    bool said, stopped;
};

/* One page, and a frame in it that lives in a session of its own. */
static const char said_first[] =
    "{\"method\":\"Target.attachedToTarget\",\"params\":{\"sessionId\":\"S1\",\"targetInfo\":"
    "{\"targetId\":\"T1\",\"type\":\"page\"}}}\n"
    "{\"method\":\"Page.frameNavigated\",\"params\":{\"frame\":{\"id\":\"T1\",\"loaderId\":\"L1\","
    "\"url\":\"http://a/\"}},\"sessionId\":\"S1\"}\n"
    "{\"method\":\"Page.frameAttached\",\"params\":{\"frameId\":\"F2\",\"parentFrameId\":\"T1\"},"
    "\"sessionId\":\"S1\"}\n"
    "{\"method\":\"Page.frameAttached\",\"params\":{\"frameId\":\"F3\",\"parentFrameId\":\"F2\"},"
    "\"sessionId\":\"S1\"}\n"
    "{\"method\":\"Runtime.executionContextCreated\",\"params\":{\"context\":{\"id\":1,\"name\":"
    "\"sandbox-mcp\",\"auxData\":{\"frameId\":\"T1\"}}},\"sessionId\":\"S1\"}\n"
    "{\"method\":\"Runtime.executionContextCreated\",\"params\":{\"context\":{\"id\":2,\"name\":"
    "\"sandbox-mcp\",\"auxData\":{\"frameId\":\"F2\"}}},\"sessionId\":\"S1\"}\n"
    "{\"method\":\"Runtime.executionContextCreated\",\"params\":{\"context\":{\"id\":3,\"name\":"
    "\"sandbox-mcp\",\"auxData\":{\"frameId\":\"F3\"}}},\"sessionId\":\"S1\"}\n";

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* Locked. The next line when it is JSON and this command asks the page. */
static int add_answer(struct fake *f, const char *method, int64_t id)
{
    const char *line = f->at, *stop;
    bool asks = !strncmp(method, "DOM.", 4) || !strcmp(method, "Runtime.callFunctionOn");
    yyjson_doc *doc = NULL;
    size_t n = 0;

    if (asks && line < f->end) {
        stop = memchr(line, '\n', (size_t)(f->end - line));
        n = (size_t)((stop ? stop : f->end) - line);
        f->at += n + (stop != NULL);
        doc = yyjson_read(line, n, 0);
    }
    int r = doc ? buf_addf(&f->answers, NULL, "{\"id\":%lld,\"result\":%.*s}\n", (long long)id,
                           (int)n, line)
                : buf_addf(&f->answers, NULL, "{\"id\":%lld,\"result\":{}}\n", (long long)id);
    yyjson_doc_free(doc);
    return r;
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
    int r = add_answer(f, method, id);
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    return r;
}

static int fake_receive(struct cdp_wire *wire, struct buf *buf, struct err *err UNUSED)
{
    struct fake *f = (struct fake *)wire;
    bool got = false;

    buf_clear(buf);
    pthread_mutex_lock(&f->lock);
    while (!f->stopped && !got) {
        const char *end = f->answers.len ? memchr(f->answers.data, '\n', f->answers.len) : NULL;
        if (!end) {
            f->said = true;
            pthread_cond_broadcast(&f->changed);
            pthread_cond_wait(&f->changed, &f->lock);
            continue;
        }
        size_t n = (size_t)(end - f->answers.data);
        must(!buf_add(buf, f->answers.data, n, NULL));
        buf_drop_front(&f->answers, n + 1);
        got = true;
    }
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
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
}

static void look(struct page *page, enum snapshot_mode mode)
{
    const struct snapshot_how how = { .mode = mode, .max_bytes = 4096, .caller = "me" };
    struct snapshot s = { 0 };
    struct err err = { 0 };

    if (page_snapshot(page, &how, NULL, &s, &err))
        must(err.code != ERR_NONE && !s.text.data);
    must(s.text.len <= SNAPSHOT_MAX + 64 * 1024);
    snapshot_done(&s);
}

static void search(struct page *page)
{
    const struct snapshot_query query = { .text = "a", .limit = 3 };
    struct buf json = BUF_MAX(1024 * 1024);
    struct err err = { 0 };
    struct jw w = JW(&json, &err);
    size_t total;

    jw_obj(&w);
    if (!page_find(page, &query, NULL, &w, &total, &err)) {
        jw_end(&w);
        must(!jw_done(&w));
        yyjson_doc *doc = yyjson_read(json.data, json.len, 0);
        must(doc && yyjson_arr_size(yyjson_obj_get(yyjson_doc_get_root(doc), "matches")) <= 3);
        yyjson_doc_free(doc);
    }
    buf_done(&json);
}

static void use_ref(struct page *page, const char *ref)
{
    struct element e;
    struct err err = { 0 };

    if (element_find(page, &(struct input_target){ .ref = ref }, NULL, &e, &err))
        must(err.code != ERR_NONE);
    must(strlen(e.note) < sizeof(e.note) && strlen(e.object) < sizeof(e.object));
    element_done(&e);
}

static void read_lines(struct page *page, const uint8_t *data, size_t size)
{
    struct ref ref = { .number = 1 };
    char role[24], name[REFS_NAME_MAX];

    refs_remember(page, (const char *)data, size);
    refs_remember(page, "- button \"x\\\"y\" [e7]\n", 21);
    ref.number = 7;
    must(refs_recall(page, &ref, role, name) && !strcmp(name, "x\"y") && !strcmp(role, "button"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fake f = { .base = { fake_send, fake_receive, fake_stop, fake_free },
                      .answers = BUF_MAX(QUEUE_MAX) };
    struct page *pages[BROWSER_PAGES_MAX];
    struct browser *browser;
    struct err err = { 0 };

    log_set_level(LOG_ERROR);
    pthread_mutex_init(&f.lock, NULL);
    pthread_cond_init(&f.changed, NULL);
    must(!browser_new(&f.base, NULL, &browser, &err));
    pthread_mutex_lock(&f.lock);
    must(!buf_adds(&f.answers, said_first, NULL));
    f.said = false;
    pthread_cond_broadcast(&f.changed);
    while (!f.said)
        pthread_cond_wait(&f.changed, &f.lock);
    f.at = (const char *)data;
    f.end = f.at + size;
    pthread_mutex_unlock(&f.lock);
    size_t n = browser_pages(browser, pages);
    must(n == 1);
    look(pages[0], SNAPSHOT_FULL);
    look(pages[0], SNAPSHOT_CHANGES);
    read_lines(pages[0], data, size);
    use_ref(pages[0], "e7");
    use_ref(pages[0], "f1e2");
    search(pages[0]);
    browser_free(browser);
    page_unref(pages[0]);
    return 0;
}
