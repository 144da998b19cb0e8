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
#include "tests/fuzz/fake_browser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

/* Locked. The next line when it is JSON and this command asks the page. */
static int answer(struct fake *f, const char *method, int64_t id)
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
    int r = doc ? fake_answer(f, id, line, n) : fake_answer(f, id, "{}", 2);
    yyjson_doc_free(doc);
    return r;
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
    struct page *pages[BROWSER_PAGES_MAX];
    struct fake f = { .answer = answer };

    fake_begin(&f);
    fake_say(&f, said_first, strlen(said_first));
    pthread_mutex_lock(&f.lock);
    f.at = (const char *)data;
    f.end = f.at + size;
    pthread_mutex_unlock(&f.lock);
    must(browser_pages(f.browser, pages) == 1);
    look(pages[0], SNAPSHOT_FULL);
    look(pages[0], SNAPSHOT_CHANGES);
    read_lines(pages[0], data, size);
    use_ref(pages[0], "e7");
    use_ref(pages[0], "f1e2");
    search(pages[0]);
    browser_free(f.browser);
    page_unref(pages[0]);
    return 0;
}
