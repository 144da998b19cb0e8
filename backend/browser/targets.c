#include "backend/browser/fetch.h"
#include "backend/browser/net_log_state.h"
#include "backend/browser/state.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define ATTACH "{\"autoAttach\":true,\"waitForDebuggerOnStart\":true,\"flatten\":true}"

#define NET_ENABLE "{\"maxPostDataSize\":65536,\"maxResourceBufferSize\":41943040}"

/* What a new session is told before its target runs; flags: who gets it. */
enum { FRAME = 1, WORKER = 2, PAGE = 4 };

static const struct {
    int who;
    const char *method, *params;
} setup[] = {
    { FRAME, "Page.enable", "{}" },
    { FRAME, "Page.setLifecycleEventsEnabled", "{\"enabled\":true}" },
    { FRAME, "Inspector.enable", "{}" },
    { FRAME, "Page.setInterceptFileChooserDialog", "{\"enabled\":true}" },
    { FRAME | WORKER, "Runtime.enable", "{}" },
    { FRAME | WORKER, "Log.enable", "{}" },
    { FRAME | WORKER, "Network.enable", NET_ENABLE },
    { FRAME | WORKER, "Target.setAutoAttach", ATTACH },
    { PAGE, "Emulation.setFocusEmulationEnabled", "{\"enabled\":true}" },
    { FRAME | WORKER, "Runtime.runIfWaitingForDebugger", "{}" },
};

static const struct {
    const char *type;
    int who;
} types[] = {
    { "page", FRAME | PAGE },    { "iframe", FRAME },          { "worker", WORKER },
    { "shared_worker", WORKER }, { "service_worker", WORKER },
};

/* ---- sending from the connection's thread ---- */

void browser_post(struct browser *b, const char *session, const char *method, const char *params)
{
    size_t before = b->outbox.len;

    if (buf_add(&b->outbox, session, strlen(session) + 1, NULL) ||
        buf_add(&b->outbox, method, strlen(method) + 1, NULL) ||
        buf_add(&b->outbox, params, strlen(params) + 1, NULL))
        b->outbox.len = before;
}

/* The lock is free. */
static void send_posted(struct cdp *cdp, const struct buf *box)
{
    const char *at = box->data, *end = at + box->len;

    while (at < end) {
        const char *session = at, *method = session + strlen(session) + 1;
        const char *params = method + strlen(method) + 1;
        if (cdp_send(cdp, session, method, params, NULL))
            return;
        at = params + strlen(params) + 1;
    }
}

/* ---- sessions ---- */

struct session *session_find(struct browser *b, const char *id)
{
    for (size_t i = 0; id && *id && i < b->session_count; i++)
        if (!strcmp(b->sessions[i].id, id))
            return &b->sessions[i];
    return NULL;
}

struct page *page_by_target(struct browser *b, const char *target)
{
    for (size_t i = 0; target && *target && i < b->page_count; i++)
        if (!strcmp(b->pages[i]->target, target))
            return b->pages[i];
    return NULL;
}

static int who_is(const char *type)
{
    for (size_t i = 0; type && i < COUNT_OF(types); i++)
        if (!strcmp(types[i].type, type))
            return types[i].who;
    return 0;
}

static void refuse_target(struct browser *b, const char *session, const char *target, int who)
{
    char params[96];

    if (who & PAGE) {
        snprintf(params, sizeof(params), "{\"targetId\":\"%.39s\"}", target);
        browser_post(b, "", "Target.closeTarget", params);
        return;
    }
    browser_post(b, session, "Runtime.runIfWaitingForDebugger", "{}");
    snprintf(params, sizeof(params), "{\"sessionId\":\"%.39s\"}", session);
    browser_post(b, "", "Target.detachFromTarget", params);
}

/* A service worker comes through its page and through the browser. */
static bool known_target(struct browser *b, const char *target)
{
    for (size_t i = 0; i < b->session_count; i++)
        if (!strcmp(b->sessions[i].target, target))
            return true;
    return false;
}

/* A popup that is one too many is closed, and its opener told. */
static struct page *new_page(struct browser *b, yyjson_val *info, const char *session)
{
    struct page *opener = page_by_target(b, json_str(info, "openerId")), *page;

