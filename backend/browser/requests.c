#include "backend/browser/state.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash(const char *id)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (; id && *id; id++)
        h = (h ^ (unsigned char)*id) * UINT64_C(1099511628211);
    return h;
}

static void forget(struct page *page, const char *id)
{
    uint64_t h = hash(id);

    for (unsigned i = 0; i < page->in_flight_count; i++)
        if (page->in_flight[i] == h)
            page->in_flight[i--] = page->in_flight[--page->in_flight_count];
}

static void remember(struct page *page, const char *id)
{
    forget(page, id);
    if (page->in_flight_count < PAGE_REQUESTS_MAX)
        page->in_flight[page->in_flight_count++] = hash(id);
}

/* Streams and beacons have no end that anybody waits for. */
static bool ends(const char *type)
{
    static const char *const endless[] = { "EventSource", "WebSocket", "Ping", "Preflight" };

    for (size_t i = 0; type && i < COUNT_OF(endless); i++)
        if (!strcmp(endless[i], type))
            return false;
    return true;
}

bool request_is_icon(yyjson_val *params)
{
    const char *type = json_str(params, "type");
    const char *by = json_str(yyjson_obj_get(params, "initiator"), "type");

    return type && by && !strcmp(type, "Other") && !strcmp(by, "other");
}

bool request_was_icon(const struct page *page, const char *id)
{
    return id && *id && page->icon == hash(id);
}

static bool is_main_document(struct page *page, yyjson_val *params)
{
    const char *type = json_str(params, "type"), *frame = json_str(params, "frameId");
    const char *id = json_str(params, "requestId"), *loader = json_str(params, "loaderId");

    return type && frame && id && loader && !strcmp(type, "Document") && !strcmp(id, loader) &&
           !strcmp(frame, page->target);
}

static void document_asked(struct page *page, yyjson_val *params)
{
    struct document *d = &page->document;
    yyjson_val *redirect = yyjson_obj_get(params, "redirectResponse");
    const char *loader = json_str(params, "loaderId");

    if (strcmp(d->loader, loader)) {
        *d = (struct document){ 0 };
        COPY(d->loader, loader);
    }
    if (redirect && !*d->redirected_from)
        COPY(d->redirected_from, json_str(redirect, "url"));
}

static void note_method(struct page *page, yyjson_val *params)
{
    yyjson_val *request = yyjson_obj_get(params, "request");
    const char *type = json_str(params, "type"), *method = json_str(request, "method");

    if (!type || strcmp(type, "Document"))
        return;
    free(TAKE(page->posted));
    if (method && strcmp(method, "GET"))
        page->posted = keep_url(NULL, json_str(request, "url"));
}

static void will_be_sent(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    const char *id = json_str(params, "requestId");

    if (request_is_icon(params)) {
        s->page->icon = hash(id);
        return;
    }
    if (!yyjson_obj_get(params, "redirectResponse"))
        s->page->requests++;
    note_method(s->page, params);
    if (ends(json_str(params, "type")))
        remember(s->page, id);
    if (is_main_document(s->page, params))
        document_asked(s->page, params);
}

static void response(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    yyjson_val *r = yyjson_obj_get(params, "response");

    if (is_main_document(s->page, params) &&
        !strcmp(s->page->document.loader, json_str(params, "loaderId")))
        s->page->document.status = (int)json_int(r, "status", 0);
}

static void finished(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    forget(s->page, json_str(params, "requestId"));
}

static void failed(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    const char *id = json_str(params, "requestId"), *type = json_str(params, "type");
    const char *error = json_str(params, "errorText");

    forget(s->page, id);
    if (type && error && !strcmp(type, "Document") && !strcmp(error, "net::ERR_ABORTED")) {
        s->page->aborted++;
        s->page->aborted_ms = clock_ms();
    }
    if (id && !strcmp(s->page->document.loader, id))
        COPY(s->page->document.error, error);
}

const struct page_event_row request_events[] = {
    { "Network.requestWillBeSent", will_be_sent },
    { "Network.responseReceived", response },
    { "Network.loadingFinished", finished },
    { "Network.loadingFailed", failed },
    { NULL, NULL },
};
