#include "backend/browser/emulate.h"
#include "tools.gen.h"
#include "tools/browsing.h"
#include "tools/render.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Sizes in CSS pixels, as the makers' pages for developers name them. */
static const struct device {
    const char *name;
    int width, height;
    double scale;
    bool phone;
    const char *system, *model; /* of the user agent; NULL: the browser's own */
} devices[] = {
    { "iPhone SE", 375, 667, 2, true, "iPhone OS 17_5", "iPhone" },
    { "iPhone 15", 393, 852, 3, true, "iPhone OS 17_5", "iPhone" },
    { "iPhone 15 Pro Max", 430, 932, 3, true, "iPhone OS 17_5", "iPhone" },
    { "iPad", 820, 1180, 2, true, "OS 17_5", "iPad" },
    { "Pixel 8", 412, 915, 2.625, true, "14", "Pixel 8" },
    { "Galaxy S24", 360, 780, 3, true, "14", "SM-S921B" },
    { "Laptop", 1366, 768, 1, false, NULL, NULL },
    { "Desktop", 1920, 1080, 1, false, NULL, NULL },
};

static const char *const color_schemes[] = { "light", "dark", "no-preference" };
static const char *const motions[] = { "reduce", "no-preference" };
static const char *const media[] = { "screen", "print" };

#define PUT(field, text) snprintf((field), sizeof(field), "%s", (text))

static void agent_of(const struct device *d, const char *version, char out[EMULATE_TEXT_MAX])
{
    *out = '\0';
    if (!d->system)
        return;
    if (!strncmp(d->model, "iP", 2))
        snprintf(out, EMULATE_TEXT_MAX,
                 "Mozilla/5.0 (%s; CPU %s like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                 "Version/17.5 Mobile/15E148 Safari/604.1",
                 d->model, d->system);
    else
        snprintf(out, EMULATE_TEXT_MAX,
                 "Mozilla/5.0 (Linux; Android %s; %s) AppleWebKit/537.36 (KHTML, like Gecko) %s "
                 "Mobile Safari/537.36",
                 d->system, d->model, version);
}

static int unknown_device(const char *name, struct err *err)
{
    AUTO(buf) struct buf names = BUF_MAX(1024);

    for (size_t i = 0; i < COUNT_OF(devices); i++)
        if (buf_addf(&names, err, "%s%s", i ? ", " : "", devices[i].name))
            return -1;
    err_set(err, ERR_INVALID, "settings.device: \"%s\" is unknown", name);
    return err_next(err, "pass one of %s, or viewport and user_agent", names.data);
}

static int use_device(struct emulation *e, const char *name, const char *version, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(devices); i++) {
        const struct device *d = &devices[i];
        if (strcasecmp(d->name, name))
            continue;
        e->viewport.width = d->width;
        e->viewport.height = d->height;
        e->viewport.scale = d->scale;
        e->viewport.mobile = d->phone;
        e->touch.on = d->phone;
        agent_of(d, version, e->user_agent.agent);
        return 0;
    }
    return unknown_device(name, err);
}

#define RESET(name, field)                                                              \
    {                                                                                   \
        name, offsetof(struct emulation, field), sizeof(((struct emulation *)0)->field) \
    }

static const struct {
    const char *name;
    size_t offset, size;
} resets[] = {
    RESET("all", viewport),          RESET("device", viewport),
    RESET("viewport", viewport),     RESET("touch", touch),
    RESET("user_agent", user_agent), RESET("color_scheme", media.color_scheme),
    RESET("media", media.type),      RESET("reduced_motion", media.reduced_motion),
    RESET("locale", locale),         RESET("timezone", timezone),
    RESET("network", network),       RESET("geolocation", geolocation),
    RESET("cpu_slowdown", cpu),
};

static int reset_one(struct emulation *e, const char *name, struct err *err)
{
    size_t i = 0;

    while (i < COUNT_OF(resets) && strcmp(resets[i].name, name) != 0)
        i++;
    if (i == COUNT_OF(resets)) {
        err_set(err, ERR_INVALID, "reset: \"%.24s\" is no setting", name);
        return err_next(err, "pass names of settings, e.g. viewport, locale, or all");
    }
    memset((char *)e + resets[i].offset, 0, resets[i].size);
    if (!strcmp(name, "all"))
        memset(e, 0, sizeof(*e));
    if (!strcmp(name, "device")) {
        memset(&e->touch, 0, sizeof(e->touch));
        memset(&e->user_agent, 0, sizeof(e->user_agent));
    }
    return 0;
}

