#include "backend/local/local.h"
#include "backend/local/query.h"
#include "base/cleanup.h"

#include <stdio.h>

static int version(struct local_sandbox *sb, struct sandbox_info *res, struct err *err)
{
    char text[64];

    sandbox_browser_version(&sb->base, text);
    return *text ? sandbox_info_add(res, "browser.version", err, "%s", text) : 0;
}

static int running(const struct query *q, struct sandbox_info *res, struct err *err)
{
    unsigned long long count = 0, kb = 0;

    if (sscanf(query_get(q, "browser"), "%llu %llu", &count, &kb) != 2 || !count)
        return 0;
    return sandbox_info_add(res, "browser.processes", err, "%llu", count) ||
                   sandbox_info_add(res, "browser.memory_mb", err, "%llu", kb / 1024)
               ? -1
               : 0;
}

int local_browser_info(struct local_sandbox *sb, const struct agent *a, const struct query *q,
                       struct sandbox_info *res, struct err *err)
{
    const struct browser_place *place = &sb->backend->browser;
    struct err missing = { 0 };
    bool bare;

    if (!place->program) {
        browser_place_missing(place, &missing);
        return sandbox_info_add(res, "browser", err, "none: %s; %s", missing.msg, missing.next);
    }
    pthread_mutex_lock(&sb->lock);
    bare = sb->bare_browser;
    pthread_mutex_unlock(&sb->lock);
    if (sandbox_info_add(res, "browser", err, "%s", place->program) || version(sb, res, err) ||
        running(q, res, err))
        return -1;
    if (bare && strings_addf(&res->degraded, err,
                             "browser: without a sandbox of its own (--no-sandbox), %s",
                             a->host ? "as there is none for root"
                                     : "as no namespaces can be made inside this one"))
        return -1;
    if (a->host || bare)
        return 0;
    return strings_addf(&res->layers, err,
                        "browser: in the sandbox under the base filter, out of reach of commands, "
                        "with Chromium's own sandbox for its pages");
}
