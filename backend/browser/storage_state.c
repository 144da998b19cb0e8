#include "backend/browser/state.h"
#include "backend/browser/storage.h"

#include <stdlib.h>
#include <string.h>

/* An origin, and a frame that shows it; page NULL: none does. */
struct place {
    char origin[256];
    struct page *page; /* one reference */
    char frame[PAGE_FRAME_ID];
};

struct places {
    struct place all[STORAGE_ORIGINS_MAX];
    size_t count;
};

static void places_free(struct places *p)
{
    for (size_t i = 0; p && i < p->count; i++)
        page_unref(p->all[i].page);
    free(p);
}
DEFINE_AUTO_PTR(places, places_free);

/* "https://host:port" of a URL of a site; false of any other. */
static bool origin_of(const char *url, char out[256])
{
    size_t scheme = !strncmp(url, "http://", 7) ? 7 : !strncmp(url, "https://", 8) ? 8 : 0, n;

    n = scheme + strcspn(url + scheme, "/?#");
    if (!scheme || n == scheme || n >= 256 || memchr(url, '@', n))
        return false;
    memcpy(out, url, n);
    out[n] = '\0';
    return true;
}

static struct place *place_of(struct places *p, const char *origin)
{
    for (size_t i = 0; i < p->count; i++)
        if (!strcmp(p->all[i].origin, origin))
            return &p->all[i];
    if (p->count == STORAGE_ORIGINS_MAX)
        return NULL;
    COPY(p->all[p->count].origin, origin);
    return &p->all[p->count++];
}

static int add_frames(struct places *p, struct page *page, struct err *err)
{
    AUTO_FREE struct page_frame *frames = NULL;
    size_t n;

    if (page_frames(page, &frames, &n, err))
        return -1;
    for (size_t i = 0; i < n; i++) {
        char origin[256];
        struct place *at = origin_of(frames[i].url, origin) ? place_of(p, origin) : NULL;
        if (!at || at->page)
            continue;
        at->page = page_ref(page);
        COPY(at->frame, frames[i].id);
    }
    return 0;
}

/* What the pages of this context show now. */
static void add_pages(struct places *p, struct page *like)
{
    struct page *all[BROWSER_PAGES_MAX];
    size_t n = browser_pages(like->browser, all);

    for (size_t i = 0; i < n; i++) {
        if (!strcmp(all[i]->context, like->context))
            (void)!add_frames(p, all[i], NULL);
        page_unref(all[i]);
    }
}

static int add_origins(struct places *p, const char *const *origins, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        char origin[256];
        if (!origin_of(origins[i], origin)) {
            err_set(err, ERR_INVALID, "origins[%zu]: it is no site", i);
            return err_next(err, "pass origins such as https://example.com");
        }
        if (!place_of(p, origin))
            return err_set(err, ERR_QUOTA, "more than %d origins", STORAGE_ORIGINS_MAX);
    }
    return 0;
}

/* opened: the place had no page; it has one now, which is to be closed. */
static int stand(struct place *at, struct page *like, struct call *call, bool *opened,
                 struct err *err)
{
    *opened = !at->page;
    return at->page ? 0 : storage_visit(like, at->origin, call, &at->page, err);
}

static void leave(struct place *at, bool opened, struct call *call)
{
    if (opened && at->page)
        (void)!page_close(at->page, call, NULL);
}

/* ---- saving ---- */

static void write_items(struct jw *w, const struct place *at, yyjson_val *items)
{
    yyjson_val *one;
    size_t i, n;

    jw_obj(w);
    jw_kstr(w, "origin", at->origin);
    jw_key(w, "localStorage");
    jw_arr(w);
    yyjson_arr_foreach (items, i, n, one) {
        jw_obj(w);
        jw_kstr(w, "name", json_str(one, "key"));
        jw_kstr(w, "value", json_str(one, "value"));
        jw_end(w);
    }
    jw_aend(w);
    jw_end(w);
}

