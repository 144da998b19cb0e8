#include "backend/browser/state.h"

#include <stdlib.h>
#include <string.h>

#define ERROR_PAGE "chrome-error:"

struct frame *frame_find(struct page *page, const char *id)
{
    for (size_t i = 0; id && i < page->frame_count; i++)
        if (!strcmp(page->frames[i]->id, id))
            return page->frames[i];
    return NULL;
}

static bool is_below(struct page *page, const struct frame *f, const char *id)
{
    for (size_t depth = 0; f && depth <= PAGE_FRAMES_MAX; depth++) {
        if (!strcmp(f->id, id))
            return true;
        f = *f->parent ? frame_find(page, f->parent) : NULL;
    }
    return false;
}

/* No frame is its own ancestor, and the main one has none. */
static bool may_be_parent(struct page *page, const struct frame *f, const char *parent)
{
    const struct frame *p = frame_find(page, parent);

    return strcmp(f->id, page->target) && strcmp(f->id, parent) && !(p && is_below(page, p, f->id));
}

struct frame *frame_add(struct page *page, const char *id, const char *parent, const char *session)
{
    struct frame *f = frame_find(page, id);

    if (!id || !*id || strlen(id) >= PAGE_FRAME_ID)
        return NULL;
    if (!f) {
        if (page->frame_count >= PAGE_FRAMES_MAX)
            return NULL;
        f = calloc(1, sizeof(*f));
        if (!f)
            return NULL;
        COPY(f->id, id);
        page->frames[page->frame_count++] = f;
    }
    if (parent && may_be_parent(page, f, parent))
        COPY(f->parent, parent);
    if (strcmp(f->session, session)) {
        COPY(f->session, session);
        f->context = f->world = 0;
    }
    return f;
}

static void frame_free(struct frame *f)
{
    free(f->url);
    free(f);
}

void frames_clear(struct page *page)
{
    while (page->frame_count)
        frame_free(page->frames[--page->frame_count]);
}

void frame_remove(struct page *page, const char *id)
{
    bool goes[PAGE_FRAMES_MAX];
    size_t kept = 0;

    if (!strcmp(id, page->target))
        return;
    for (size_t i = 0; i < page->frame_count; i++)
        goes[i] = is_below(page, page->frames[i], id);
    for (size_t i = 0; i < page->frame_count; i++) {
        struct frame *f = page->frames[i];
        if (goes[i])
            frame_free(f);
        else
            page->frames[kept++] = f;
    }
    page->frame_count = kept;
}

static void set_life(struct frame *f, const char *loader, unsigned life)
{
    if (strcmp(f->life_loader, loader)) {
        COPY(f->life_loader, loader);
        f->life = 0;
    }
    f->life |= life;
}

/* The frames of the document before are gone. */
static void drop_children(struct page *page, const char *id)
{
    for (size_t i = 0; i < page->frame_count; i++) {
        if (strcmp(page->frames[i]->parent, id))
            continue;
        frame_remove(page, page->frames[i]->id);
        i = (size_t)-1;
    }
}

static void main_navigated(struct page *page, struct frame *f, const char *loader, bool error)
{
    page->main_documents++;
    page->loading = true;
    page->crashed = false;
    page->in_flight_count = 0;
    page_halt(page);
    if (strcmp(page->document.loader, loader)) {
        page->document = (struct document){ .failed = error };
        COPY(page->document.loader, loader);
    }
    page->document.failed |= error;
    page->url = keep_url(page->url, f->url);
}

void frame_navigated(struct page *page, const char *session, yyjson_val *frame, const char *how)
{
    const char *id = json_str(frame, "id"), *loader = json_str(frame, "loaderId");
    const char *unreachable = json_str(frame, "unreachableUrl"), *url = json_str(frame, "url");
    struct frame *f = frame_add(page, id, json_str(frame, "parentId"), session);
    bool error = unreachable && *unreachable;
    bool from_memory = how && !strcmp(how, "BackForwardCacheRestore");

    if (!f)
        return;
    if (!loader)
        loader = "";
    if (strcmp(f->loader, loader))
        drop_children(page, f->id);
    COPY(f->loader, loader);
    f->url = keep_url(f->url, error ? unreachable : url);
    set_life(f, loader, from_memory ? LIFE_ALL : 0);
    page->documents++;
    if (!strcmp(f->id, page->target))
        main_navigated(page, f, loader, error || (url && !strncmp(url, ERROR_PAGE, 13)));
    if (from_memory) { /* its frames and contexts are back without being announced */
        page->tree_known = false;
        page->loading = false;
    }
}

