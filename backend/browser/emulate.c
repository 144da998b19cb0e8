#include "backend/browser/emulate.h"
#include "backend/browser/fetch.h"
#include "backend/browser/state.h"

#include <stdlib.h>
#include <string.h>

enum { MAIN = 1, FRAMES = 2, WORKERS = 4, EVERY = 7 };

static const struct emulation none;

/* ---- what is sent: params of the method, or NULL to clear by that method's own default ---- */

static void viewport(struct jw *w, const struct emulation *e)
{
    jw_kint(w, "width", e->viewport.width);
    jw_kint(w, "height", e->viewport.height);
    jw_knum(w, "deviceScaleFactor", e->viewport.scale > 0 ? e->viewport.scale : 1);
    jw_kbool(w, "mobile", e->viewport.mobile);
    if (e->viewport.width) {
        jw_kint(w, "screenWidth", e->viewport.width);
        jw_kint(w, "screenHeight", e->viewport.height);
    }
}

static void touch(struct jw *w, const struct emulation *e)
{
    jw_kbool(w, "enabled", e->touch.on);
    jw_kint(w, "maxTouchPoints", 5);
}

static void user_agent(struct jw *w, const struct emulation *e)
{
    jw_kstr(w, "userAgent", e->user_agent.agent);
    if (*e->locale.name)
        jw_kstr(w, "acceptLanguage", e->locale.name);
}

static void feature(struct jw *w, const char *name, const char *value)
{
    jw_obj(w);
    jw_kstr(w, "name", name);
    jw_kstr(w, "value", value);
    jw_end(w);
}

static void media(struct jw *w, const struct emulation *e)
{
    jw_kstr(w, "media", e->media.type);
    jw_key(w, "features");
    jw_arr(w);
    feature(w, "prefers-color-scheme", e->media.color_scheme);
    feature(w, "prefers-reduced-motion", e->media.reduced_motion);
    jw_aend(w);
}

static void locale(struct jw *w, const struct emulation *e)
{
    if (*e->locale.name)
        jw_kstr(w, "locale", e->locale.name);
}

static void timezone_of(struct jw *w, const struct emulation *e)
{
    jw_kstr(w, "timezoneId", e->timezone.name);
}

static void geolocation(struct jw *w, const struct emulation *e)
{
    jw_knum(w, "latitude", e->geolocation.latitude);
    jw_knum(w, "longitude", e->geolocation.longitude);
    jw_knum(w, "accuracy", e->geolocation.accuracy);
}

static void conditions(struct jw *w, const struct emulation *e, bool offline)
{
    jw_kbool(w, "offline", offline);
    jw_knum(w, "latency", e->network.latency_ms);
    jw_knum(w, "downloadThroughput", e->network.down > 0 ? e->network.down : -1);
    jw_knum(w, "uploadThroughput", e->network.up > 0 ? e->network.up : -1);
}

static void network(struct jw *w, const struct emulation *e)
{
    conditions(w, e, false);
}

static void cpu(struct jw *w, const struct emulation *e)
{
    jw_knum(w, "rate", e->cpu.rate > 1 ? e->cpu.rate : 1);
}

#define PART(field) offsetof(struct emulation, field), sizeof(none.field)

/* clear: the method, without parameters, that ends it; NULL: the same one with what is zero. */
static const struct part {
    size_t offset, size;
    int who;
    const char *method, *clear;
    void (*params)(struct jw *w, const struct emulation *e);
} parts[] = {
    { PART(viewport), MAIN, "Emulation.setDeviceMetricsOverride",
      "Emulation.clearDeviceMetricsOverride", viewport },
    { PART(touch), MAIN | FRAMES, "Emulation.setTouchEmulationEnabled", NULL, touch },
    { PART(media), MAIN | FRAMES, "Emulation.setEmulatedMedia", NULL, media },
    { PART(locale), MAIN | FRAMES, "Emulation.setLocaleOverride", NULL, locale },
    { PART(timezone), MAIN | FRAMES, "Emulation.setTimezoneOverride", NULL, timezone_of },
    { PART(geolocation), MAIN | FRAMES, "Emulation.setGeolocationOverride",
      "Emulation.clearGeolocationOverride", geolocation },
    { PART(network), EVERY, "Network.emulateNetworkConditions", NULL, network },
    { PART(cpu), MAIN | FRAMES, "Emulation.setCPUThrottlingRate", NULL, cpu },
    { PART(user_agent), EVERY, "Emulation.setUserAgentOverride", NULL, user_agent },
};

static bool differs(const struct part *p, const struct emulation *a, const struct emulation *b)
{
    return memcmp((const char *)a + p->offset, (const char *)b + p->offset, p->size) != 0;
}

void emulation_conditions(const struct page *page, bool offline, char out[EMULATION_CONDITIONS])
{
    AUTO(buf) struct buf params = BUF_MAX(EMULATION_CONDITIONS);
    struct jw w = JW(&params, NULL);

    jw_obj(&w);
    conditions(&w, page && page->emulation ? page->emulation : &none, offline);
    jw_end(&w);
    copy_text(out, EMULATION_CONDITIONS, jw_done(&w) ? "{}" : params.data);
}

/* Where the network is off, fetch.c tells it, and what is set here once it is on again. */
static bool is_left(const struct part *p, const struct browser *b)
{
    return p->params == network && b->network && b->network->offline;
}

/* The agent goes with the language, which is one of its parameters. */
static bool is_agent(const struct part *p)
{
    return p->params == user_agent;
}

static bool is_changed(const struct part *p, const struct emulation *a, const struct emulation *b)
{
    return differs(p, a, b) || (is_agent(p) && memcmp(&a->locale, &b->locale, sizeof(a->locale)));
}

