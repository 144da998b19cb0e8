#include "backend/browser/har_writer.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define WAIT_MS 5000 /* for bodies that are being read */

/* ---- the file ---- */

static int take(const struct har_item *item, struct har_moment *m, struct err *err)
{
    const struct har_body *body = item->entry->body;

    m->page = item->page;
    if (net_request_copy(&m->r, &item->entry->r, err))
        return -1;
    if (body)
        COPY(m->why, body->why);
    if (!body || !body->data)
        return 0;
    m->data = malloc(body->len + 1);
    if (!m->data)
        return err_oom(err);
    memcpy(m->data, body->data, body->len + 1);
    m->len = body->len;
    m->size = body->size;
    m->base64 = body->base64;
    m->has_body = true;
    return 0;
}

static void put_page(struct har_writer *h, const struct har_page *p, size_t index)
{
    char when[CLOCK_ISO_SIZE], id[32];

    snprintf(id, sizeof(id), "page_%zu", index + 1);
    jw_obj(&h->w);
    jw_kstr(&h->w, "startedDateTime", clock_iso(p->wall_ms, when));
    jw_kstr(&h->w, "id", id);
    if (p->title && *p->title)
        jw_kstr(&h->w, "title", p->title);
    else
        har_put_redacted(h, "title", p->url ? p->url : "");
    jw_key(&h->w, "pageTimings");
    jw_obj(&h->w);
    jw_knum(&h->w, "onContentLoad", p->dom_ms);
    jw_knum(&h->w, "onLoad", p->load_ms);
    jw_end(&h->w);
    jw_end(&h->w);
}

static void put_head(struct har_writer *h, struct har *har)
{
    const char *version_text = har->browser->version, *slash = strchr(version_text, '/');

    jw_kstr(&h->w, "version", "1.2");
    jw_key(&h->w, "creator");
    jw_obj(&h->w);
    jw_kstr(&h->w, "name", "sandbox-mcp");
    jw_kstr(&h->w, "version", VERSION);
    jw_end(&h->w);
    jw_key(&h->w, "browser");
    jw_obj(&h->w);
    jw_kstr(&h->w, "name", "Chromium");
    jw_kstr(&h->w, "version", slash ? slash + 1 : version_text);
    jw_end(&h->w);
    jw_key(&h->w, "pages");
    jw_arr(&h->w);
    pthread_mutex_lock(&har->browser->lock);
    har_titles(har);
    for (size_t i = 0; i < har->page_count; i++)
        put_page(h, &har->pages[i], i);
    pthread_mutex_unlock(&har->browser->lock);
    jw_aend(&h->w);
}

static int put_entries(struct har_writer *h, struct har *har, struct call *call, struct err *err)
{
    bool more = true;

    jw_key(&h->w, "entries");
    jw_arr(&h->w);
    for (size_t i = 0; more; i++) {
        AUTO(har_moment) struct har_moment m = { 0 };
        if (call && call_check(call, err))
            return -1;
        pthread_mutex_lock(&har->browser->lock);
        more = i < har->count;
        int r = more ? take(&har->items[i], &m, err) : 0;
        pthread_mutex_unlock(&har->browser->lock);
        if (r)
            return -1;
        if (more)
            har_put_entry(h, &m);
    }
    jw_aend(&h->w);
    return 0;
}

/* Locked. Bodies of those that ended. */
static bool is_reading(const struct har *har)
{
    for (size_t i = har->count; i; i--) {
        const struct har_body *body = har->items[i - 1].entry->body;
        if (body && body->asked && !body->read)
            return true;
    }
    return false;
}

static int wait_for_bodies(struct har *har, struct call *call, struct err *err)
{
    struct browser *b = har->browser;
    int64_t deadline_ms = clock_ms() + WAIT_MS;
    struct watch w;
    int r = 0;

    pthread_mutex_lock(&b->lock);
    if (!b->over && is_reading(har)) {
        r = watch_begin(b, &w, err);
        while (!r && is_reading(har))
            r = watch_wait(b, &w, deadline_ms, call, NULL);
        watch_end(b, &w);
    }
    pthread_mutex_unlock(&b->lock);
    return call ? call_check(call, err) : 0;
}

int har_write(struct har *har, bool redact, struct call *call, struct buf *out,
              struct har_facts *facts, struct err *err)
{
    struct har_writer h = { .w = JW(out, err), .redact = redact || har->redact, .err = err };

    if (wait_for_bodies(har, call, err))
        return -1;
    if (facts)
        har_facts(har, facts);
    jw_obj(&h.w);
    jw_key(&h.w, "log");
    jw_obj(&h.w);
    put_head(&h, har);
    if (put_entries(&h, har, call, err))
        return -1;
    if (facts && facts->lost)
        jw_kstr(&h.w, "comment", "there were more requests than are recorded");
    jw_end(&h.w);
    jw_end(&h.w);
    return jw_done(&h.w);
}
