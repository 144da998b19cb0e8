#include "transport/download.h"
#include "transport/http_request.h"
#include "transport/limit.h"

#include <string.h>

bool download_path(const struct http_core *core, const char *path)
{
    return core->downloads && !strncmp(path, DOWNLOAD_PATH, sizeof(DOWNLOAD_PATH) - 1);
}

/* The page with the button is sandboxed, so that its origin is nobody's. */
static void forget_own_origin(struct http_request *r)
{
    const char **origin = &r->headers.value[HEADER_ORIGIN];

    if (r->method == HTTP_POST && *origin && !strcmp(*origin, "null"))
        *origin = NULL;
}

enum verdict download_judge(struct http_core *core, struct http_request *r)
{
    bool known = r->method == HTTP_GET || r->method == HTTP_HEAD || r->method == HTTP_POST;
    enum verdict v = known ? VERDICT_PASS : VERDICT_DOWNLOAD_METHOD;

    r->download = r->path + sizeof(DOWNLOAD_PATH) - 1;
    forget_own_origin(r);
    if (!v)
        v = guard_source(&core->guard, &r->headers);
    if (!v && r->length)
        v = VERDICT_TOO_LARGE;
    if (!v && atomic_load(&core->stopping))
        v = VERDICT_STOPPING;
    if (!v &&
        !ticket_file(core->downloads, r->download, DOWNLOAD_PURPOSE, false, &r->who, &r->file))
        v = VERDICT_DOWNLOAD;
    if (!v)
        r->wait_ms = limit_take(core->limit, r->who.principal, r->started_us);
    return r->wait_ms ? VERDICT_RATE : v;
}

bool download_asks(const char *accept, const char *agent)
{
    static const char *const previewers[] = { "bot",   "preview",  "externalhit", "embed",
                                              "slack", "whatsapp", "crawl",       "spider" };

    if (accept && strcasestr(accept, "text/html"))
        return true;
    for (size_t i = 0; agent && i < COUNT_OF(previewers); i++)
        if (strcasestr(agent, previewers[i]))
            return true;
    return false;
}

void download_over(struct http_core *core, struct http_request *r)
{
    if (r->downloads)
        atomic_fetch_sub(&core->downloading, 1);
    handout_unref(r->file);
}
