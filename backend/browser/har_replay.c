#include "backend/browser/fetch.h"
#include "backend/browser/har_redact.h"
#include "backend/browser/net_log_state.h"
#include "base/b64.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TAIL_MAX (256 * 1024)
#define URL_MAX (64 * 1024)

struct recorded {
    uint64_t hash; /* of method and URL */
    unsigned next; /* of the same bucket, later in the file; 0 none, else its index + 1 */
    bool used;
    yyjson_val *request, *response;
};

struct har_replay { /* counted; guarded by browser.lock, but for what never changes */
    unsigned refs;
    yyjson_doc *doc;
    struct url_glob *filter;
    bool fall_through;
    struct recorded *entries;
    unsigned *buckets; /* index + 1 of the first one; 0 none */
    size_t count, bucket_count;
    struct har_replay_facts facts;
};

struct har_replay *replay_ref(struct har_replay *r)
{
    r->refs++;
    return r;
}

void replay_unref(struct har_replay *r)
{
    if (!r || --r->refs)
        return;
    yyjson_doc_free(r->doc);
    url_glob_free(r->filter);
    free(r->entries);
    free(r->buckets);
    free(r);
}

/* ---- reading the file ---- */

/* As it is in a redacted file, without a fragment. */
static uint64_t key_of(const char *method, const char *url)
{
    AUTO(buf) struct buf text = BUF_MAX(URL_MAX);
    char *fragment;

    if (buf_addf(&text, NULL, "%s ", method) || redact_url(&text, url, HAR_REDACTED, NULL))
        return 0;
    fragment = strchr(text.data, '#');
    if (fragment)
        *fragment = '\0';
    return net_hash(text.data);
}

static bool lacks_body(yyjson_val *response)
{
    yyjson_val *content = yyjson_obj_get(response, "content");
    int64_t status = json_int(response, "status", 0);

    return !yyjson_is_str(yyjson_obj_get(content, "text")) && json_int(content, "size", 0) > 0 &&
           (status < 300 || status > 399) && status != 204;
}

static void add_entry(struct har_replay *r, yyjson_val *entry)
{
    yyjson_val *request = yyjson_obj_get(entry, "request");
    yyjson_val *response = yyjson_obj_get(entry, "response");
    const char *method = json_str(request, "method"), *url = json_str(request, "url");
    int64_t status = json_int(response, "status", 0);

    if (!method || !url || status < 200 || status > 599)
        return;
    r->facts.entries++;
    if (lacks_body(response)) {
        r->facts.without_body++;
        return;
    }
    r->entries[r->count++] = (struct recorded){
        .hash = key_of(method, url),
        .request = request,
        .response = response,
    };
}

/* From the last to the first, so that a bucket has them in the order of the file. */
static void index_entries(struct har_replay *r)
{
    for (size_t i = r->count; i; i--) {
        struct recorded *e = &r->entries[i - 1];
        unsigned *bucket = &r->buckets[e->hash % r->bucket_count];
        e->next = *bucket;
        *bucket = (unsigned)i;
    }
}

static int load(struct har_replay *r, const struct har_replay_options *o, struct err *err)
{
    yyjson_val *entries, *entry;
    size_t i, max;

    r->doc = json_parse(o->text, o->len, err);
    if (!r->doc)
        return err_wrap(err, "read the HAR file");
    entries = yyjson_obj_get(yyjson_obj_get(yyjson_doc_get_root(r->doc), "log"), "entries");
    if (!yyjson_is_arr(entries))
        return err_set(err, ERR_INVALID, "no HAR file: it has no log.entries");
    if (yyjson_arr_size(entries) > HAR_ENTRIES_MAX)
        return err_set(err, ERR_TOO_LARGE, "the HAR file has over %d entries", HAR_ENTRIES_MAX);
    r->bucket_count = yyjson_arr_size(entries) + 1;
    r->entries = calloc(r->bucket_count, sizeof(*r->entries));
    r->buckets = calloc(r->bucket_count, sizeof(*r->buckets));
    if (!r->entries || !r->buckets)
        return err_oom(err);
    yyjson_arr_foreach (entries, i, max, entry) {
        add_entry(r, entry);
    }
    index_entries(r);
    return 0;
}

/* ---- starting and ending ---- */

static int put(struct browser *b, struct har_replay *r, struct err *err)
{
    struct network *n = network_of(b);

    if (!n)
        return b->over ? browser_gone(b, err) : err_oom(err);
    replay_unref(n->replay);
    n->replay = r;
    return 0;
}

int har_replay(struct browser *b, const struct har_replay_options *o, struct call *call,
               struct har_replay_facts *facts, struct err *err)
{
    struct har_replay *r = calloc(1, sizeof(*r));
    int failed;

    if (!r)
        return err_oom(err);
    r->refs = 1;
    r->fall_through = o->fall_through;
    failed = load(r, o, err) || (o->filter && url_glob_new(o->filter, &r->filter, err));
    *facts = r->facts;
    pthread_mutex_lock(&b->lock);
    if (failed || put(b, r, err)) {
        replay_unref(r);
        failed = 1;
    }
    pthread_mutex_unlock(&b->lock);
    return failed ? -1 : fetch_apply(b, call, err);
}

bool har_replay_facts(struct browser *b, struct har_replay_facts *facts)
{
    bool runs;

    pthread_mutex_lock(&b->lock);
    runs = b->network && b->network->replay;
    if (runs)
        *facts = b->network->replay->facts;
    pthread_mutex_unlock(&b->lock);
    return runs;
}

