#include "backend/browser/storage.h"
#include "backend/browser/state.h"
#include "backend/browser/world.h"

#include <stdlib.h>
#include <string.h>

/* ---- cookies ---- */

static int params_of_context(struct page *page, struct jw *w)
{
    jw_obj(w);
    if (*page->context)
        jw_kstr(w, "browserContextId", page->context);
    return 0;
}

int storage_cookies(struct page *page, const char *url, struct call *call, struct cdp_reply *reply,
                    yyjson_val **cookies, struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(BROWSER_URL_MAX * 8);
    struct jw w = JW(&params, err);
    int r;

    if (url) {
        jw_obj(&w);
        jw_key(&w, "urls");
        jw_arr(&w);
        jw_str(&w, url);
        jw_aend(&w);
    } else {
        params_of_context(page, &w);
    }
    jw_end(&w);
    if (jw_done(&w))
        return -1;
    r = url ? page_call(page, NULL, "Network.getCookies", params.data, 0, call, reply, err)
            : cdp_call(page->browser->cdp, "", "Storage.getCookies", params.data, 0, call, reply,
                       err);
    *cookies = r ? NULL : yyjson_obj_get(reply->result, "cookies");
    return r;
}

int storage_set_cookies(struct page *page, const char *cookies, struct call *call, struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(STORAGE_MAX);
    struct jw w = JW(&params, err);

    params_of_context(page, &w);
    jw_kraw(&w, "cookies", cookies);
    jw_end(&w);
    return jw_done(&w) || cdp_call(page->browser->cdp, "", "Storage.setCookies", params.data, 0,
                                   call, NULL, err)
               ? -1
               : 0;
}

static int delete_one(struct page *page, yyjson_val *cookie, struct call *call, struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(64 * 1024);
    struct jw w = JW(&params, err);
    yyjson_val *partition = yyjson_obj_get(cookie, "partitionKey");

    jw_obj(&w);
    jw_kstr(&w, "name", json_str(cookie, "name"));
    jw_kstr(&w, "domain", json_str(cookie, "domain"));
    jw_kstr(&w, "path", json_str(cookie, "path"));
    if (partition) {
        jw_key(&w, "partitionKey");
        jw_val(&w, partition);
    }
    jw_end(&w);
    return jw_done(&w) ||
                   page_call(page, NULL, "Network.deleteCookies", params.data, 0, call, NULL, err)
               ? -1
               : 0;
}

int storage_delete_cookie(struct page *page, const char *name, const char *url, struct call *call,
                          size_t *deleted, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *all, *one;
    size_t i, n;

    *deleted = 0;
    if (storage_cookies(page, url, call, &reply, &all, err))
        return -1;
    yyjson_arr_foreach (all, i, n, one) {
        const char *is = json_str(one, "name");
        if (!is || strcmp(is, name))
            continue;
        if (delete_one(page, one, call, err))
            return -1;
        ++*deleted;
    }
    return 0;
}

int storage_clear_cookies(struct page *page, struct call *call, struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(256);
    struct jw w = JW(&params, err);

    params_of_context(page, &w);
    jw_end(&w);
    return jw_done(&w) || cdp_call(page->browser->cdp, "", "Storage.clearCookies", params.data, 0,
                                   call, NULL, err)
               ? -1
               : 0;
}

/* ---- local and session storage ---- */

/* (session, what, key, value) -> the items it is about */
static const char js_items[] =
    "function(session,what,key,value){let s;try{s=session?sessionStorage:localStorage}"
    "catch(e){throw 'this page has no storage'}const out=[];"
    "const put=k=>out.push({key:k,value:s.getItem(k)});"
    "const all=()=>{for(let i=0;i<s.length;i++)put(s.key(i))};"
    "if(what==0)all();else if(what==1){if(s.getItem(key)!==null)put(key)}"
    "else if(what==2){s.setItem(key,value);put(key)}"
    "else if(what==3){if(s.getItem(key)!==null)put(key);s.removeItem(key)}"
    "else{all();s.clear()}return out}";

static int items_in(struct page *page, const char *frame, bool session, enum storage_do what,
                    const char *key, const char *value, struct call *call, struct cdp_reply *reply,
                    yyjson_val **items, struct err *err)
{
    AUTO(buf) struct buf args = BUF_MAX(STORAGE_MAX);
    struct jw w = JW(&args, err);

    jw_arr(&w);
    jw_bool(&w, session);
    jw_int(&w, what);
    jw_str(&w, key);
    jw_str(&w, value);
    jw_aend(&w);
    return jw_done(&w) || world_call(page, frame, js_items, args.data, 0, call, reply, items, err)
               ? -1
               : 0;
}

int storage_items(struct page *page, bool session, enum storage_do what, const char *key,
                  const char *value, struct call *call, struct cdp_reply *reply, yyjson_val **items,
                  struct err *err)
{
    struct err why = { 0 };

    if (!items_in(page, NULL, session, what, key, value, call, reply, items, &why))
        return 0;
    if (why.code == ERR_INVALID && strstr(why.msg, "has no storage")) {
        err_set(err, ERR_DENIED, "this page has no storage");
        return err_next(err, "open a page of a site (http: or https:) first");
    }
    if (err)
        *err = why;
    return -1;
}

/* ---- pages of an origin without its server ---- */

/* The page's own requests are answered with nothing, see storage_visit(). */
static void paused(struct browser *b, struct session *s, yyjson_val *params)
{
    AUTO(buf) struct buf out = BUF_MAX(1024);
    struct jw w = JW(&out, NULL);

    if (!s->page->blank)
        return;
    jw_obj(&w);
    jw_kstr(&w, "requestId", json_str(params, "requestId"));
    jw_kint(&w, "responseCode", 200);
    jw_kraw(&w, "responseHeaders", "[{\"name\":\"Content-Type\",\"value\":\"text/html\"}]");
    jw_kstr(&w, "body", "");
    jw_end(&w);
    if (!jw_done(&w))
        browser_post(b, s->id, "Fetch.fulfillRequest", out.data);
}

const struct page_event_row storage_events[] = {
    { "Fetch.requestPaused", paused },
    { NULL, NULL },
};

int storage_visit(struct page *like, const char *origin, struct call *call, struct page **out,
                  struct err *err)
{
    AUTO_PTR(page) struct page *page = NULL;
    struct page_goto how = { .go = PAGE_GOTO, .url = origin, .wait = PAGE_WAIT_COMMIT };
    struct page_info info;
    struct page_went went;

    page_info(like, &info);
    if (browser_open(like->browser, info.context, call, &page, err))
        return -1;
    pthread_mutex_lock(&page->browser->lock);
    page->blank = true;
    pthread_mutex_unlock(&page->browser->lock);
    if (page_call(page, NULL, "Network.setBypassServiceWorker", "{\"bypass\":true}", 0, call, NULL,
                  err) ||
        page_call(page, NULL, "Fetch.enable", "{\"patterns\":[{\"urlPattern\":\"*\"}]}", 0, call,
                  NULL, err) ||
        page_navigate(page, &how, call, &went, err)) {
        (void)!page_close(page, call, NULL);
        return err_wrap(err, "open %s", origin);
    }
    *out = TAKE(page);
    return 0;
}

int storage_items_of(struct page *page, const char *frame, enum storage_do what, const char *key,
                     const char *value, struct call *call, struct cdp_reply *reply,
                     yyjson_val **items, struct err *err)
{
    return items_in(page, frame, false, what, key, value, call, reply, items, err);
}
