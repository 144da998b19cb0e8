#include "backend/browser/fetch.h"
#include "backend/browser/har_state.h"

#include <stdlib.h>
#include <string.h>

#define READ_MS 5000

struct body_job {
    struct worker_job job;
    struct net_entry *entry; /* counted */
    char id[NET_ID], session[PAGE_FRAME_ID];
};

bool har_is_text(const char *mime)
{
    static const char *const parts[] = { "json",       "xml",  "javascript",
                                         "ecmascript", "html", "x-www-form-urlencoded",
                                         "graphql",    "yaml" };

    if (!strncmp(mime, "text/", 5))
        return true;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (strstr(mime, parts[i]))
            return true;
    return false;
}

void har_body_free(struct har_body *body)
{
    if (!body)
        return;
    if (body->data)
        atomic_fetch_sub(body->total, body->len);
    free(body->data);
    free(body);
}

static int64_t raw_size(const char *text, size_t len, bool base64)
{
    if (!base64)
        return (int64_t)len;
    return (int64_t)(len / 4 * 3 - (len && text[len - 1] == '=') -
                     (len > 1 && text[len - 2] == '='));
}

/* Locked. */
static void keep(struct har_body *body, yyjson_val *result)
{
    yyjson_val *v = yyjson_obj_get(result, "body");
    const char *text = yyjson_get_str(v);
    size_t len = yyjson_get_len(v);

    body->base64 = json_bool(result, "base64Encoded", false);
    body->size = text ? raw_size(text, len, body->base64) : 0;
    if (!text)
        return;
    if (body->size > HAR_BODY_MAX) {
        snprintf(body->why, sizeof(body->why), "the body is larger than %d kB and was left out",
                 HAR_BODY_MAX >> 10);
        return;
    }
    if (atomic_load(body->total) + len > HAR_BODIES_MAX) {
        snprintf(body->why, sizeof(body->why), "more than %d MB of bodies: this one was left out",
                 HAR_BODIES_MAX >> 20);
        return;
    }
    body->data = malloc(len + 1);
    if (!body->data)
        return;
    memcpy(body->data, text, len + 1);
    body->len = len;
    atomic_fetch_add(body->total, len);
}

static void read_body(struct worker_job *job, struct browser *b, int stop_fd, bool over)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    struct body_job *j = (struct body_job *)job;
    char params[NET_ID + 32];
    bool got = false;

    snprintf(params, sizeof(params), "{\"requestId\":\"%s\"}", j->id);
    if (!over)
        got = !cdp_call_until(b->cdp, j->session, "Network.getResponseBody", params, READ_MS, NULL,
                              stop_fd, &reply, NULL);
    pthread_mutex_lock(&b->lock);
    struct har_body *body = j->entry->body;
    if (body)
        body->read = true;
    if (body && got)
        keep(body, reply.result);
    else if (body)
        COPY(body->why, "the browser had the body no longer");
    net_entry_unref(j->entry);
    pthread_mutex_unlock(&b->lock);
    free(j);
}

/* An id goes into a command as it is. */
static bool is_plain(const char *id)
{
    return id[strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_")] ==
           '\0';
}

static bool is_worth_it(const struct net_entry *e, struct har_body *body)
{
    if (body->asked || e->r.redirected || !e->r.status || e->r.failed ||
        !strcmp(e->r.type, "websocket") || e->r.status == 204 || e->r.decoded == 0)
        return false;
    if (body->wanted == HAR_BODIES_TEXT && !har_is_text(e->r.mime)) {
        COPY(body->why, "only bodies of text were recorded");
        return false;
    }
    if (e->r.decoded > HAR_BODY_MAX) {
        snprintf(body->why, sizeof(body->why), "the body is larger than %d kB and was left out",
                 HAR_BODY_MAX >> 10);
        return false;
    }
    return is_plain(e->id);
}

void har_fetch_body(struct browser *b, struct net_entry *e)
{
    struct network *n = b->network;
    struct har_body *body = e->body;
    struct body_job *j;

    if (b->over || !is_worth_it(e, body))
        return;
    body->asked = true;
    if (!n->reader)
        n->reader = worker_new(b);
    j = calloc(1, sizeof(*j));
    if (!j) {
        body->read = true;
        return;
    }
    j->job.run = read_body;
    j->entry = net_entry_ref(e);
    COPY(j->id, e->id);
    COPY(j->session, e->session);
    if (worker_add(n->reader, &j->job))
        return;
    body->read = true;
    COPY(body->why, "too many bodies at once: this one was left out");
    net_entry_unref(e);
    free(j);
}