    if (b->page_count >= BROWSER_PAGES_MAX) {
        if (opener)
            page_add_event(opener, "popup_blocked", "%d pages are open already", BROWSER_PAGES_MAX);
        return NULL;
    }
    page = page_make(b, info, session);
    if (!page)
        return NULL;
    if (opener) {
        COPY(page->opener, opener->id);
        emulation_inherit(page, opener);
        opener->opened++;
    }
    struct context *c = context_by_id(b, page->context);
    if (c)
        c->pages++;
    b->pages[b->page_count++] = page;
    return page;
}

static bool is_id(const char *id)
{
    return id && *id && strlen(id) < PAGE_FRAME_ID;
}

static void attached(struct browser *b, struct session *from, yyjson_val *params)
{
    yyjson_val *info = yyjson_obj_get(params, "targetInfo");
    const char *id = json_str(params, "sessionId"), *type = json_str(info, "type");
    const char *target = json_str(info, "targetId");
    struct page *page = from ? from->page : NULL;
    int who = who_is(type);

    if (!is_id(id) || !is_id(target) || session_find(b, id) || !strcmp(type ?: "", "browser"))
        return;
    if (who & PAGE)
        page = page_by_target(b, target) ? NULL : new_page(b, info, id);
    if (!who || b->session_count >= BROWSER_SESSIONS_MAX || (who & PAGE && !page) ||
        (who & WORKER && known_target(b, target))) {
        refuse_target(b, id, target, who);
        return;
    }
    struct session *s = &b->sessions[b->session_count];
    *s = (struct session){ .page = page };
    COPY(s->parent, from ? from->id : "");
    COPY(s->id, id);
    COPY(s->target, target);
    COPY(s->type, type);
    COPY(s->context, json_str(info, "browserContextId"));
    b->session_count++;
    if (who & FRAME && !(who & PAGE) && page) {
        struct frame *f = frame_add(page, target, NULL, id);
        if (f)
            f->remote = true;
    }
    emulation_attached(b, page, s);
    fetch_session(b, s);
    for (size_t i = 0; i < COUNT_OF(setup); i++)
        if (setup[i].who & who)
            browser_post(b, id, setup[i].method, setup[i].params);
}

static void remove_page(struct browser *b, struct page *page)
{
    size_t i = 0;

    while (i < b->page_count && b->pages[i] != page)
        i++;
    if (i == b->page_count)
        return;
    b->page_count--;
    memmove(b->pages + i, b->pages + i + 1, (b->page_count - i) * sizeof(b->pages[0]));
    COPY(b->closed[b->closed_next], page->id);
    b->closed_next = (b->closed_next + 1) % BROWSER_CLOSED_KEPT;
    context_release(b, context_by_id(b, page->context));
    page_gone(page);
    for (i = 0; i < b->session_count; i++)
        if (b->sessions[i].page == page)
            b->sessions[i].page = NULL;
    page_unref(page);
}

static void detached(struct browser *b, struct session *from UNUSED, yyjson_val *params)
{
    struct session *s = session_find(b, json_str(params, "sessionId"));

    if (!s)
        return;
    struct page *page = s->page;
    struct frame *f = page ? frame_find(page, s->target) : NULL;
    bool whole = page && !strcmp(page->session, s->id);
    if (f && !strcmp(f->session, s->id)) { /* its parent's process takes it back */
        COPY(f->session, s->parent);
        f->remote = false;
        f->context = f->world = 0;
    }
    *s = b->sessions[--b->session_count];
    if (whole)
        remove_page(b, page);
}

static bool is_ours(struct browser *b, const char *context)
{
    return context && *context && (!strcmp(b->home, context) || context_by_id(b, context));
}

/* Of a browser that others use too, only what is ours is attached to. */
static void created(struct browser *b, struct session *from UNUSED, yyjson_val *params)
{
    yyjson_val *info = yyjson_obj_get(params, "targetInfo");
    const char *target = json_str(info, "targetId"), *type = json_str(info, "type");
    char attach[96];

    if (!b->joined || !is_id(target) || !type || strcmp(type, "page") ||
        !is_ours(b, json_str(info, "browserContextId")))
        return;
    snprintf(attach, sizeof(attach), "{\"targetId\":\"%s\",\"flatten\":true}", target);
    browser_post(b, "", "Target.attachToTarget", attach);
}