int har_replay_stop(struct browser *b, struct call *call, struct err *err)
{
    bool had;

    pthread_mutex_lock(&b->lock);
    had = b->network && b->network->replay;
    if (had) {
        replay_unref(b->network->replay);
        b->network->replay = NULL;
    }
    pthread_mutex_unlock(&b->lock);
    return had ? fetch_apply(b, call, err) : 0;
}

/* ---- deciding ---- */

static bool posted_the_same(const struct recorded *e, const struct fetch_request *q)
{
    AUTO(buf) struct buf shown = BUF_MAX(NET_POST_MAX * 4);
    yyjson_val *data = yyjson_obj_get(e->request, "postData");
    const char *text = json_str(data, "text"), *mime = json_str(data, "mimeType");

    if (!text || !q->post)
        return !text && !q->post;
    if (redact_body(&shown, q->post, q->post_len, mime ? mime : "", HAR_REDACTED, NULL))
        return false;
    return !strcmp(text, buf_str(&shown)) || !strcmp(text, q->post);
}

/* The first one that was not served yet, else the last one; those that posted the same first. */
static struct recorded *find(struct har_replay *r, const struct fetch_request *q)
{
    uint64_t hash = key_of(q->method, q->url); /* 0: a longer URL than any that is recorded */
    struct recorded *last[2] = { NULL, NULL }, *fresh[2] = { NULL, NULL };

    for (unsigned i = hash ? r->buckets[hash % r->bucket_count] : 0; i;
         i = r->entries[i - 1].next) {
        struct recorded *e = &r->entries[i - 1];
        if (e->hash != hash)
            continue;
        bool same = posted_the_same(e, q);
        last[same] = e;
        if (!fresh[same] && !e->used)
            fresh[same] = e;
    }
    return fresh[1] ? fresh[1] : last[1] ? last[1] : fresh[0] ? fresh[0] : last[0];
}

/* The content in the file is unpacked, and what was redacted is no cookie. */
static bool is_served(const char *name, const char *value)
{
    static const char *const never[] = { "content-encoding", "content-length", "transfer-encoding",
                                         "connection", "keep-alive" };

    for (size_t i = 0; i < COUNT_OF(never); i++)
        if (!strcasecmp(never[i], name))
            return false;
    return strcasecmp(name, "set-cookie") || !strstr(value, "=" HAR_REDACTED);
}

static bool is_phrase(const char *text)
{
    for (; text && *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return text != NULL;
}

static int tail_of(const struct recorded *e, const struct fetch_request *q, struct buf *tail)
{
    struct jw w = JW(tail, NULL);
    yyjson_val *content = yyjson_obj_get(e->response, "content"), *header;
    const char *phrase = json_str(e->response, "statusText");
    int64_t status = json_int(e->response, "status", 200);
    bool allows = false;
    size_t i, max;

    if (status == 304 && yyjson_get_len(yyjson_obj_get(content, "text")))
        status = 200;
    if (buf_addf(tail, NULL, ",\"responseCode\":%d", (int)status))
        return -1;
    w.comma = true;
    if (is_phrase(phrase) && *phrase)
        jw_kstr(&w, "responsePhrase", phrase);
    jw_key(&w, "responseHeaders");
    jw_arr(&w);
    yyjson_arr_foreach (yyjson_obj_get(e->response, "headers"), i, max, header) {
        const char *name = json_str(header, "name"), *value = json_str(header, "value");
        struct route_header h = { name, value };
        if (!name || !value || header_check(&h, false, NULL) || !is_served(name, value))
            continue;
        allows |= !strcasecmp(name, "access-control-allow-origin");
        fetch_header(&w, name, value);
    }
    fetch_cors(&w, q, allows);
    jw_aend(&w);
    return jw_done(&w);
}

int replay_body64(yyjson_val *content, struct buf *out, struct err *err)
{
    yyjson_val *text = yyjson_obj_get(content, "text");
    const char *encoding = json_str(content, "encoding"), *data = yyjson_get_str(text);
    size_t len = yyjson_get_len(text);

    if (!data)
        return 0;
    if (!encoding || strcmp(encoding, "base64"))
        return b64_encode(out, data, len, err);
    if (strspn(data, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") != len)
        return err_set(err, ERR_INVALID, "no base64");
    return buf_add(out, data, len, err);
}

static bool miss(struct browser *b, const struct fetch_request *q, struct har_replay *r)
{
    if (r->fall_through)
        return false;
    r->facts.missed++;
    fetch_answer(
        b, q, &(struct fetch_answer){ .how = FETCH_FAIL, .tail = ",\"errorReason\":\"Aborted\"" });
    return true;
}

bool replay_decide(struct browser *b, const struct fetch_request *q)
{
    struct har_replay *r = b->network->replay;
    AUTO(buf) struct buf tail = BUF_MAX(TAIL_MAX);
    struct recorded *e;

    if (!r || strncmp(q->url, "http", 4) || (r->filter && !url_glob_matches(r->filter, q->url)))
        return false;
    e = find(r, q);
    if (!e && q->preflight) {
        fetch_allow(b, q);
        return true;
    }
    if (!e || tail_of(e, q, &tail))
        return miss(b, q, r);
    e->used = true;
    r->facts.served++;
    fetch_answer(b, q,
                 &(struct fetch_answer){
                     .how = FETCH_FULFIL,
                     .tail = tail.data,
                     .replay = r,
                     .content = yyjson_obj_get(e->response, "content"),
                 });
    return true;
}
