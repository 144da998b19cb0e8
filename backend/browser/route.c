#include "backend/browser/fetch.h"
#include "base/b64.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PATTERNS_MAX 32 /* told to Chromium; more become "*" */
#define TAIL_MAX (256 * 1024)

enum action { ANSWER, ABORT, CHANGE };

struct route { /* counted; guarded by browser.lock */
    unsigned refs, number;
    char *pattern;
    struct url_glob *glob;
    enum action action;
    int status;
    struct buf body64;
    size_t body_len;
    char **names, **values;
    size_t header_count;
    int64_t delay_ms, left; /* left: -1 no bound */
    uint64_t hits;
    bool removed;
};

/* ---- one ---- */

struct route *route_ref(struct route *r)
{
    r->refs++;
    return r;
}

void route_unref(struct route *r)
{
    if (!r || --r->refs)
        return;
    for (size_t i = 0; i < r->header_count; i++) {
        free(r->names[i]);
        free(r->values[i]);
    }
    free(r->names);
    free(r->values);
    free(r->pattern);
    url_glob_free(r->glob);
    buf_done(&r->body64);
    free(r);
}
DEFINE_AUTO_PTR(route, route_unref);

const char *route_body64(const struct route *r)
{
    return buf_str(&r->body64);
}

bool route_removed(const struct route *r)
{
    return r->removed;
}

static int check(const struct route_spec *spec, struct err *err)
{
    if (spec->abort && (spec->status || spec->body || spec->header_count))
        return err_set(err, ERR_INVALID, "abort goes with no status, body or headers");
    if (spec->status && (spec->status < 200 || spec->status > 599))
        return err_set(err, ERR_INVALID, "status: %d is not within 200..599", spec->status);
    if (spec->body_len > ROUTE_BODY_MAX)
        return err_set(err, ERR_TOO_LARGE, "the body has %zu bytes, over %d MB", spec->body_len,
                       ROUTE_BODY_MAX >> 20);
    if (spec->delay_ms < 0 || spec->delay_ms > ROUTE_DELAY_MAX_MS)
        return err_set(err, ERR_INVALID, "delay_ms: not within 0..%d", ROUTE_DELAY_MAX_MS);
    if (spec->header_count > ROUTE_HEADERS_MAX)
        return err_set(err, ERR_INVALID, "headers: more than %d", ROUTE_HEADERS_MAX);
    if (!spec->abort && !spec->status && !spec->body && !spec->header_count && !spec->delay_ms) {
        err_set(err, ERR_INVALID, "nothing is to be done with the requests");
        return err_next(err, "pass status or body to answer them, abort, delay_ms, or headers to "
                             "change those of the request");
    }
    return 0;
}

static int copy_headers(struct route *r, const struct route_spec *spec, struct err *err)
{
    bool request = r->action == CHANGE;

    r->names = calloc(spec->header_count + 1, sizeof(*r->names));
    r->values = calloc(spec->header_count + 1, sizeof(*r->values));
    if (!r->names || !r->values)
        return err_oom(err);
    for (size_t i = 0; i < spec->header_count; i++) {
        if (header_check(&spec->headers[i], request, err))
            return -1;
        r->header_count++;
        r->names[i] = strdup(spec->headers[i].name);
        r->values[i] = strdup(spec->headers[i].value);
        if (!r->names[i] || !r->values[i])
            return err_oom(err);
    }
    return 0;
}

static int make(const struct route_spec *spec, struct route **out, struct err *err)
{
    AUTO_PTR(route) struct route *r = calloc(1, sizeof(*r));

    if (!r)
        return err_oom(err);
    r->refs = 1;
    r->action = spec->abort ? ABORT : spec->status || spec->body ? ANSWER : CHANGE;
    r->status = spec->status ? spec->status : 200;
    r->delay_ms = spec->delay_ms;
    r->left = spec->times > 0 ? spec->times : -1;
    r->body_len = spec->body_len;
    r->pattern = strdup(spec->pattern);
    buf_init(&r->body64, ROUTE_BODY_MAX / 3 * 4 + 16);
    if (!r->pattern)
        return err_oom(err);
    if (url_glob_new(spec->pattern, &r->glob, err) || copy_headers(r, spec, err) ||
        (spec->body_len && b64_encode(&r->body64, spec->body, spec->body_len, err)))
        return -1;
    *out = TAKE(r);
    return 0;
}