/* ---- events ---- */

static void attached(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    struct frame *f = frame_find(s->page, json_str(params, "frameId"));

    if (f && f->remote)
        return;
    frame_add(s->page, json_str(params, "frameId"), json_str(params, "parentFrameId"), s->id);
}

static void detached(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    const char *id = json_str(params, "frameId"), *why = json_str(params, "reason");

    if (id && (!why || strcmp(why, "swap")))
        frame_remove(s->page, id);
}

static void navigated(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    yyjson_val *frame = yyjson_obj_get(params, "frame");

    frame_navigated(s->page, s->id, frame, json_str(params, "type"));
}

static void within_document(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    struct frame *f = frame_find(s->page, json_str(params, "frameId"));

    if (!f)
        return;
    f->url = keep_url(f->url, json_str(params, "url"));
    if (strcmp(f->id, s->page->target))
        return;
    s->page->same_document++;
    s->page->url = keep_url(s->page->url, f->url);
}

static void lifecycle(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    static const struct {
        const char *name;
        unsigned life;
    } names[] = {
        { "init", 0 },
        { "DOMContentLoaded", LIFE_DOM },
        { "load", LIFE_DOM | LIFE_LOAD },
        { "networkIdle", LIFE_IDLE },
    };
    struct frame *f = frame_find(s->page, json_str(params, "frameId"));
    const char *name = json_str(params, "name"), *loader = json_str(params, "loaderId");

    for (size_t i = 0; f && name && loader && i < COUNT_OF(names); i++)
        if (!strcmp(names[i].name, name))
            set_life(f, loader, names[i].life);
}

static void started(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    const char *id = json_str(params, "frameId");

    s->page->loads_started++;
    if (id && !strcmp(id, s->page->target))
        s->page->loading = true;
}

static void requested(struct browser *b UNUSED, struct session *s, yyjson_val *params UNUSED)
{
    s->page->loads_started++;
}

static void stopped(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    const char *id = json_str(params, "frameId");

    if (id && !strcmp(id, s->page->target))
        s->page->loading = false;
}

static void context_created(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    yyjson_val *context = yyjson_obj_get(params, "context");
    yyjson_val *aux = yyjson_obj_get(context, "auxData");
    struct frame *f = frame_find(s->page, json_str(aux, "frameId"));
    const char *name = json_str(context, "name");

    if (!f)
        return;
    frame_add(s->page, f->id, NULL, s->id); /* this is where it lives now */
    if (json_bool(aux, "isDefault", false))
        f->context = json_int(context, "id", 0);
    else if (name && !strcmp(name, PAGE_WORLD))
        f->world = json_int(context, "id", 0);
}

static void forget_context(struct session *s, int64_t id)
{
    for (size_t i = 0; i < s->page->frame_count; i++) {
        struct frame *f = s->page->frames[i];
        if (strcmp(f->session, s->id))
            continue;
        if (!id || f->context == id)
            f->context = 0;
        if (!id || f->world == id)
            f->world = 0;
    }
}

static void context_destroyed(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    forget_context(s, json_int(params, "executionContextId", -1));
}

static void contexts_cleared(struct browser *b UNUSED, struct session *s, yyjson_val *params UNUSED)
{
    forget_context(s, 0);
}

const struct page_event_row frame_events[] = {
    { "Page.frameAttached", attached },
    { "Page.frameDetached", detached },
    { "Page.frameNavigated", navigated },
    { "Page.navigatedWithinDocument", within_document },
    { "Page.lifecycleEvent", lifecycle },
    { "Page.frameStartedLoading", started },
    { "Page.frameStartedNavigating", requested },
    { "Page.frameRequestedNavigation", requested },
    { "Page.frameStoppedLoading", stopped },
    { "Runtime.executionContextCreated", context_created },
    { "Runtime.executionContextDestroyed", context_destroyed },
    { "Runtime.executionContextsCleared", contexts_cleared },
    { NULL, NULL },
};