static int save_place(struct jw *w, struct place *at, struct page *like, struct call *call,
                      struct storage_count *counted, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *items = NULL;
    bool opened;
    int r;

    r = stand(at, like, call, &opened, err) ||
        storage_items_of(at->page, *at->frame ? at->frame : NULL, STORAGE_LIST, NULL, NULL, call,
                         &reply, &items, err);
    leave(at, opened, call);
    if (r && opened)
        return -1;
    if (!r && yyjson_arr_size(items)) {
        counted->origins++;
        counted->items += yyjson_arr_size(items);
        write_items(w, at, items);
    }
    return 0; /* a frame that shows a site and has no storage is left out */
}

/* As Playwright writes one. */
static void write_cookie(struct jw *w, yyjson_val *cookie)
{
    static const char *const strings[] = { "name", "value", "domain", "path" };
    const char *same_site = json_str(cookie, "sameSite");
    yyjson_val *expires = yyjson_obj_get(cookie, "expires");
    yyjson_val *partition = yyjson_obj_get(cookie, "partitionKey");

    jw_obj(w);
    for (size_t i = 0; i < COUNT_OF(strings); i++)
        jw_kstr(w, strings[i], json_str(cookie, strings[i]));
    jw_knum(w, "expires", json_bool(cookie, "session", false) ? -1 : yyjson_get_num(expires));
    jw_kbool(w, "httpOnly", json_bool(cookie, "httpOnly", false));
    jw_kbool(w, "secure", json_bool(cookie, "secure", false));
    jw_kstr(w, "sameSite", same_site ? same_site : "Lax");
    if (partition) {
        jw_key(w, "partitionKey");
        jw_val(w, partition);
    }
    jw_end(w);
}

int storage_save(struct page *page, const char *const *origins, size_t count, struct call *call,
                 struct buf *out, struct storage_count *counted, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    AUTO_PTR(places) struct places *p = calloc(1, sizeof(*p));
    struct jw w = JW(out, err);
    yyjson_val *cookies, *one;
    size_t i, n;

    *counted = (struct storage_count){ 0 };
    if (!p)
        return err_oom(err);
    add_pages(p, page);
    if (add_origins(p, origins, count, err) ||
        storage_cookies(page, NULL, call, &reply, &cookies, err))
        return -1;
    jw_obj(&w);
    jw_key(&w, "cookies");
    jw_arr(&w);
    yyjson_arr_foreach (cookies, i, n, one)
        write_cookie(&w, one);
    counted->cookies = n;
    jw_aend(&w);
    jw_key(&w, "origins");
    jw_arr(&w);
    for (i = 0; i < p->count; i++)
        if (save_place(&w, &p->all[i], page, call, counted, err))
            return -1;
    jw_aend(&w);
    jw_end(&w);
    return jw_done(&w);
}

/* ---- loading ---- */

static bool is_wanted(const char *const *only, size_t count, const char *origin)
{
    bool wanted = !count;
    char name[256];

    for (size_t i = 0; i < count && !wanted; i++)
        wanted = origin_of(only[i], name) && !strcmp(name, origin);
    return wanted;
}

/* Sent to one of these origins, by its domain. */
static bool is_sent(const char *const *only, size_t count, const char *domain)
{
    bool wanted = !count;
    size_t len;

    domain += *domain == '.';
    len = strlen(domain);
    for (size_t i = 0; i < count && !wanted; i++) {
        const char *host = strstr(only[i], "://");
        size_t n = host ? strcspn(host + 3, ":/?#") : 0;
        wanted = n >= len && len && !strncmp(host + 3 + n - len, domain, len) &&
                 (n == len || host[3 + n - len - 1] == '.');
    }
    return wanted;
}

static void copy_cookie(struct jw *w, yyjson_val *cookie)
{
    static const char *const keys[] = { "name",     "value",  "domain",   "path",
                                        "httpOnly", "secure", "sameSite", "partitionKey" };
    yyjson_val *expires = yyjson_obj_get(cookie, "expires"), *v;

    jw_obj(w);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        v = yyjson_obj_get(cookie, keys[i]);
        if (!v || yyjson_is_null(v))
            continue;
        jw_key(w, keys[i]);
        jw_val(w, v);
    }
    if (yyjson_is_num(expires) && yyjson_get_num(expires) > 0)
        jw_knum(w, "expires", yyjson_get_num(expires));
    jw_end(w);
}

