#include "backend/browser/fetch.h"
#include "backend/browser/net_log_state.h"

#include <string.h>
#include <strings.h>

#define TAIL_MAX (256 * 1024)

/* ---- whom a rule is for ---- */

/* Without the port that the scheme means anyway. */
static size_t plain_length(const char *scheme, const char *host)
{
    size_t len = strlen(host);
    const char *port = !strncmp(scheme, "https:", 6) ? ":443" : ":80";
    size_t n = strlen(port);

    return len > n && !strcmp(host + len - n, port) ? len - n : len;
}

static bool origin_matches(const char *rule, const char *origin)
{
    const char *host = strstr(origin, "://"), *own = strstr(rule, "://");
    size_t len, own_len;

    if (!host)
        return false;
    if (own && strncmp(rule, origin, (size_t)(own - rule) + 3))
        return false;
    host += 3;
    own = own ? own + 3 : rule;
    len = plain_length(origin, host);
    own_len = plain_length(origin, own);
    if (!strncmp(own, "*.", 2)) { /* below it, not itself */
        own++;
        own_len--;
        return len > own_len && !memcmp(host + len - own_len, own, own_len);
    }
    return len == own_len && !memcmp(host, own, len);
}

static bool applies(const struct header_rule *r, const char *origin)
{
    for (size_t i = 0; i < r->origins.count; i++)
        if (origin_matches(r->origins.items[i], origin))
            return true;
    return !r->origins.count;
}

/* ---- what requests get ---- */

bool headers_need_all(const struct network *n)
{
    for (size_t i = 0; i < n->rule_count; i++)
        if (n->rules[i]->origins.count && (n->rules[i]->names.count || n->rules[i]->username))
            return true;
    return false;
}

/* The rule for all origins needs no request to be held up. */
void headers_extra(struct network *n)
{
    struct jw w = JW(&n->extra, NULL);
    bool any = false;

    buf_clear(&n->extra);
    jw_obj(&w);
    jw_key(&w, "headers");
    jw_obj(&w);
    for (size_t i = 0; i < n->rule_count; i++) {
        const struct header_rule *r = n->rules[i];
        for (size_t h = 0; h < r->names.count && !r->origins.count; h++) {
            jw_kstr(&w, r->names.items[h], r->values.items[h]);
            any = true;
        }
    }
    jw_end(&w);
    jw_end(&w);
    if (jw_done(&w) || !any)
        buf_clear(&n->extra);
}

bool headers_credentials(struct browser *b, const char *origin, struct jw *w)
{
    const struct network *n = b->network;
    char plain[HEADER_ORIGIN_MAX];

    if (!net_origin(origin, plain, sizeof(plain)))
        return false;
    for (size_t i = n->rule_count; i; i--) {
        const struct header_rule *r = n->rules[i - 1];
        if (!r->username || !applies(r, plain))
            continue;
        jw_kstr(w, "username", r->username);
        jw_kstr(w, "password", r->password);
        return true;
    }
    return false;
}

/* The value that a rule of its origin gives a header, the newest one first; NULL none. */
static const char *wanted(const struct network *n, const char *origin, const char *name)
{
    for (size_t i = n->rule_count; i; i--) {
        const struct header_rule *r = n->rules[i - 1];
        if (!r->origins.count || !applies(r, origin))
            continue;
        for (size_t h = 0; h < r->names.count; h++)
            if (!strcasecmp(r->names.items[h], name))
                return r->values.items[h];
    }
    return NULL;
}

/* It came over a redirect from an origin for which a rule added it. */
static bool is_foreign(const struct network *n, const char *name, const char *value)
{
    for (size_t i = 0; i < n->rule_count; i++)
        for (size_t h = 0; n->rules[i]->origins.count && h < n->rules[i]->names.count; h++)
            if (!strcasecmp(n->rules[i]->names.items[h], name) &&
                !strcmp(n->rules[i]->values.items[h], value))
                return true;
    return false;
}

static bool add_wanted(const struct network *n, const char *origin, struct jw *w)
{
    bool any = false;

    for (size_t i = 0; i < n->rule_count; i++) {
        const struct header_rule *r = n->rules[i];
        if (!r->origins.count || !applies(r, origin))
            continue;
        for (size_t h = 0; h < r->names.count; h++) {
            const char *value = wanted(n, origin, r->names.items[h]);
            if (value != r->values.items[h])
                continue; /* a newer rule gives it */
            fetch_header(w, r->names.items[h], value);
            any = true;
        }
    }
    return any;
}

bool headers_decide(struct browser *b, const struct fetch_request *q)
{
    const struct network *n = b->network;
    AUTO(buf) struct buf tail = BUF_MAX(TAIL_MAX);
    struct jw w = JW(&tail, NULL);
    char origin[HEADER_ORIGIN_MAX];
    bool changed = false;
    size_t i, max;
    yyjson_val *key, *val;

    net_origin(q->url, origin, sizeof(origin));
    if (q->preflight || !headers_need_all(n) || buf_adds(&tail, ",\"headers\":", NULL))
        return false;
    jw_arr(&w);
    yyjson_obj_foreach (q->headers, i, max, key, val) {
        const char *name = yyjson_get_str(key), *value = yyjson_get_str(val);
        if (!value || wanted(n, origin, name))
            continue;
        if (q->redirected && is_foreign(n, name, value))
            changed = true;
        else
            fetch_header(&w, name, value);
    }
    changed |= add_wanted(n, origin, &w);
    jw_aend(&w);
    if (!changed || jw_done(&w))
        return false;
    fetch_answer(b, q, &(struct fetch_answer){ .how = FETCH_CONTINUE, .tail = tail.data });
    return true;
}