static void use_sizes(struct emulation *e, const struct browser_emulate_settings *s)
{
    if (s->has_viewport) {
        e->viewport.width = (int)s->viewport.width;
        e->viewport.height = (int)s->viewport.height;
        e->viewport.scale = s->viewport.scale;
        e->viewport.mobile = s->viewport.mobile;
    }
    if (s->has_geolocation) {
        e->geolocation.set = true;
        e->geolocation.latitude = s->geolocation.latitude;
        e->geolocation.longitude = s->geolocation.longitude;
        e->geolocation.accuracy = s->geolocation.accuracy;
    }
    if (s->has_network) {
        e->network.set = true;
        e->network.latency_ms = s->network.latency_ms;
        e->network.down = s->network.download_kbps * 125;
        e->network.up = s->network.upload_kbps * 125;
    }
    if (s->has_cpu_slowdown)
        e->cpu.rate = s->cpu_slowdown;
}

static int use_settings(struct emulation *e, const struct browser_emulate_settings *s,
                        const char *version, struct err *err)
{
    if (s->device && use_device(e, s->device, version, err))
        return -1;
    use_sizes(e, s);
    if (s->user_agent)
        PUT(e->user_agent.agent, s->user_agent);
    if (s->touch >= 0)
        e->touch.on = s->touch == BROWSER_EMULATE_SETTINGS_TOUCH_ON;
    if (s->color_scheme >= 0)
        PUT(e->media.color_scheme, color_schemes[s->color_scheme]);
    if (s->reduced_motion >= 0)
        PUT(e->media.reduced_motion, motions[s->reduced_motion]);
    if (s->media >= 0)
        PUT(e->media.type, media[s->media]);
    if (s->locale)
        PUT(e->locale.name, s->locale);
    if (s->timezone)
        PUT(e->timezone.name, s->timezone);
    return 0;
}

/* ---- what is in force ---- */

static void numbers_json(struct jw *w, const struct emulation *e)
{
    if (e->viewport.width) {
        jw_key(w, "viewport");
        jw_obj(w);
        jw_kint(w, "width", e->viewport.width);
        jw_kint(w, "height", e->viewport.height);
        jw_knum(w, "scale", e->viewport.scale);
        jw_kbool(w, "mobile", e->viewport.mobile);
        jw_end(w);
    }
    if (e->geolocation.set) {
        jw_key(w, "geolocation");
        jw_obj(w);
        jw_knum(w, "latitude", e->geolocation.latitude);
        jw_knum(w, "longitude", e->geolocation.longitude);
        jw_knum(w, "accuracy", e->geolocation.accuracy);
        jw_end(w);
    }
    if (e->network.set) {
        jw_key(w, "network");
        jw_obj(w);
        jw_knum(w, "latency_ms", e->network.latency_ms);
        jw_knum(w, "download_kbps", e->network.down / 125);
        jw_knum(w, "upload_kbps", e->network.up / 125);
        jw_end(w);
    }
    if (e->cpu.rate > 1)
        jw_knum(w, "cpu_slowdown", e->cpu.rate);
    if (e->touch.on)
        jw_kstr(w, "touch", "on");
}

static int settings_json(struct buf *out, const struct emulation *e, struct err *err)
{
    const struct {
        const char *name, *value;
    } words[] = {
        { "user_agent", e->user_agent.agent },
        { "color_scheme", e->media.color_scheme },
        { "reduced_motion", e->media.reduced_motion },
        { "media", e->media.type },
        { "locale", e->locale.name },
        { "timezone", e->timezone.name },
    };
    struct jw w = JW(out, err);

    jw_obj(&w);
    numbers_json(&w, e);
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (*words[i].value)
            jw_kstr(&w, words[i].name, words[i].value);
    jw_end(&w);
    return jw_done(&w);
}

int tool_browser_emulate(struct tool_call *call, const struct browser_emulate_args *args,
                         struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    AUTO(buf) struct buf json = BUF_MAX(16 * 1024), settings = BUF_MAX(8 * 1024);
    struct jw w = JW(&json, err);
    struct emulation e;

    if (browsing_begin(call, args->page_id, &b, err))
        return -1;
    page_emulation(b.page, &e);
    for (size_t i = 0; i < args->reset.count; i++)
        if (reset_one(&e, args->reset.items[i], err))
            return -1;
    if ((args->has_settings &&
         use_settings(&e, &args->settings, browser_version(b.browser), err)) ||
        page_emulate(b.page, &e, call->call, err) || settings_json(&settings, &e, err))
        return -1;
    jw_obj(&w);
    jw_kstr(&w, "page_id", page_id(b.page));
    jw_kraw(&w, "settings", settings.data);
    jw_end(&w);
    if (jw_done(&w) || tool_textf(call, err, "%s · in force: %s", page_id(b.page), settings.data))
        return -1;
    return tool_structured(call, &json, err);
}
