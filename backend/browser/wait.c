#include "backend/browser/wait.h"
#include "backend/browser/element.h"
#include "backend/browser/responses.h"
#include "backend/browser/world.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_MS 300 /* what no observer sees: styles, shadow roots, values */
#define APART_MS 40 /* between two looks */
#define PROBE_MS 5000
#define BINDING "sandboxMcpChanged"

/* (text, gone): bit 1 the text is seen in this frame, bit 2 the other one is. The observer stays
 * for as long as somebody looks. */
static const char js_probe[] =
    "function(text,gone){const g=globalThis;g.smcpUntil=Date.now()+3000;"
    "if(!g.smcpObserver){let due=0;const o=g.smcpObserver=new MutationObserver(()=>{"
    "if(Date.now()>g.smcpUntil){o.disconnect();g.smcpObserver=null;return}"
    "if(!due)due=setTimeout(()=>{due=0;g." BINDING "&&g." BINDING "('')},20)});"
    "o.observe(document,{subtree:true,childList:true,characterData:true,attributes:true})}"
    "if(text===null&&gone===null)return 0;"
    "const norm=s=>(s||'').replace(/\\s+/g,' ').trim().toLowerCase();"
    "const want=[text,gone].map(s=>s===null?null:norm(s));"
    "const roots=[document.body||document.documentElement];"
    "for(let i=0;i<roots.length&&i<2000;i++){if(!roots[i])continue;"
    "const w=document.createTreeWalker(roots[i],1);"
    "do{const s=w.currentNode.shadowRoot;if(s)roots.push(s)}while(w.nextNode())}"
    "const seen=w=>roots.some(r=>r&&norm(r.textContent).includes(w)&&"
    "(r.host?[...r.childNodes]:[r]).some(e=>norm(e.nodeType===3?e.data:e.innerText).includes(w)));"
    "return want.reduce((n,w,i)=>n|(w!==null&&seen(w)?1<<i:0),0)}";

struct waiting {
    struct page *page;
    const struct wait_for *what;
    struct call *call;
    struct watch watch;
    struct response_waiter waiter;
    int64_t begun_ms, deadline_ms, looked_ms, idle_since_ms;
    uint64_t idle_requests;
    bool in_page; /* scripts have to be asked */
    const char *matched;
};

/* ---- what the browser told: locked ---- */

static bool is_loaded(struct waiting *g)
{
    const struct frame *f = frame_find(g->page, g->page->target);

    return f && !strcmp(f->life_loader, f->loader) && f->life & LIFE_LOAD;
}

static bool is_idle(struct waiting *g)
{
    struct page *page = g->page;
    int64_t now_ms = clock_ms();

    if (page->in_flight_count || page->requests != g->idle_requests || !is_loaded(g)) {
        g->idle_since_ms = now_ms;
        g->idle_requests = page->requests;
        return false;
    }
    return now_ms - g->idle_since_ms >= WAIT_IDLE_MS;
}

static const char *told(struct waiting *g)
{
    const struct wait_for *what = g->what;

    if (what->state == WAIT_DIALOG && *g->page->dialog_type)
        return "dialog";
    if (what->url && wait_url_matches(what->url, g->page->url))
        return "url";
    if (g->waiter.matched)
        return "response";
    if (what->state == WAIT_LOAD && is_loaded(g))
        return "load";
    return what->state == WAIT_IDLE && is_idle(g) ? "idle" : NULL;
}

/* ---- what the page shows: without the lock ---- */

static int probe_frame(struct waiting *g, const struct page_frame *frame, int *seen,
                       struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    AUTO(buf) struct buf args = BUF_MAX(64 * 1024);
    struct jw w = JW(&args, err);
    int64_t left_ms = g->deadline_ms - clock_ms() + 200;
    yyjson_val *value;

    left_ms = left_ms > PROBE_MS ? PROBE_MS : left_ms > 1 ? left_ms : 1;
    if (page_call(g->page, frame->session, "Runtime.addBinding",
                  "{\"name\":\"" BINDING "\",\"executionContextName\":\"" PAGE_WORLD "\"}", left_ms,
                  g->call, NULL, err))
        return -1;
    jw_arr(&w);
    jw_str(&w, g->what->text);
    jw_str(&w, g->what->text_gone);
    jw_aend(&w);
    if (jw_done(&w) ||
        world_call(g->page, frame->id, js_probe, args.data, left_ms, g->call, &reply, &value, err))
        return -1;
    *seen |= (int)yyjson_get_int(value);
    return 0;
}

/* A frame that went away has nothing; a page that is busy is asked again. */
static bool passes(enum err_code code)
{
    return code == ERR_STALE || code == ERR_INVALID || code == ERR_TIMEOUT;
}

static int probe_text(struct waiting *g, int *seen, struct err *err)
{
    AUTO_FREE struct page_frame *frames = NULL;
    size_t n;

    if (page_frames(g->page, &frames, &n, err))
        return -1;
    for (size_t i = 0; i < n; i++) {
        struct err why = { 0 };
        if (!probe_frame(g, &frames[i], seen, &why))
            continue;
        if (!passes(why.code) || (i == 0 && why.code == ERR_TIMEOUT)) {
            if (err)
                *err = why;
            return -1;
        }
    }
    return 0;
}

