#include "backend/browser/fetch.h"
#include "backend/browser/har_redact.h"
#include "backend/browser/net_log_state.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MASK "[masked]"

void header_rule_free(struct header_rule *r)
{
    if (!r)
        return;
    strings_done(&r->origins);
    strings_done(&r->names);
    strings_done(&r->values);
    free(r->username);
    if (r->password)
        explicit_bzero(r->password, strlen(r->password));
    free(r->password);
    free(r);
}
DEFINE_AUTO_PTR(header_rule, header_rule_free);

/* ---- what may be asked for ---- */

static bool is_name(const char *name)
{
    size_t len = strlen(name);

    if (!len || len > HEADER_NAME_MAX)
        return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && !strchr("!#$%&'*+-.^_`|~", *name))
            return false;
    return true;
}

int header_check(const struct route_header *h, bool request, struct err *err)
{
    static const char *const ours[] = {
        "host", "content-length", "connection",       "transfer-encoding", "keep-alive", "upgrade",
        "te",   "trailer",        "proxy-connection",
    };

    if (!is_name(h->name))
        return err_set(err, ERR_INVALID, "headers: \"%.40s\" is no name of a header", h->name);
    if (strlen(h->value) > HEADER_VALUE_MAX)
        return err_set(err, ERR_INVALID, "headers: the value of %s is longer than %d bytes",
                       h->name, HEADER_VALUE_MAX);
    for (const char *v = h->value; *v; v++)
        if (((unsigned char)*v < ' ' && *v != '\t') || *v == 0x7f)
            return err_set(err, ERR_INVALID, "headers: %s has a control character", h->name);
    for (size_t i = 0; i < COUNT_OF(ours); i++)
        if (!strcasecmp(h->name, ours[i]))
            return err_set(err, ERR_INVALID, "headers: %s is the browser's own", h->name);
    if (request && !strcasecmp(h->name, "cookie")) {
        err_set(err, ERR_INVALID, "headers: cookies are sent from the browser's store");
        return err_next(err, "set them with browser_cookies");
    }
    return 0;
}

/* [scheme://]host[:port], host may begin with "*."; kept in lower case, without a last '/'. */
static int add_origin(struct strings *out, const char *text, struct err *err)
{
    char origin[HEADER_ORIGIN_MAX];
    size_t len = strlen(text);
    const char *scheme = strstr(text, "://"), *host = scheme ? scheme + 3 : text;

    len -= len && text[len - 1] == '/';
    if (!len || len >= sizeof(origin) || !*host ||
        strcspn(host, "/?#@ \\") < len - (size_t)(host - text) ||
        (scheme && strncasecmp(text, "http://", 7) && strncasecmp(text, "https://", 8))) {
        err_set(err, ERR_INVALID, "origins: \"%.80s\" is none", text);
        return err_next(err, "pass e.g. https://example.com, localhost:3000 or *.example.com");
    }
    for (size_t i = 0; i < len; i++)
        origin[i] = (char)tolower((unsigned char)text[i]);
    return strings_add(out, origin, len, err);
}

/* ---- setting ---- */

static int check(const struct headers_spec *spec, struct err *err)
{
    if (spec->origin_count > HEADER_ORIGINS_MAX)
        return err_set(err, ERR_INVALID, "origins: more than %d", HEADER_ORIGINS_MAX);
    if (spec->header_count > ROUTE_HEADERS_MAX)
        return err_set(err, ERR_INVALID, "headers: more than %d", ROUTE_HEADERS_MAX);
    if (!spec->username != !spec->password)
        return err_set(err, ERR_INVALID, "username and password go together");
    if (spec->username && !spec->origin_count) {
        err_set(err, ERR_INVALID, "credentials are for stated origins only");
        return err_next(err, "pass origins, e.g. [\"https://example.com\"]");
    }
    if (spec->username &&
        (strlen(spec->username) > HEADER_USER_MAX || strlen(spec->password) > HEADER_USER_MAX))
        return err_set(err, ERR_INVALID, "username or password is longer than %d bytes",
                       HEADER_USER_MAX);
    for (size_t i = 0; i < spec->header_count; i++)
        if (header_check(&spec->headers[i], true, err))
            return -1;
    return 0;
}

static bool same_origins(const struct strings *a, const struct strings *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]))
            return false;
    return true;
}

static void drop_name(struct header_rule *r, const char *name)
{
    for (size_t i = 0; i < r->names.count; i++) {
        if (strcasecmp(r->names.items[i], name))
            continue;
        free(r->names.items[i]);
        free(r->values.items[i]);
        r->names.items[i] = r->names.items[--r->names.count];
        r->values.items[i] = r->values.items[--r->values.count];
        return;
    }
}