static void destroyed(struct browser *b, struct session *from UNUSED, yyjson_val *params)
{
    struct page *page = page_by_target(b, json_str(params, "targetId"));

    if (page)
        remove_page(b, page);
}

static void info_changed(struct browser *b, struct session *from UNUSED, yyjson_val *params)
{
    yyjson_val *info = yyjson_obj_get(params, "targetInfo");
    struct page *page = page_by_target(b, json_str(info, "targetId"));
    const char *title = json_str(info, "title");

    if (!page)
        return;
    page->url = keep_url(page->url, json_str(info, "url"));
    char *cut = title ? strndup(title, BROWSER_TITLE_MAX) : NULL;
    if (cut) {
        free(page->title);
        page->title = cut;
    }
}

static void crash(struct page *page)
{
    if (!page || page->crashed)
        return;
    page->crashed = true;
    page->in_flight_count = 0;
    page_add_event(page, "crash", "the tab crashed");
    page_halt(page);
}

static void target_crashed(struct browser *b, struct session *from UNUSED, yyjson_val *params)
{
    crash(page_by_target(b, json_str(params, "targetId")));
}

/* Of a frame's own process: only that frame is broken. */
static void session_crashed(struct browser *b UNUSED, struct session *s, yyjson_val *params UNUSED)
{
    if (s && s->page && !strcmp(s->page->session, s->id))
        crash(s->page);
    else if (s && s->page)
        page_add_event(s->page, "crash", "a frame of another site crashed");
}

static const struct page_event_row target_events[] = {
    { "Target.attachedToTarget", attached },        { "Target.targetCreated", created },
    { "Target.detachedFromTarget", detached },      { "Target.targetDestroyed", destroyed },
    { "Target.targetInfoChanged", info_changed },   { "Target.targetCrashed", target_crashed },
    { "Inspector.targetCrashed", session_crashed }, { NULL, NULL },
};

/* ---- all events ---- */

/* Every table of a list is asked: several parts may want the same event. */
static const struct page_event_row *const of_browser[] = {
    target_events, download_events, network_events, websocket_events, fetch_events,
};
static const struct page_event_row *const of_page[] = {
    screencast_events, request_events, frame_events, page_events,    chooser_events,
    drag_events,       console_events, trace_events, storage_events, wait_events,
};

static bool run(const struct page_event_row *const *tables, size_t count, struct browser *b,
                struct session *s, const struct cdp_event *event)
{
    bool wanted = false;

    for (size_t i = 0; i < count; i++)
        for (const struct page_event_row *row = tables[i]; row->method; row++) {
            if (strcmp(row->method, event->method))
                continue;
            row->fn(b, s, event->params);
            wanted = true;
            break;
        }
    return wanted;
}

static void end_all(struct browser *b)
{
    b->over = true;
    for (size_t i = 0; i < b->page_count; i++)
        page_halt(b->pages[i]);
}

static void take(struct browser *b, const struct cdp_event *event)
{
    struct session *s = session_find(b, event->session);
    bool wanted;

    if (!event->method) {
        end_all(b);
        watch_poke(b);
        return;
    }
    if (*event->session && !s) /* of a tap that has left */
        return;
    wanted = run(of_browser, COUNT_OF(of_browser), b, s, event);
    s = session_find(b, event->session);
    if (s && s->page)
        wanted |= run(of_page, COUNT_OF(of_page), b, s, event);
    if (wanted)
        watch_poke(b);
}

void browser_on_event(void *context, const struct cdp_event *event)
{
    struct browser *b = context;
    struct buf box = { 0 };
    struct cdp *cdp;

    pthread_mutex_lock(&b->lock);
    take(b, event);
    cdp = b->cdp;
    box = b->outbox;
    b->outbox = BUF_MAX(box.max);
    pthread_mutex_unlock(&b->lock);
    if (box.len && event->method)
        send_posted(cdp, &box);
    buf_done(&box);
}