static const char *method_of(const struct part *p, const struct emulation *e)
{
    return p->clear && !differs(p, e, &none) ? p->clear : p->method;
}

static int params_of(const struct part *p, const struct emulation *e, struct buf *out,
                     struct err *err)
{
    struct jw w = JW(out, err);

    jw_obj(&w);
    if (method_of(p, e) == p->method)
        p->params(&w, e);
    jw_end(&w);
    return jw_done(&w);
}

/* ---- sessions ---- */

static int who_of(const struct page *page, const struct session *s)
{
    if (!strcmp(page->session, s->id))
        return MAIN;
    return strcmp(s->type, "iframe") ? WORKERS : FRAMES;
}

/* For the connection's thread: all that is set, to a session that is not running yet. */
void emulation_attached(struct browser *b, const struct page *page, const struct session *s)
{
    const struct emulation *e = page ? page->emulation : NULL;
    int who = e ? who_of(page, s) : 0;

    for (size_t i = 0; e && i < COUNT_OF(parts); i++) {
        AUTO(buf) struct buf params = BUF_MAX(4096);
        if (parts[i].who & who && is_changed(&parts[i], e, &none) && !is_left(&parts[i], b) &&
            !params_of(&parts[i], e, &params, NULL))
            browser_post(b, s->id, parts[i].method, params.data);
    }
}

/* A page that was opened by another. */
void emulation_inherit(struct page *page, const struct page *opener)
{
    if (!opener->emulation)
        return;
    page->emulation = malloc(sizeof(*page->emulation));
    if (page->emulation) {
        *page->emulation = *opener->emulation;
        page->touch = page->emulation->touch.on;
    }
}

void page_emulation(struct page *page, struct emulation *out)
{
    pthread_mutex_lock(&page->browser->lock);
    *out = page->emulation ? *page->emulation : none;
    pthread_mutex_unlock(&page->browser->lock);
}

static int keep(struct page *page, const struct emulation *want, struct err *err)
{
    bool made;

    pthread_mutex_lock(&page->browser->lock);
    if (!page->emulation)
        page->emulation = calloc(1, sizeof(*page->emulation));
    made = page->emulation;
    if (made) {
        *page->emulation = *want;
        page->touch = want->touch.on;
    }
    pthread_mutex_unlock(&page->browser->lock);
    return made ? 0 : err_oom(err);
}

/* Those it is for, the page's own left out; at most `max`. */
static size_t others(struct page *page, int who, char ids[][PAGE_FRAME_ID], size_t max)
{
    struct browser *b = page->browser;
    size_t n = 0;

    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < b->session_count && n < max; i++) {
        const struct session *s = &b->sessions[i];
        if (s->page == page && who_of(page, s) & who & ~MAIN)
            copy_text(ids[n++], PAGE_FRAME_ID, s->id);
    }
    pthread_mutex_unlock(&b->lock);
    return n;
}

/* Some may be refused where another frame of the same process has it already. */
static void tell_others(struct page *page, const struct part *p, const struct emulation *e,
                        const char *params)
{
    static const size_t max = 128;
    AUTO_FREE char(*ids)[PAGE_FRAME_ID] = calloc(max, sizeof(*ids));
    size_t n = ids ? others(page, p->who, ids, max) : 0;

    for (size_t i = 0; i < n; i++)
        cdp_tell(page->browser->cdp, ids[i], method_of(p, e), params);
}

/* A name that the browser does not know. */
static int unknown(const struct part *p, const struct emulation *e, struct err *err)
{
    if (!err || err->code != ERR_INVALID)
        return -1;
    if (p->params == timezone_of) {
        err_set(err, ERR_INVALID, "settings.timezone: \"%.63s\" is none", e->timezone.name);
        return err_next(err, "pass one such as Europe/Berlin or UTC");
    }
    if (p->params == locale) {
        err_set(err, ERR_INVALID, "settings.locale: \"%.35s\" is none", e->locale.name);
        return err_next(err, "pass one such as de-DE");
    }
    return -1;
}

static int apply(struct page *page, const struct part *p, const struct emulation *e,
                 struct call *call, struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(4096);
    bool left;

    pthread_mutex_lock(&page->browser->lock);
    left = is_left(p, page->browser);
    pthread_mutex_unlock(&page->browser->lock);
    if (left)
        return 0;
    if (params_of(p, e, &params, err))
        return -1;
    if (page_call(page, NULL, method_of(p, e), params.data, 0, call, NULL, err))
        return unknown(p, e, err);
    tell_others(page, p, e, params.data);
    return 0;
}

static int permit_location(struct page *page, bool on, struct call *call, struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(512);
    struct jw w = JW(&params, err);

    jw_obj(&w);
    jw_kraw(&w, "permission", "{\"name\":\"geolocation\"}");
    jw_kstr(&w, "setting", on ? "granted" : "prompt");
    if (*page->context)
        jw_kstr(&w, "browserContextId", page->context);
    jw_end(&w);
    return jw_done(&w) || cdp_call(page->browser->cdp, "", "Browser.setPermission", params.data, 0,
                                   call, NULL, err)
               ? -1
               : 0;
}

int page_emulate(struct page *page, const struct emulation *want, struct call *call,
                 struct err *err)
{
    struct emulation now;

    page_emulation(page, &now);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        const struct part *p = &parts[i];
        if (!is_changed(p, &now, want))
            continue;
        if (apply(page, p, want, call, err))
            return -1;
        if (p->params == geolocation && permit_location(page, want->geolocation.set, call, err))
            return -1;
        memcpy((char *)&now + p->offset, (const char *)want + p->offset, p->size);
        if (keep(page, &now, err))
            return -1;
    }
    return 0;
}
