#include "backend/browser/state.h"

#include <stdlib.h>
#include <string.h>

#define WORLD_MS 5000

/* Page.FrameTree, as of now; its depth is the browser's word, so it is bounded. */
static void take_tree(struct page *page, yyjson_val *tree, const char *parent, int depth)
{
    yyjson_val *frame = yyjson_obj_get(tree, "frame"), *child;
    const char *id = json_str(frame, "id"), *loader = json_str(frame, "loaderId");
    struct frame *f = frame_find(page, id);
    size_t i, max;

    if (!f)
        f = frame_add(page, id, parent, page->session);
    if (!f || depth > 64)
        return;
    if (loader && !f->remote) {
        COPY(f->loader, loader);
        f->url = keep_url(f->url, json_str(frame, "url"));
    }
    yyjson_arr_foreach (yyjson_obj_get(tree, "childFrames"), i, max, child)
        take_tree(page, child, id, depth + 1);
}

/* A page that was there before us, or came back from memory, has frames nobody told of. */
int page_know(struct page *page, struct call *call, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply tree = { 0 };
    bool known;

    pthread_mutex_lock(&page->browser->lock);
    known = page->tree_known;
    pthread_mutex_unlock(&page->browser->lock);
    if (known)
        return 0;
    page_fit(page, call);
    if (page_call(page, NULL, "Page.getFrameTree", NULL, WORLD_MS, call, &tree, err))
        return -1;
    pthread_mutex_lock(&page->browser->lock);
    page->tree_known = true;
    take_tree(page, yyjson_obj_get(tree.result, "frameTree"), NULL, 0);
    pthread_mutex_unlock(&page->browser->lock);
    return 0;
}

static void copy_frame(const struct frame *f, struct page_frame *out)
{
    *out = (struct page_frame){ .context = f->context, .remote = f->remote };
    COPY(out->id, f->id);
    COPY(out->parent, f->parent);
    COPY(out->session, f->session);
    COPY(out->loader, f->loader);
    COPY(out->url, f->url);
}

/* Locked. Below `parent`, in the order they came. */
static size_t copy_below(struct page *page, const char *parent, struct page_frame *out, size_t n)
{
    for (size_t i = 0; i < page->frame_count && n < page->frame_count; i++) {
        const struct frame *f = page->frames[i];
        if (strcmp(f->parent, parent) || !strcmp(f->id, page->target))
            continue;
        copy_frame(f, &out[n++]);
    }
    return n;
}

int page_frames(struct page *page, struct page_frame **out, size_t *count, struct err *err)
{
    struct frame *top;
    size_t n = 0;

    if (page_know(page, NULL, err))
        return -1;
    pthread_mutex_lock(&page->browser->lock);
    struct page_frame *all = calloc(page->frame_count ? page->frame_count : 1, sizeof(*all));
    top = frame_find(page, page->target);
    if (all && top) {
        copy_frame(top, &all[n++]);
        for (size_t i = 0; i < n; i++)
            n = copy_below(page, all[i].id, all, n);
    }
    pthread_mutex_unlock(&page->browser->lock);
    if (!all)
        return err_oom(err);
    *out = all;
    *count = n;
    return 0;
}

int page_world(struct page *page, const struct page_frame *frame, struct call *call,
               int64_t *context, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply made = { 0 };
    struct err why = { 0 };
    char params[192];
    struct frame *f;

    pthread_mutex_lock(&page->browser->lock);
    f = frame_find(page, frame->id);
    if (f && strcmp(f->session, frame->session))
        f = NULL;
    *context = f ? f->world : 0;
    pthread_mutex_unlock(&page->browser->lock);
    if (*context)
        return 0;
    snprintf(params, sizeof(params), "{\"frameId\":\"%s\",\"worldName\":\"" PAGE_WORLD "\"}",
             frame->id);
    if (page_call(page, frame->session, "Page.createIsolatedWorld", params, WORLD_MS, call, &made,
                  &why)) {
        if (why.code == ERR_INVALID)
            err_set(&why, ERR_STALE, "the frame was replaced meanwhile");
        if (err)
            *err = why;
        return -1;
    }
    *context = json_int(made.result, "executionContextId", 0);
    return *context ? 0 : err_set(err, ERR_PROTOCOL, "the browser made a context without an id");
}
