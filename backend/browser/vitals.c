#include "backend/browser/vitals.h"
#include "backend/browser/state.h"
#include "backend/browser/world.h"

#include <stdio.h>

/* What is seen from here on, and what was buffered before. */
#define WATCH                                                                           \
    "const seen={lcp:[],shift:[],event:[],task:[],paint:[]};"                           \
    "const watch=(type,to,more)=>{try{const o=new PerformanceObserver(l=>{"             \
    "for(const e of l.getEntries())if(to.length<5000)to.push(e)});"                     \
    "o.observe({type,buffered:true,...more})}catch(e){}};"                              \
    "watch('largest-contentful-paint',seen.lcp);watch('layout-shift',seen.shift);"      \
    "watch('event',seen.event,{durationThreshold:16});watch('first-input',seen.event);" \
    "watch('longtask',seen.task);watch('paint',seen.paint);"

/* In our world of every new document, before its own scripts. */
static const char js_arm[] = "(()=>{" WATCH "globalThis.seenByVitals=seen})()";

static const char js_vitals[] =
    "async function(ms){const made=()=>{" WATCH "return seen};"
    "const seen=globalThis.seenByVitals||made();"
    "await new Promise(r=>setTimeout(r,ms));"
    "const nav=performance.getEntriesByType('navigation')[0];"
    "const out={cls:0,tasks:seen.task.length,busy:0,requests:0,bytes:0};"
    "const last=seen.lcp[seen.lcp.length-1];if(last){out.lcp=last.startTime;const e=last.element;"
    "out.element=e?'<'+e.localName+(e.id?'#'+e.id:'')+'>':last.url||''}"
    "for(const p of seen.paint)if(p.name==='first-contentful-paint')out.fcp=p.startTime;"
    "let sum=0,first=-1e9,prev=-1e9;for(const s of seen.shift){if(s.hadRecentInput)continue;"
    "if(s.startTime-prev>1000||s.startTime-first>5000){sum=0;first=s.startTime}"
    "prev=s.startTime;sum+=s.value;if(sum>out.cls)out.cls=sum}"
    "const acts=new Map;for(const e of seen.event)if(e.interactionId)acts.set(e.interactionId,"
    "Math.max(acts.get(e.interactionId)||0,e.duration));"
    "const times=[...acts.values()].sort((a,b)=>b-a);"
    "if(times.length)out.inp=times[Math.min(times.length-1,Math.floor(times.length/50))];"
    "for(const t of seen.task)out.busy+=t.duration;"
    "for(const r of performance.getEntriesByType('resource')){out.requests++;"
    "out.bytes+=r.transferSize||0}"
    "if(nav){out.ttfb=nav.responseStart;out.requests++;out.bytes+=nav.transferSize||0;"
    "if(nav.domContentLoadedEventEnd)out.dom=nav.domContentLoadedEventEnd;"
    "if(nav.loadEventEnd)out.load=nav.loadEventEnd}return out}";

int page_vitals_arm(struct page *page, struct call *call, char id[VITALS_ID], struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    AUTO(buf) struct buf params = BUF_MAX(8192);
    struct jw w = JW(&params, err);

    jw_obj(&w);
    jw_kstr(&w, "source", js_arm);
    jw_kstr(&w, "worldName", PAGE_WORLD);
    jw_end(&w);
    if (jw_done(&w) || page_call(page, NULL, "Page.addScriptToEvaluateOnNewDocument", params.data,
                                 0, call, &reply, err))
        return -1;
    copy_text(id, VITALS_ID, json_str(reply.result, "identifier"));
    return 0;
}

void page_vitals_disarm(struct page *page, const char *id)
{
    AUTO(buf) struct buf params = BUF_MAX(256);
    struct jw w = JW(&params, NULL);

    jw_obj(&w);
    jw_kstr(&w, "identifier", id);
    jw_end(&w);
    if (!jw_done(&w))
        cdp_tell(page->browser->cdp, page->session, "Page.removeScriptToEvaluateOnNewDocument",
                 params.data);
}

static double number(yyjson_val *of, const char *key, double otherwise)
{
    yyjson_val *v = yyjson_obj_get(of, key);

    return yyjson_is_num(v) ? yyjson_get_num(v) : otherwise;
}

int page_vitals(struct page *page, int64_t watch_ms, struct call *call, struct vitals *out,
                struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *v;
    char args[32];

    snprintf(args, sizeof(args), "[%lld]", (long long)watch_ms);
    if (world_call(page, NULL, js_vitals, args, watch_ms + CDP_TIMEOUT_MS, call, &reply, &v, err))
        return -1;
    *out = (struct vitals){
        .lcp = number(v, "lcp", -1),
        .fcp = number(v, "fcp", -1),
        .ttfb = number(v, "ttfb", -1),
        .dom = number(v, "dom", -1),
        .load = number(v, "load", -1),
        .inp = number(v, "inp", -1),
        .cls = number(v, "cls", 0),
        .long_tasks_ms = number(v, "busy", 0),
        .long_tasks = (int64_t)number(v, "tasks", 0),
        .requests = (int64_t)number(v, "requests", 0),
        .bytes = (int64_t)number(v, "bytes", 0),
    };
    COPY(out->lcp_element, json_str(v, "element"));
    return 0;
}
