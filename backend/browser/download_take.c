#include "backend/browser/download_state.h"
#include "base/b64.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PIECE (1024 * 1024)
#define WHOLE_MS 60000 /* of one body */

struct taking {
    struct page *page;
    struct call *call;
    int (*take)(void *context, const char *data, size_t len, struct err *err);
    void *context;
    int64_t size, deadline_ms;
    bool posted;
    char frame[PAGE_FRAME_ID], session[PAGE_FRAME_ID];
};

static int give(struct taking *t, const char *data, size_t len, struct err *err)
{
    t->size += (int64_t)len;
    if (t->size > DOWNLOAD_TAKE_MAX)
        return err_set(err, ERR_TOO_LARGE,
                       "it is larger than %d MiB, which is the most that this "
                       "browser hands over",
                       DOWNLOAD_TAKE_MAX >> 20);
    if (clock_ms() > t->deadline_ms)
        return err_set(err, ERR_TIMEOUT, "it did not come within %d s", WHOLE_MS / 1000);
    return len ? t->take(t->context, data, len, err) : 0;
}

static int give_base64(struct taking *t, const char *text, struct err *err)
{
    AUTO(buf) struct buf raw = BUF_MAX(2 * PIECE);

    if (b64_decode(&raw, text, strlen(text), err))
        return err_set(err, ERR_PROTOCOL, "the browser sent bytes that are no base64");
    return give(t, buf_str(&raw), raw.len, err);
}

/* ---- asked for again, as the page would ---- */

static int read_piece(struct taking *t, const char *stream, bool *end, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    char params[128];
    const char *data;
    yyjson_val *value;

    snprintf(params, sizeof(params), "{\"handle\":\"%.60s\",\"size\":%d}", stream, PIECE);
    if (page_call(t->page, t->session, "IO.read", params, 0, t->call, &reply, err))
        return -1;
    value = yyjson_obj_get(reply.result, "data");
    data = yyjson_get_str(value);
    *end = json_bool(reply.result, "eof", true);
    if (!data)
        return err_set(err, ERR_PROTOCOL, "the browser sent a piece without data");
    if (json_bool(reply.result, "base64Encoded", false))
        return give_base64(t, data, err);
    return give(t, data, yyjson_get_len(value), err);
}

static int from_network(struct taking *t, const char *url, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    AUTO(buf) struct buf params = BUF_MAX(8 * BROWSER_URL_MAX);
    struct jw w = JW(&params, err);
    yyjson_val *resource;
    const char *stream, *why;
    bool end = false;
    int r = 0;

    jw_obj(&w);
    jw_kstr(&w, "frameId", t->frame);
    jw_kstr(&w, "url", url);
    jw_kraw(&w, "options", "{\"disableCache\":false,\"includeCredentials\":true}");
    jw_end(&w);
    if (jw_done(&w) || page_call(t->page, t->session, "Network.loadNetworkResource", params.data,
                                 WHOLE_MS, t->call, &reply, err))
        return -1;
    resource = yyjson_obj_get(reply.result, "resource");
    stream = json_str(resource, "stream");
    why = json_str(resource, "netErrorName");
    if (!stream || strspn(stream, "0123456789abcdefABCDEF-") != strlen(stream))
        return err_set(err, ERR_UNAVAILABLE, "it could not be fetched once more: %.80s, HTTP %lld",
                       why ? why : "no answer", (long long)json_int(resource, "httpStatusCode", 0));
    while (!r && !end)
        r = read_piece(t, stream, &end, err);
    snprintf(params.data, params.cap, "{\"handle\":\"%.60s\"}", stream);
    cdp_tell(t->page->browser->cdp, t->session, "IO.close", params.data);
    return r;
}

/* ---- what only the page has: blob: and data: ---- */

static int from_page(struct taking *t, const char *url, struct err *err)
{
    static const char text[] =
        "async a=>{const w=globalThis;const k='sandbox-mcp '+a.url;"
        "if(!a.at)w[k]=await(await fetch(a.url)).blob();const b=w[k];"
        "const s=b.slice(a.at,a.at+a.size);const r=new FileReader();"
        "await new Promise((y,n)=>{r.onload=y;r.onerror=n;r.readAsDataURL(s)});"
        "const end=a.at+a.size>=b.size;if(end)delete w[k];"
        "const v=String(r.result);return[end,v.slice(v.indexOf(',')+1)]}";
    bool end = false;

    for (int64_t at = 0; !end; at += PIECE / 2) {
        AUTO(page_value) struct page_value value = { 0 };
        AUTO(buf) struct buf arg = BUF_MAX(8 * BROWSER_URL_MAX);
        AUTO_JSON yyjson_doc *doc = NULL;
        struct jw w = JW(&arg, err);
        jw_obj(&w);
        jw_kstr(&w, "url", url);
        jw_kint(&w, "at", at);
        jw_kint(&w, "size", PIECE / 2);
        jw_end(&w);
        struct page_script script = { .text = text,
                                      .frame = t->frame,
                                      .max_bytes = PAGE_RESULT_MAX };
        if (jw_done(&w))
            return -1;
        script.arg = arg.data;
        if (page_evaluate(t->page, &script, t->call, &value, err)) {
            if (err && err->code == ERR_INVALID)
                err_set(err, ERR_UNAVAILABLE, "the page no longer has what it offered");
            return -1;
        }
        doc = json_parse(buf_str(&value.json), value.json.len, err);
        const char *data = yyjson_get_str(yyjson_arr_get(yyjson_doc_get_root(doc), 1));
        end = !yyjson_is_false(yyjson_arr_get(yyjson_doc_get_root(doc), 0));
        if (!data)
            return err_set(err, ERR_UNAVAILABLE, "the page no longer has what it offered");
        if (give_base64(t, data, err))
            return -1;
    }
    return 0;
}

/* ---- both ---- */

/* The frame it came from, else the page's main one. */
static int find_page(struct taking *t, struct browser *b, const struct download *d, struct err *err)
{
    const struct download_row *row;
    struct frame *f;

    if (!*d->page || browser_page(b, d->page, &t->page, NULL))
        if (!*d->opener || browser_page(b, d->opener, &t->page, NULL))
            return err_set(err, ERR_GONE, "the page that offered it was closed");
    pthread_mutex_lock(&b->lock);
    row = download_row(b, d->id);
    f = row ? frame_find(t->page, row->frame) : NULL;
    t->posted = row && row->posted;
    COPY(t->frame, f ? f->id : t->page->target);
    COPY(t->session, f ? f->session : t->page->session);
    pthread_mutex_unlock(&b->lock);
    return 0;
}

int download_take(struct browser *b, const struct download *d, struct call *call,
                  int (*take)(void *context, const char *data, size_t len, struct err *err),
                  void *context, struct err *err)
{
    struct taking t = { .call = call, .take = take, .context = context };
    bool by_page = !strncasecmp(d->url, "blob:", 5) || !strncasecmp(d->url, "data:", 5);
    int r;

    t.deadline_ms = clock_ms() + WHOLE_MS;
    if (strlen(d->url) >= BROWSER_URL_MAX - 1)
        return err_set(err, ERR_UNSUPPORTED, "its URL is too long to be fetched once more");
    r = find_page(&t, b, d, err);
    if (!r && t.posted)
        r = err_set(err, ERR_UNSUPPORTED,
                    "it is the answer to a form that was sent, and asking for it once more would "
                    "send that again");
    if (!r)
        r = by_page ? from_page(&t, d->url, err) : from_network(&t, d->url, err);
    page_unref(t.page);
    return r;
}
