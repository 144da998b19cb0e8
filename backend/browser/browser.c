#include "backend/browser/fetch.h"
#include "backend/browser/state.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define OPEN_MS 10000
#define OUTBOX_MAX (256 * 1024)

void browser_ref(struct browser *b)
{
    atomic_fetch_add(&b->refs, 1);
}

void browser_unref(struct browser *b)
{
    if (atomic_fetch_sub(&b->refs, 1) != 1)
        return;
    buf_done(&b->outbox);
    network_free(b->network);
    extracts_free(b->extracts);
    downloads_free(b->downloads);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

int browser_gone(struct browser *b UNUSED, struct err *err)
{
    err_set(err, ERR_UNAVAILABLE, "the browser has ended");
    return err_next(err, "call again, a new browser is started then");
}

/* Before anything of the others' is told. */
static int make_home(struct browser *b, struct call *call, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply made = { 0 };
    const char *id;

    if (cdp_call(b->cdp, "", "Target.createBrowserContext", "{\"disposeOnDetach\":true}", 0, call,
                 &made, err))
        return -1;
    id = json_str(made.result, "browserContextId");
    if (!id || !*id || strlen(id) >= sizeof(b->home))
        return err_set(err, ERR_PROTOCOL, "the browser made a context without an id");
    pthread_mutex_lock(&b->lock);
    COPY(b->home, id);
    pthread_mutex_unlock(&b->lock);
    return 0;
}

static int greet(struct browser *b, struct call *call, struct err *err)
{
    static const char attach[] =
        "{\"autoAttach\":true,\"waitForDebuggerOnStart\":true,\"flatten\":true}";
    AUTO(cdp_reply) struct cdp_reply version = { 0 };

    if (cdp_call(b->cdp, "", "Browser.getVersion", NULL, 0, call, &version, err))
        return -1;
    COPY(b->version, json_str(version.result, "product"));
    if ((b->joined && make_home(b, call, err)) ||
        cdp_call(b->cdp, "", "Target.setDiscoverTargets", "{\"discover\":true}", 0, call, NULL,
                 err))
        return -1;
    if (b->joined)
        return 0;
    return cdp_call(b->cdp, "", "Target.setAutoAttach", attach, 0, call, NULL, err);
}

static int make(struct cdp_wire *wire, bool joined, struct call *call, struct browser **out,
                struct err *err)
{
    struct browser *b = calloc(1, sizeof(*b));

    if (!b) {
        wire->free(wire);
        return err_oom(err);
    }
    b->joined = joined;
    atomic_init(&b->refs, 1);
    pthread_mutex_init(&b->lock, NULL);
    list_init(&b->watches);
    buf_init(&b->outbox, OUTBOX_MAX);
    pthread_mutex_lock(&b->lock);
    int r = cdp_new(wire, browser_on_event, b, &b->cdp, err);
    pthread_mutex_unlock(&b->lock);
    if (r) {
        browser_unref(b);
        return -1;
    }
    if (greet(b, call, err)) {
        err_wrap(err, "start the browser");
        browser_free(b);
        return -1;
    }
    *out = b;
    return 0;
}

int browser_new(struct cdp_wire *wire, struct call *call, struct browser **out, struct err *err)
{
    return make(wire, false, call, out, err);
}

int browser_join(struct cdp_wire *wire, struct call *call, struct browser **out, struct err *err)
{
    return make(wire, true, call, out, err);
}

void browser_free(struct browser *b)
{
    struct page *left[BROWSER_PAGES_MAX];
    size_t n;

    if (!b)
        return;
    network_stop(b);
    cdp_free(b->cdp);
    pthread_mutex_lock(&b->lock);
    b->cdp = NULL;
    n = b->page_count;
    memcpy(left, b->pages, n * sizeof(left[0]));
    b->page_count = 0;
    pthread_mutex_unlock(&b->lock);
    for (size_t i = 0; i < n; i++)
        page_unref(left[i]);
    browser_unref(b);
}

bool browser_alive(struct browser *b)
{
    return cdp_alive(b->cdp);
}

const char *browser_version(struct browser *b)
{
    return b->version;
}

struct cdp *browser_cdp(struct browser *b)
{
    return b->cdp;
}

const char *browser_home(struct browser *b)
{
    return b->home;
}

int browser_quit(struct browser *b, struct err *err)
{
    return cdp_send(b->cdp, "", "Browser.close", NULL, err);
}

/* ---- contexts ---- */

struct context *context_by_id(struct browser *b, const char *id)
{
    for (size_t i = 0; id && *id && i < BROWSER_CONTEXTS_MAX; i++)
        if (!strcmp(b->contexts[i].id, id))
            return &b->contexts[i];
    return NULL;
}

static struct context *context_row(struct browser *b, const char *name)
{
    struct context *free_row = NULL;

    for (size_t i = 0; i < BROWSER_CONTEXTS_MAX; i++) {
        struct context *c = &b->contexts[i];
        if (!strcmp(c->name, name))
            return c;
        if (!*c->name && !free_row)
            free_row = c;
    }
    return free_row;
}

void context_release(struct browser *b, struct context *c)
{
    char params[96];

    if (!c || --c->pages)
        return;
    snprintf(params, sizeof(params), "{\"browserContextId\":\"%s\"}", c->id);
    if (*c->id && !b->over)
        browser_post(b, "", "Target.disposeBrowserContext", params);
    downloads_context_gone(b, c->id);
    *c = (struct context){ 0 };
}

static int check_name(const char *name, struct err *err)
{
    if (strlen(name) < BROWSER_CONTEXT_MAX)
        return 0;
    return err_set(err, ERR_INVALID, "the context's name is longer than %d bytes",
                   BROWSER_CONTEXT_MAX - 1);
}

/* With one use of it taken; two who make the same name at once make one too many, which goes. */
static int context_take(struct browser *b, const char *name, struct call *call,
                        char id[PAGE_FRAME_ID], struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply made = { 0 };
    struct context *c;
    bool known;

    if (check_name(name, err))
        return -1;
    pthread_mutex_lock(&b->lock);
    c = context_row(b, name);
    known = c && *c->name;
    if (known) {
        c->pages++;
        copy_text(id, PAGE_FRAME_ID, c->id);
    }
    pthread_mutex_unlock(&b->lock);
    if (known)
        return 0;
    if (!c)
        return err_set(err, ERR_QUOTA, "there are %d isolated contexts already",
                       BROWSER_CONTEXTS_MAX);
    if (cdp_call(b->cdp, "", "Target.createBrowserContext", "{\"disposeOnDetach\":true}", 0, call,
                 &made, err))
        return -1;
    copy_text(id, PAGE_FRAME_ID, json_str(made.result, "browserContextId"));
    if (downloads_context(b, id, call, err))
        return -1;
    pthread_mutex_lock(&b->lock);
    c = context_row(b, name);
    if (c && !*c->name) {
        COPY(c->name, name);
        COPY(c->id, id);
    }
    if (c) {
        c->pages++;
        copy_text(id, PAGE_FRAME_ID, c->id);
    }
    pthread_mutex_unlock(&b->lock);
    return c ? 0 : err_set(err, ERR_QUOTA, "too many isolated contexts");
}

/* ---- pages ---- */

/* The page of a target that was just made: its session comes by an event. */
static int wait_for_page(struct browser *b, const char *target, struct call *call,
                         struct page **out, struct err *err)
{
    int64_t deadline_ms = clock_ms() + OPEN_MS;
    struct page *page = NULL;
    struct watch w;
    int r;

    pthread_mutex_lock(&b->lock);
    r = watch_begin(b, &w, err);
    while (!r && !(page = page_by_target(b, target)))
        r = watch_wait(b, &w, deadline_ms, call, err);
    if (r > 0)
        r = err_set(err, ERR_TIMEOUT, "the new page did not show up within %d ms", OPEN_MS);
    if (!r)
        *out = page_ref(page);
    watch_end(b, &w);
    pthread_mutex_unlock(&b->lock);
    return r;
}

static int create_target(struct browser *b, const char *context, struct call *call,
                         struct page **out, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply made = { 0 };
    AUTO(buf) struct buf params = BUF_MAX(1024);
    struct jw w = JW(&params, err);
    const char *target;

    jw_obj(&w);
    jw_kstr(&w, "url", "about:blank");
    if (*context || *b->home)
        jw_kstr(&w, "browserContextId", *context ? context : b->home);
    jw_end(&w);
    if (jw_done(&w) ||
        cdp_call(b->cdp, "", "Target.createTarget", params.data, 0, call, &made, err))
        return -1;
    target = json_str(made.result, "targetId");
    if (!target)
        return err_set(err, ERR_PROTOCOL, "the browser made a page without an id");
    return wait_for_page(b, target, call, out, err);
}

int browser_open(struct browser *b, const char *context, struct call *call, struct page **out,
                 struct err *err)
{
    AUTO_PTR(page) struct page *page = NULL;
    char id[PAGE_FRAME_ID] = "";
    int r;

    pthread_mutex_lock(&b->lock);
    bool full = b->page_count >= BROWSER_PAGES_MAX;
    pthread_mutex_unlock(&b->lock);
    if (full) {
        err_set(err, ERR_QUOTA, "%d pages are open already", BROWSER_PAGES_MAX);
        return err_next(err, "close one first, with browser_tabs");
    }
    if (context && *context && context_take(b, context, call, id, err))
        return -1;
    r = create_target(b, id, call, &page, err) || page_know(page, call, err);
    if (*id) { /* the page holds one of its own */
        pthread_mutex_lock(&b->lock);
        context_release(b, context_by_id(b, id));
        pthread_mutex_unlock(&b->lock);
    }
    if (r)
        return err_wrap(err, "open a page");
    *out = TAKE(page);
    return 0;
}

int browser_page(struct browser *b, const char *id, struct page **out, struct err *err)
{
    struct page *found = NULL;
    bool was = false;

    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < b->page_count && !found; i++)
        if (!strcmp(b->pages[i]->id, id))
            found = page_ref(b->pages[i]);
    for (size_t i = 0; i < BROWSER_CLOSED_KEPT && !was; i++)
        was = *id && !strcmp(b->closed[i], id);
    pthread_mutex_unlock(&b->lock);
    if (found) {
        *out = found;
        return 0;
    }
    if (was)
        err_set(err, ERR_GONE, "the page %s was closed", id);
    else
        err_set(err, ERR_NOT_FOUND, "no page %.64s", id);
    return err_next(err, "browser_tabs with action list names the open pages");
}

size_t browser_pages(struct browser *b, struct page *out[BROWSER_PAGES_MAX])
{
    size_t n;

    pthread_mutex_lock(&b->lock);
    n = b->page_count;
    for (size_t i = 0; i < n; i++)
        out[i] = page_ref(b->pages[i]);
    pthread_mutex_unlock(&b->lock);
    return n;
}

size_t browser_count(struct browser *b, const char *type)
{
    size_t n = 0;

    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < b->session_count; i++)
        n += !strcmp(b->sessions[i].type, type);
    pthread_mutex_unlock(&b->lock);
    return n;
}
