#include "backend/browser/chooser.h"

#include <stdlib.h>
#include <string.h>

static void opened(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    struct page *page = s->page;
    struct frame *f = frame_find(page, json_str(params, "frameId"));
    const char *mode = json_str(params, "mode");
    int64_t node = json_int(params, "backendNodeId", 0);

    if (!f)
        return;
    if (!node) {
        page_add_event(page, "file_chooser",
                       "one was opened that is no file input's: it cannot "
                       "be answered");
        return;
    }
    if (!page->chooser && !(page->chooser = malloc(sizeof(*page->chooser))))
        return;
    *page->chooser = (struct chooser){
        .open = true,
        .multiple = mode && !strcmp(mode, "selectMultiple"),
        .node = node,
    };
    COPY(page->chooser->session, s->id);
    COPY(page->chooser->frame, f->id);
    COPY(page->chooser->loader, f->loader);
    page_add_event(page, "file_chooser", "open: pass files to browser_upload, or none to cancel");
}

const struct page_event_row chooser_events[] = {
    { "Page.fileChooserOpened", opened },
    { NULL, NULL },
};

bool chooser_is_open(struct page *page)
{
    struct chooser *c = page->chooser;
    const struct frame *f = c ? frame_find(page, c->frame) : NULL;

    return c && c->open && f && !strcmp(f->loader, c->loader) && !page->closed && !page->crashed;
}

void page_chooser(struct page *page, struct page_chooser *out)
{
    pthread_mutex_lock(&page->browser->lock);
    *out = (struct page_chooser){ .open = chooser_is_open(page) };
    out->multiple = out->open && page->chooser->multiple;
    pthread_mutex_unlock(&page->browser->lock);
}

bool chooser_take(struct page *page, struct chooser *out)
{
    bool open;

    pthread_mutex_lock(&page->browser->lock);
    open = chooser_is_open(page);
    if (open) {
        *out = *page->chooser;
        page->chooser->open = false;
    }
    pthread_mutex_unlock(&page->browser->lock);
    return open;
}

void chooser_give_back(struct page *page, const struct chooser *c)
{
    pthread_mutex_lock(&page->browser->lock);
    if (page->chooser && !page->chooser->open)
        *page->chooser = *c;
    pthread_mutex_unlock(&page->browser->lock);
}

int chooser_wait(struct page *page, int64_t deadline_ms, struct call *call, struct err *err)
{
    struct browser *b = page->browser;
    struct watch w;
    int r;

    pthread_mutex_lock(&b->lock);
    r = watch_begin(b, &w, err);
    while (!r && !chooser_is_open(page) && !page->halted)
        r = watch_wait(b, &w, deadline_ms, call, err);
    watch_end(b, &w);
    if (r >= 0)
        r = !chooser_is_open(page);
    pthread_mutex_unlock(&b->lock);
    return r;
}

void chooser_free(struct chooser *c)
{
    free(c);
}