/* ---- all ---- */

static void remove_at(struct network *n, size_t i)
{
    struct route *r = n->routes[i];

    n->route_count--;
    memmove(n->routes + i, n->routes + i + 1, (n->route_count - i) * sizeof(n->routes[0]));
    n->route_bytes -= r->body_len;
    r->removed = true;
    route_unref(r);
}

/* Rules that are used up make room. */
static int put(struct browser *b, struct route *r, struct err *err)
{
    struct network *n = network_of(b);

    if (!n)
        return b->over ? browser_gone(b, err) : err_oom(err);
    for (size_t i = 0; i < n->route_count && n->route_count == ROUTES_MAX; i++)
        if (!n->routes[i]->left)
            remove_at(n, i);
    if (n->route_count == ROUTES_MAX || n->route_bytes + r->body_len > ROUTE_BODIES_MAX) {
        err_set(err, ERR_QUOTA, "%d rules, or %d MB of bodies, are there already", ROUTES_MAX,
                ROUTE_BODIES_MAX >> 20);
        return err_next(err, "remove some first: browser_route action=remove");
    }
    r->number = ++n->route_number;
    n->route_bytes += r->body_len;
    n->routes[n->route_count++] = r;
    return 0;
}

int route_add(struct browser *b, const struct route_spec *spec, struct call *call, struct err *err)
{
    struct route *r = NULL;
    int failed;

    if (check(spec, err) || make(spec, &r, err))
        return -1;
    pthread_mutex_lock(&b->lock);
    failed = put(b, r, err);
    if (failed)
        route_unref(r);
    pthread_mutex_unlock(&b->lock);
    return failed ? -1 : fetch_apply(b, call, err);
}

int route_remove(struct browser *b, const char *pattern, struct call *call, size_t *removed,
                 struct err *err)
{
    struct network *n;
    size_t count = 0;

    pthread_mutex_lock(&b->lock);
    n = b->network;
    for (size_t i = n ? n->route_count : 0; i; i--)
        if (!pattern || !strcmp(n->routes[i - 1]->pattern, pattern)) {
            remove_at(n, i - 1);
            count++;
        }
    if (n)
        worker_hurry(n->worker, fetch_is_free);
    pthread_mutex_unlock(&b->lock);
    if (removed)
        *removed = count;
    return count ? fetch_apply(b, call, err) : 0;
}

static void describe(const struct route *r, char *out, size_t size)
{
    char what[64];

    if (r->action == ANSWER)
        snprintf(what, sizeof(what), "answer %d, %zu bytes", r->status, r->body_len);
    else if (r->action == ABORT)
        snprintf(what, sizeof(what), "abort");
    else if (r->header_count)
        snprintf(what, sizeof(what), "change %zu request header%s", r->header_count,
                 r->header_count > 1 ? "s" : "");
    else
        *what = '\0';
    if (r->delay_ms)
        snprintf(out, size, "%s%sdelay %lld ms", what, *what ? ", " : "", (long long)r->delay_ms);
    else
        snprintf(out, size, "%s", what);
}

size_t route_list(struct browser *b, struct route_info *out, size_t max)
{
    size_t count = 0;

    pthread_mutex_lock(&b->lock);
    for (size_t i = b->network ? b->network->route_count : 0; i && count < max; i--) {
        const struct route *r = b->network->routes[i - 1];
        out[count] = (struct route_info){ .number = r->number, .hits = r->hits, .left = r->left };
        COPY(out[count].pattern, r->pattern);
        describe(r, out[count].action, sizeof(out[count].action));
        count++;
    }
    pthread_mutex_unlock(&b->lock);
    return count;
}

