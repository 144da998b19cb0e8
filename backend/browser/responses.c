#include "backend/browser/responses.h"
#include "backend/browser/wait.h"

#include <stdlib.h>
#include <string.h>

struct responses {
    struct {
        char *url;
        int status;
    } all[WAIT_RESPONSES]; /* a ring */
    uint64_t count, since; /* since: when the last action began */
    struct response_waiter *waiters;
};

bool wait_url_matches(const char *pattern, const char *url)
{
    const char *star = NULL, *from = NULL;

    if (!strchr(pattern, '*'))
        return strstr(url, pattern) != NULL;
    while (*url) {
        if (*pattern == '*') {
            star = pattern++;
            from = url;
        } else if (*pattern == *url) {
            pattern++;
            url++;
        } else if (star) {
            pattern = star + 1;
            url = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

static struct responses *responses_of(struct page *page)
{
    if (!page->responses)
        page->responses = calloc(1, sizeof(*page->responses));
    return page->responses;
}

void responses_free(struct responses *r)
{
    for (size_t i = 0; r && i < WAIT_RESPONSES; i++)
        free(r->all[i].url);
    free(r);
}

void responses_mark(struct page *page)
{
    if (page->responses)
        page->responses->since = page->responses->count;
}

static void offer(struct response_waiter *w, const char *url, int status)
{
    if (w->matched || !wait_url_matches(w->pattern, url))
        return;
    w->url = keep_url(w->url, url);
    w->status = status;
    w->matched = true;
}

static void responded(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    yyjson_val *response = yyjson_obj_get(params, "response");
    const char *url = json_str(response, "url");
    struct responses *r = url ? responses_of(s->page) : NULL;
    int status = (int)json_int(response, "status", 0);

    if (!r)
        return;
    size_t at = r->count++ % WAIT_RESPONSES;
    r->all[at].url = keep_url(r->all[at].url, url);
    r->all[at].status = status;
    for (struct response_waiter *w = r->waiters; w; w = w->next)
        offer(w, url, status);
}

static void changed(struct browser *b UNUSED, struct session *s UNUSED, yyjson_val *params UNUSED)
{
}

const struct page_event_row wait_events[] = {
    { "Network.responseReceived", responded },
    { "Runtime.bindingCalled", changed },
    { NULL, NULL },
};

int response_wait(struct page *page, struct response_waiter *w, const char *pattern,
                  struct err *err)
{
    struct responses *r = pattern ? responses_of(page) : NULL;

    if (!pattern)
        return 0;
    if (!r)
        return err_oom(err);
    uint64_t from = r->count > WAIT_RESPONSES ? r->count - WAIT_RESPONSES : 0;
    w->pattern = pattern;
    for (uint64_t i = from > r->since ? from : r->since; i < r->count; i++)
        offer(w, r->all[i % WAIT_RESPONSES].url, r->all[i % WAIT_RESPONSES].status);
    w->next = r->waiters;
    r->waiters = w;
    return 0;
}

void response_wait_end(struct page *page, struct response_waiter *w)
{
    struct response_waiter **at;

    if (!w->pattern)
        return;
    for (at = &page->responses->waiters; *at != w;)
        at = &(*at)->next;
    *at = w->next;
}
