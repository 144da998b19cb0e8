#include "backend/browser/fetch.h"
#include "backend/browser/har_state.h"

#include <stdlib.h>
#include <string.h>

/* ---- life ---- */

static int put(struct browser *b, struct har *h, struct err *err)
{
    struct network *n = network_of(b);

    if (!n)
        return b->over ? browser_gone(b, err) : err_oom(err);
    if (n->recording_count == HAR_RECORDINGS_MAX)
        return err_set(err, ERR_QUOTA, "%d recordings run already", HAR_RECORDINGS_MAX);
    n->recording_count++;
    list_append(&n->recordings, &h->link);
    return 0;
}

static void destroy(struct har *h)
{
    for (size_t i = 0; i < h->page_count; i++) {
        free(h->pages[i].url);
        free(h->pages[i].title);
    }
    page_unref(h->page);
    url_glob_free(h->filter);
    free(h->items);
    browser_unref(h->browser);
    free(h);
}

int har_start(struct browser *b, const struct har_options *o, struct har **out, struct err *err)
{
    struct har *h = calloc(1, sizeof(*h));
    int r;

    if (!h)
        return err_oom(err);
    h->refs = 1;
    h->bodies = o->bodies;
    h->redact = o->redact;
    browser_ref(b);
    h->browser = b;
    h->page = o->page ? page_ref(o->page) : NULL;
    r = o->filter ? url_glob_new(o->filter, &h->filter, err) : 0;
    if (!r) {
        pthread_mutex_lock(&b->lock);
        r = put(b, h, err);
        pthread_mutex_unlock(&b->lock);
    }
    if (r) {
        destroy(h);
        return -1;
    }
    *out = h;
    return 0;
}

static void let_go(const struct har *h, struct net_entry *e)
{
    if (h->bodies && e->body && !--e->body->users) {
        har_body_free(e->body);
        e->body = NULL;
    }
    net_entry_unref(e);
}

void har_free(struct har *h)
{
    struct browser *b = h ? h->browser : NULL;

    if (!h)
        return;
    pthread_mutex_lock(&b->lock);
    bool last = !--h->refs;
    if (last && h->link.next) {
        list_remove(&h->link);
        b->network->recording_count--;
    }
    for (size_t i = 0; last && i < h->count; i++)
        let_go(h, h->items[i].entry);
    pthread_mutex_unlock(&b->lock);
    if (last)
        destroy(h);
}

struct har *har_shared(struct browser *b)
{
    struct har *h;

    pthread_mutex_lock(&b->lock);
    h = b->network ? b->network->shared : NULL;
    if (h)
        h->refs++;
    pthread_mutex_unlock(&b->lock);
    return h;
}

int har_share(struct browser *b, struct har *h, struct err *err)
{
    struct har *old = NULL;
    int r = 0;

    pthread_mutex_lock(&b->lock);
    if (b->over)
        r = browser_gone(b, err);
    else if (h && b->network->shared)
        r = err_set(err, ERR_CONFLICT, "a HAR is being recorded already");
    if (!r && b->network) {
        old = b->network->shared;
        b->network->shared = h;
    }
    pthread_mutex_unlock(&b->lock);
    har_free(old);
    return r ? err_next(err, "export and stop it first") : 0;
}

void har_facts(struct har *h, struct har_facts *out)
{
    *out = (struct har_facts){ 0 };
    pthread_mutex_lock(&h->browser->lock);
    out->entries = h->count;
    out->lost = h->lost;
    for (size_t i = 0; i < h->count; i++) {
        const struct har_body *body = h->items[i].entry->body;
        if (!body || !body->data)
            continue;
        out->bodies++;
        out->body_bytes += (uint64_t)body->size;
    }
    pthread_mutex_unlock(&h->browser->lock);
}

/* ---- what happens ---- */

static int page_index(const struct har *h, const struct page *page)
{
    for (size_t i = h->page_count; i; i--)
        if (!strcmp(h->pages[i - 1].page_id, page->id))
            return (int)i - 1;
    return -1;
}

static void keep_title(struct har *h, const struct page *page)
{
    int i = page_index(h, page);
    char *title = i < 0 ? NULL : strdup(page->title ? page->title : "");

    if (!title)
        return;
    free(h->pages[i].title);
    h->pages[i].title = title;
}

/* A document of a page begins, its redirects included in it. */
static void begin_page(struct har *h, const struct page *page, const struct net_entry *e)
{
    struct har_page *p;

    if (!e->r.main_document || net_find_older(e))
        return;
    keep_title(h, page);
    if (h->page_count == HAR_PAGES_MAX)
        return;
    p = &h->pages[h->page_count++];
    *p = (struct har_page){ .wall_ms = e->r.wall_ms, .sent = e->sent, .dom_ms = -1, .load_ms = -1 };
    COPY(p->page_id, page->id);
    p->url = keep_url(NULL, e->r.url);
}

static bool make_room(struct har *h)
{
    size_t cap = h->cap ? h->cap * 2 : 64;
    struct har_item *items;

    if (h->count < h->cap)
        return true;
    items = h->count < HAR_ENTRIES_MAX ? realloc(h->items, cap * sizeof(*items)) : NULL;
    if (!items)
        return false;
    h->items = items;
    h->cap = cap;
    return true;
}

static bool is_wanted(const struct har *h, const struct page *page, const struct net_entry *e)
{
    return (!h->page || h->page == page) && (!h->filter || url_glob_matches(h->filter, e->r.url));
}

static void want_body(struct browser *b, struct har *h, struct net_entry *e)
{
    struct har_body *body = e->body;

    if (!h->bodies)
        return;
    if (!body)
        e->body = body = calloc(1, sizeof(*body));
    if (!body)
        return;
    body->users++;
    body->total = &b->network->body_bytes;
    if (body->wanted < h->bodies)
        body->wanted = h->bodies;
}

void har_began(struct browser *b, struct page *page, struct net_entry *e)
{
    if (!b->network)
        return;
    list_each(link, &b->network->recordings)
    {
        struct har *h = list_of(link, struct har, link);
        if (!h->page || h->page == page)
            begin_page(h, page, e);
        if (!is_wanted(h, page, e))
            continue;
        if (h->detail > HAR_DETAIL_MAX || !make_room(h)) {
            h->lost++;
            continue;
        }
        h->items[h->count++] = (struct har_item){ net_entry_ref(e), page_index(h, page) };
        h->detail += e->bytes;
        want_body(b, h, e);
    }
}

static void count_details(struct browser *b, const struct net_entry *e)
{
    list_each(link, &b->network->recordings)
    {
        struct har *h = list_of(link, struct har, link);
        if (is_wanted(h, h->page, e))
            h->detail += e->r.response.len;
    }
}

void har_ended(struct browser *b, struct net_entry *e)
{
    if (!b->network || e->refs == 1)
        return;
    count_details(b, e);
    if (e->body)
        har_fetch_body(b, e);
}

void har_milestone(struct browser *b, struct page *page, bool load, double now)
{
    if (!b->network)
        return;
    list_each(link, &b->network->recordings)
    {
        struct har *h = list_of(link, struct har, link);
        int i = page_index(h, page);
        struct har_page *p = i < 0 ? NULL : &h->pages[i];
        if (!p || now < p->sent)
            continue;
        *(load ? &p->load_ms : &p->dom_ms) = (now - p->sent) * 1000;
        keep_title(h, page);
    }
}

void har_titles(struct har *h)
{
    for (size_t i = 0; i < h->browser->page_count; i++)
        keep_title(h, h->browser->pages[i]);
}