static int load_cookies(struct page *page, yyjson_val *cookies, const char *const *only,
                        size_t count, struct call *call, struct storage_count *counted,
                        struct err *err)
{
    AUTO(buf) struct buf list = BUF_MAX(STORAGE_MAX);
    struct jw w = JW(&list, err);
    yyjson_val *one;
    size_t i, n;

    if (yyjson_arr_size(cookies) > STORAGE_COOKIES_MAX)
        return err_set(err, ERR_TOO_LARGE, "it has more than %d cookies", STORAGE_COOKIES_MAX);
    jw_arr(&w);
    yyjson_arr_foreach (cookies, i, n, one) {
        const char *domain = json_str(one, "domain");
        if (!domain || !json_str(one, "name") || !is_sent(only, count, domain))
            continue;
        copy_cookie(&w, one);
        counted->cookies++;
    }
    jw_aend(&w);
    if (jw_done(&w))
        return -1;
    return counted->cookies ? storage_set_cookies(page, list.data, call, err) : 0;
}

static int load_items(struct place *at, yyjson_val *items, struct call *call,
                      struct storage_count *counted, struct err *err)
{
    const char *frame = *at->frame ? at->frame : NULL;
    yyjson_val *one;
    size_t i, n;

    yyjson_arr_foreach (items, i, n, one) {
        AUTO(cdp_reply) struct cdp_reply reply = { 0 };
        const char *name = json_str(one, "name"), *value = json_str(one, "value");
        yyjson_val *ignored;
        if (!name || !value)
            return err_set(err, ERR_INVALID, "localStorage[%zu] has no name or no value", i);
        if (storage_items_of(at->page, frame, STORAGE_SET, name, value, call, &reply, &ignored,
                             err))
            return -1;
        counted->items++;
    }
    return 0;
}

static int load_origin(struct places *p, struct page *page, yyjson_val *entry,
                       const char *const *only, size_t count, struct call *call,
                       struct storage_count *counted, struct err *err)
{
    const char *url = json_str(entry, "origin");
    char origin[256];
    struct place *at;
    bool opened;
    int r;

    if (!url || !origin_of(url, origin))
        return err_set(err, ERR_INVALID, "an origin is missing or no site");
    if (!is_wanted(only, count, origin))
        return 0;
    at = place_of(p, origin);
    if (!at)
        return err_set(err, ERR_QUOTA, "more than %d origins", STORAGE_ORIGINS_MAX);
    r = stand(at, page, call, &opened, err) ||
        load_items(at, yyjson_obj_get(entry, "localStorage"), call, counted, err);
    leave(at, opened, call);
    counted->origins += !r;
    return r ? err_wrap(err, "%s", origin) : 0;
}

int storage_load(struct page *page, const char *state, size_t len, const char *const *only,
                 size_t count, struct call *call, struct storage_count *counted, struct err *err)
{
    AUTO_PTR(places) struct places *p = calloc(1, sizeof(*p));
    AUTO_JSON yyjson_doc *doc = NULL;
    yyjson_val *root, *origins, *one;
    size_t i, n;

    *counted = (struct storage_count){ 0 };
    if (!p)
        return err_oom(err);
    doc = json_parse(state, len, err);
    if (!doc)
        return -1;
    root = yyjson_doc_get_root(doc);
    origins = yyjson_obj_get(root, "origins");
    if (!yyjson_is_arr(yyjson_obj_get(root, "cookies")) && !yyjson_is_arr(origins))
        return err_set(err, ERR_INVALID, "it has neither cookies nor origins");
    if (load_cookies(page, yyjson_obj_get(root, "cookies"), only, count, call, counted, err))
        return -1;
    add_pages(p, page);
    yyjson_arr_foreach (origins, i, n, one)
        if (load_origin(p, page, one, only, count, call, counted, err))
            return -1;
    return 0;
}