void route_patterns(struct network *n, struct jw *w, bool *any)
{
    size_t told = 0;

    for (size_t i = 0; i < n->route_count; i++)
        told += n->routes[i]->left != 0;
    *any = told;
    for (size_t i = 0; i < n->route_count; i++) {
        const char *wide = told > PATTERNS_MAX ? "*" : url_glob_wide(n->routes[i]->glob);
        if (!n->routes[i]->left)
            continue;
        jw_obj(w);
        jw_kstr(w, "urlPattern", wide);
        jw_end(w);
        if (told > PATTERNS_MAX)
            break;
    }
}

/* ---- deciding ---- */

static struct route *match(struct network *n, const char *url)
{
    for (size_t i = n->route_count; i; i--)
        if (n->routes[i - 1]->left && url_glob_matches(n->routes[i - 1]->glob, url))
            return n->routes[i - 1];
    return NULL;
}

static const char *own_value(const struct route *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (!strcasecmp(r->names[i], name))
            return r->values[i];
    return NULL;
}

/* What a body without a type is, as far as one can see. */
static const char *guess_type(const struct route *r)
{
    const char *start = buf_str(&r->body64);

    switch (*start) { /* the first six bits: '{' and '[' are JSON, '<' is HTML */
    case 'e':
        return "application/json";
    case 'W':
        return "application/json";
    case 'P':
        return "text/html; charset=utf-8";
    }
    return "text/plain; charset=utf-8";
}

static int answer_tail(const struct route *r, const struct fetch_request *q, struct buf *tail)
{
    struct jw w = JW(tail, NULL);

    if (buf_addf(tail, NULL, ",\"responseCode\":%d,\"responseHeaders\":", r->status))
        return -1;
    jw_arr(&w);
    if (r->body_len && !own_value(r, "content-type"))
        fetch_header(&w, "Content-Type", guess_type(r));
    for (size_t i = 0; i < r->header_count; i++)
        fetch_header(&w, r->names[i], r->values[i]);
    fetch_cors(&w, q, own_value(r, "access-control-allow-origin"));
    jw_aend(&w);
    return jw_done(&w);
}

static int change_tail(const struct route *r, const struct fetch_request *q, struct buf *tail)
{
    struct jw w = JW(tail, NULL);
    size_t i, max;
    yyjson_val *key, *val;

    if (!r->header_count)
        return 0;
    if (buf_adds(tail, ",\"headers\":", NULL))
        return -1;
    jw_arr(&w);
    yyjson_obj_foreach (q->headers, i, max, key, val) {
        const char *value = yyjson_get_str(val);
        if (value && !own_value(r, yyjson_get_str(key)))
            fetch_header(&w, yyjson_get_str(key), value);
    }
    for (i = 0; i < r->header_count; i++)
        if (*r->values[i])
            fetch_header(&w, r->names[i], r->values[i]);
    jw_aend(&w);
    return jw_done(&w);
}

bool route_decide(struct browser *b, const struct fetch_request *q)
{
    static const enum fetch_how hows[] = {
        [ANSWER] = FETCH_FULFIL,
        [ABORT] = FETCH_FAIL,
        [CHANGE] = FETCH_CONTINUE,
    };
    struct route *r = match(b->network, q->url);
    AUTO(buf) struct buf tail = BUF_MAX(TAIL_MAX);
    int failed = 0;

    if (!r)
        return false;
    if (q->preflight && r->action == ANSWER) {
        fetch_allow(b, q);
        return true;
    }
    r->hits++;
    if (r->left > 0)
        r->left--;
    if (r->action == ANSWER)
        failed = answer_tail(r, q, &tail);
    else if (r->action == ABORT)
        failed = buf_adds(&tail, ",\"errorReason\":\"BlockedByClient\"", NULL);
    else
        failed = change_tail(r, q, &tail);
    if (failed)
        return false;
    fetch_answer(b, q,
                 &(struct fetch_answer){
                     .how = hows[r->action],
                     .tail = buf_str(&tail),
                     .delay_ms = r->delay_ms,
                     .route = r,
                 });
    return true;
}