static int set(struct header_rule *r, const struct headers_spec *spec, struct err *err)
{
    for (size_t i = 0; i < spec->header_count; i++) {
        const struct route_header *h = &spec->headers[i];
        drop_name(r, h->name);
        if (*h->value && (strings_add(&r->names, h->name, strlen(h->name), err) ||
                          strings_add(&r->values, h->value, strlen(h->value), err)))
            return -1;
    }
    if (r->names.count > ROUTE_HEADERS_MAX)
        return err_set(err, ERR_QUOTA, "more than %d headers for the same origins",
                       ROUTE_HEADERS_MAX);
    if (!spec->username)
        return 0;
    free(r->username);
    free(r->password);
    r->username = strdup(spec->username);
    r->password = strdup(spec->password);
    return r->username && r->password ? 0 : err_oom(err);
}

static int put(struct browser *b, struct strings *origins, const struct headers_spec *spec,
               struct err *err)
{
    struct network *n = network_of(b);
    struct header_rule *r = NULL;

    if (!n)
        return b->over ? browser_gone(b, err) : err_oom(err);
    for (size_t i = 0; i < n->rule_count && !r; i++)
        if (same_origins(&n->rules[i]->origins, origins))
            r = n->rules[i];
    if (!r && n->rule_count == HEADER_RULES_MAX) {
        err_set(err, ERR_QUOTA, "%d rules for origins are there already", HEADER_RULES_MAX);
        return err_next(err, "clear them: browser_headers clear=true");
    }
    if (!r) {
        r = calloc(1, sizeof(*r));
        if (!r)
            return err_oom(err);
        r->origins = *origins;
        *origins = (struct strings){ 0 };
        n->rules[n->rule_count++] = r;
    }
    return set(r, spec, err);
}

int headers_set(struct browser *b, const struct headers_spec *spec, struct call *call,
                struct err *err)
{
    AUTO(strings) struct strings origins = { 0 };
    int r;

    if (check(spec, err))
        return -1;
    for (size_t i = 0; i < spec->origin_count; i++)
        if (add_origin(&origins, spec->origins[i], err))
            return -1;
    pthread_mutex_lock(&b->lock);
    r = put(b, &origins, spec, err);
    pthread_mutex_unlock(&b->lock);
    return r ? -1 : fetch_apply(b, call, err);
}

int headers_offline(struct browser *b, bool offline, struct call *call, struct err *err)
{
    struct network *n;

    pthread_mutex_lock(&b->lock);
    n = network_of(b);
    if (n)
        n->offline = offline;
    pthread_mutex_unlock(&b->lock);
    return n ? fetch_apply(b, call, err) : browser_gone(b, err);
}

int headers_clear(struct browser *b, struct call *call, struct err *err)
{
    struct network *n;

    pthread_mutex_lock(&b->lock);
    n = b->network;
    while (n && n->rule_count)
        header_rule_free(n->rules[--n->rule_count]);
    if (n)
        n->offline = false;
    pthread_mutex_unlock(&b->lock);
    return n ? fetch_apply(b, call, err) : 0;
}

/* ---- telling ---- */

static int list_rule(const struct header_rule *r, struct headers_rule *out, struct err *err)
{
    out->credentials = r->username != NULL;
    for (size_t i = 0; i < r->origins.count; i++)
        if (strings_add(&out->origins, r->origins.items[i], strlen(r->origins.items[i]), err))
            return -1;
    for (size_t i = 0; i < r->names.count; i++) {
        AUTO(buf) struct buf line = BUF_MAX(HEADER_VALUE_MAX * 2);
        if (buf_addf(&line, err, "%s: ", r->names.items[i]) ||
            redact_header(&line, r->names.items[i], r->values.items[i], MASK, err) ||
            strings_add(&out->headers, line.data, line.len, err))
            return -1;
    }
    return 0;
}

int headers_list(struct browser *b, struct headers_rules *out, struct err *err)
{
    int r = 0;

    pthread_mutex_lock(&b->lock);
    out->offline = b->network && b->network->offline;
    for (size_t i = 0; b->network && i < b->network->rule_count && !r; i++)
        r = list_rule(b->network->rules[i], &out->rules[out->count++], err);
    pthread_mutex_unlock(&b->lock);
    return r;
}

void headers_rules_done(struct headers_rules *r)
{
    for (size_t i = 0; i < r->count; i++) {
        strings_done(&r->rules[i].origins);
        strings_done(&r->rules[i].headers);
    }
    *r = (struct headers_rules){ 0 };
}