static int ask_page(struct waiting *g, struct err *err)
{
    const struct wait_for *what = g->what;
    struct err why = { 0 };
    int seen = 0, r = 0;

    if (probe_text(g, &seen, &why))
        r = -1;
    else if (what->text && seen & 1)
        g->matched = "text";
    else if (what->text_gone && !(seen & 2))
        g->matched = "text_gone";
    else if (what->target && (r = element_look(g->page, what->target, g->call, &why)) == 0)
        g->matched = "target";
    if (r >= 0 || why.code == ERR_TIMEOUT)
        return 0;
    if (err)
        *err = why;
    return -1;
}

/* ---- */

/* Locked, on the way in and out. 1: go on waiting. */
static int look(struct waiting *g, struct err *err)
{
    int r = 0;

    if ((g->matched = told(g)))
        return 0;
    if (g->page->halted && (g->page->closed || g->page->crashed || g->in_page)) {
        pthread_mutex_unlock(&g->page->browser->lock);
        r = page_call(g->page, NULL, "Page.enable", NULL, 0, g->call, NULL, err); /* says why */
        pthread_mutex_lock(&g->page->browser->lock);
        return r ? -1 : 1;
    }
    if (g->in_page && clock_ms() - g->looked_ms >= APART_MS) {
        pthread_mutex_unlock(&g->page->browser->lock);
        r = ask_page(g, err);
        pthread_mutex_lock(&g->page->browser->lock);
        g->looked_ms = clock_ms();
    }
    return r ? -1 : !g->matched;
}

static int64_t next_look(struct waiting *g, bool poked)
{
    int64_t until_ms = g->deadline_ms, now_ms = clock_ms();

    if (g->in_page)
        until_ms = clock_earlier(until_ms, g->looked_ms + (poked ? APART_MS : LOOK_MS));
    if (g->what->state == WAIT_IDLE)
        until_ms = clock_earlier(until_ms, g->idle_since_ms + WAIT_IDLE_MS);
    return until_ms > now_ms ? until_ms : now_ms + 1;
}

static int wait_locked(struct waiting *g, struct err *err)
{
    struct browser *b = g->page->browser;
    bool poked = false;
    int r;

    if (watch_begin(b, &g->watch, err))
        return -1;
    r = response_wait(g->page, &g->waiter, g->what->response, err);
    while (!r && (r = look(g, err)) > 0 && clock_ms() < g->deadline_ms) {
        bool soon = clock_ms() - g->looked_ms < APART_MS;
        r = watch_wait(b, &g->watch, next_look(g, poked && soon), g->call, err);
        poked = !r;
        r = r < 0 ? -1 : 0;
    }
    response_wait_end(g->page, &g->waiter);
    watch_end(b, &g->watch);
    return r < 0 ? -1 : 0;
}

static int check(const struct wait_for *what, struct err *err)
{
    const char *const texts[] = { what->text, what->text_gone, what->url, what->response };
    size_t given = 0;

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        given += texts[i] != NULL;
        if (texts[i] && strlen(texts[i]) > WAIT_PATTERN_MAX)
            return err_set(err, ERR_INVALID, "a text or pattern is longer than %d bytes",
                           WAIT_PATTERN_MAX);
        if (texts[i] && !texts[i][strspn(texts[i], " \t\r\n")])
            return err_set(err, ERR_INVALID, "a text or pattern is empty");
    }
    return given || what->target || what->state
               ? 0
               : err_set(err, ERR_INVALID, "there is nothing to wait for");
}

int page_wait_for(struct page *page, const struct wait_for *what, struct call *call,
                  struct waited *out, struct err *err)
{
    struct waiting g = {
        .page = page,
        .what = what,
        .call = call,
        .begun_ms = clock_ms(),
        .in_page = what->text || what->text_gone || what->target,
    };
    int r;

    if (check(what, err))
        return -1;
    g.deadline_ms = g.begun_ms + what->timeout_ms;
    g.idle_since_ms = g.begun_ms;
    if (page_know(page, call, err) && what->state != WAIT_DIALOG)
        return -1;
    pthread_mutex_lock(&page->browser->lock);
    g.idle_requests = page->requests;
    r = wait_locked(&g, err);
    *out = (struct waited){
        .matched = g.matched,
        .status = g.waiter.status,
        .in_flight = page->in_flight_count,
        .elapsed_ms = clock_ms() - g.begun_ms,
    };
    COPY(out->url, g.waiter.url);
    pthread_mutex_unlock(&page->browser->lock);
    free(g.waiter.url);
    return r;
}

int page_wait_time(struct page *page, int64_t ms, struct call *call, struct waited *out,
                   struct err *err)
{
    struct browser *b = page->browser;
    int64_t begun_ms = clock_ms();
    struct watch w;
    int r;

    pthread_mutex_lock(&b->lock);
    r = watch_begin(b, &w, err);
    while (!r && !page->closed && !page->crashed && clock_ms() < begun_ms + ms)
        r = watch_wait(b, &w, begun_ms + ms, call, err);
    watch_end(b, &w);
    *out = (struct waited){ .matched = "time_s", .elapsed_ms = clock_ms() - begun_ms };
    pthread_mutex_unlock(&b->lock);
    return r < 0 ? -1 : 0;
}
