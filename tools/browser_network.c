#include "tools/browser_network.h"
#include "backend/browser/net_log.h"
#include "tools.gen.h"
#include "tools/render.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define URL_SHOWN 400 /* bytes of a URL in a list */
#define STATUSES_MAX 16

struct filter {
    struct net_regex *url;
    struct arg_strings types;
    struct {
        const char *word;
        size_t len;
    } statuses[STATUSES_MAX];
    size_t status_count;
    bool with_static;
    unsigned below; /* only numbers less than it; 0 all */
};

static void filter_done(struct filter *f)
{
    net_regex_free(f->url);
}

/* ---- what is asked for ---- */

static bool is_status(const char *word, size_t len)
{
    static const char *const words[] = { "failed", "pending", "mocked", "cached" };

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (len == strlen(words[i]) && !strncasecmp(words[i], word, len))
            return true;
    return len == 3 && word[0] >= '1' && word[0] <= '5' &&
           ((isdigit((unsigned char)word[1]) && isdigit((unsigned char)word[2])) ||
            !strncasecmp(word + 1, "xx", 2));
}

static int read_statuses(struct filter *f, const char *text, struct err *err)
{
    for (text += strspn(text, ", "); *text; text += strspn(text, ", ")) {
        size_t len = strcspn(text, ", ");
        if (!is_status(text, len) || f->status_count == STATUSES_MAX) {
            err_set(err, ERR_INVALID, "status: \"%.*s\" is none", (int)(len < 40 ? len : 40), text);
            return err_next(err, "pass some of 404, 4xx, failed, pending, mocked, cached with "
                                 "commas between them");
        }
        f->statuses[f->status_count].word = text;
        f->statuses[f->status_count++].len = len;
        text += len;
    }
    return 0;
}

static int read_filter(struct filter *f, const struct browser_network_args *args, struct err *err)
{
    f->types = args->types;
    f->with_static = args->static_ || args->types.count;
    if (args->cursor && network_number(args->cursor, &f->below)) {
        err_set(err, ERR_INVALID, "cursor: it is not one of browser_network");
        return err_next(err, "pass the cursor of an earlier reply, or none for the newest");
    }
    if (args->filter && net_regex_new(args->filter, &f->url, err))
        return err_wrap(err, "filter");
    return args->status ? read_statuses(f, args->status, err) : 0;
}

static bool has_status(const struct net_request *r, const char *word, size_t len)
{
    char code[8];

    switch (tolower((unsigned char)*word)) {
    case 'f':
        return r->failed;
    case 'p':
        return !r->over;
    case 'm':
        return r->mocked;
    case 'c':
        return r->from_cache;
    }
    snprintf(code, sizeof(code), "%03d", r->status % 1000);
    for (size_t i = 0; i < len; i++)
        if (tolower((unsigned char)word[i]) != 'x' && word[i] != code[i])
            return false;
    return true;
}

static bool is_wanted(const struct filter *f, const struct net_request *r)
{
    bool type = !f->types.count, status = !f->status_count;

    if (f->below && r->number >= f->below)
        return false;
    for (size_t i = 0; i < f->types.count && !type; i++)
        type = !strcasecmp(f->types.items[i], r->type);
    for (size_t i = 0; i < f->status_count && !status; i++)
        status = has_status(r, f->statuses[i].word, f->statuses[i].len);
    return type && status && (!f->url || net_regex_matches(f->url, r->url));
}

/* ---- what is told ---- */

static const char *source(const struct net_request *r)
{
    return r->from_worker ? "service worker" : r->from_cache ? "cache" : NULL;
}

static int add_text(struct buf *out, const struct net_request *r, const char *url, struct err *err)
{
    const char *from = source(r);
    double ms = net_duration(r);

    if (buf_addf(out, err, "r%u %s ", r->number, r->method) || render_name(out, url, err) ||
        buf_addf(out, err, " · %s", r->type))
        return -1;
    if ((r->status && buf_addf(out, err, " · %d", r->status)) ||
        (r->failed && (buf_adds(out, " · failed: ", err) || render_name(out, r->failure, err))) ||
        (!r->over && buf_adds(out, " · pending", err)))
        return -1;
    if (r->decoded > 0 &&
        (buf_adds(out, " · ", err) || render_bytes(out, (uint64_t)r->decoded, err)))
        return -1;
    if (ms >= 0 && (buf_adds(out, " · ", err) || render_duration(out, (int64_t)(ms + 0.5), err)))
        return -1;
    return (from && buf_addf(out, err, " · from %s", from)) ||
                   (r->mocked && buf_adds(out, " · mocked", err)) || buf_adds(out, "\n", err)
               ? -1
               : 0;
}

static void add_json(struct jw *w, const struct net_request *r, const char *url)
{
    double ms = net_duration(r);
    char id[16];

    snprintf(id, sizeof(id), "r%u", r->number);
    jw_obj(w);
    jw_kstr(w, "id", id);
    jw_kstr(w, "method", r->method);
    jw_kstr(w, "url", url);
    jw_kstr(w, "type", r->type);
    if (r->status)
        jw_kint(w, "status", r->status);
    if (r->decoded >= 0)
        jw_kint(w, "size", r->decoded);
    if (ms >= 0)
        jw_kint(w, "ms", (int64_t)(ms + 0.5));
    if (r->failed)
        jw_kstr(w, "failure", r->failure);
    if (!r->over)
        jw_kbool(w, "pending", true);
    if (r->mocked)
        jw_kbool(w, "mocked", true);
    if (source(r))
        jw_kstr(w, "from", source(r));
    jw_end(w);
}

static void short_url(char *out, size_t size, const char *url)
{
    size_t len = strlen(url), at = size - 4;

    if (len < size) {
        memcpy(out, url, len + 1);
        return;
    }
    while (at && ((unsigned char)url[at] & 0xc0) == 0x80)
        at--;
    memcpy(out, url, at);
    memcpy(out + at, "...", 4);
}

struct chosen {
    const struct net_request **rows; /* newest first */
    size_t count, hidden;
    bool more;
};

static void choose(const struct net_list *all, const struct filter *f, size_t limit,
                   struct chosen *out)
{
    for (size_t i = all->count; i && !out->more; i--) {
        const struct net_request *r = &all->requests[i - 1];
        if (!is_wanted(f, r))
            continue;
        if (!f->with_static && net_is_static(r))
            out->hidden++;
        else if (out->count == limit)
            out->more = true;
        else
            out->rows[out->count++] = r;
    }
}

static size_t room_for(const struct net_request *r)
{
    size_t len = strlen(r->url);

    return (len < URL_SHOWN ? len : URL_SHOWN) + strlen(r->failure) + 120;
}

/* The newest ones that fit, told oldest first. */
static int reply(struct tool_call *call, struct browsing *b, const struct net_list *all,
                 struct chosen *c, struct err *err)
{
    const struct tools_context *ctx = call->context;
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), json = BUF_MAX(RENDER_MAX);
    AUTO(buf) struct buf told = BUF_MAX(RENDER_MAX + 1024);
    struct jw w = JW(&json, err);
    char url[URL_SHOWN + 1], cursor[16] = "";
    size_t room = ctx->default_max_bytes, n = 0;

    while (n < c->count && room_for(c->rows[n]) <= room)
        room -= room_for(c->rows[n++]);
    if (n && (n < c->count || c->more))
        snprintf(cursor, sizeof(cursor), "r%u", c->rows[n - 1]->number);
    jw_obj(&w);
    jw_kstr(&w, "page_id", page_id(b->page));
    jw_key(&w, "requests");
    jw_arr(&w);
    for (size_t i = n; i; i--) {
        short_url(url, sizeof(url), c->rows[i - 1]->url);
        add_json(&w, c->rows[i - 1], url);
        if (add_text(&text, c->rows[i - 1], url, err))
            return -1;
    }
    jw_aend(&w);
    jw_kint(&w, "hidden_static", (int64_t)c->hidden);
    if (*cursor)
        jw_kstr(&w, "cursor", cursor);
    if (all->lost && buf_addf(&text, err, "%llu older requests are no longer kept\n",
                              (unsigned long long)all->lost))
        return -1;
    if (all->lost)
        jw_kstr(&w, "note", "older requests than the first 1000 are no longer kept");
    jw_end(&w);
    if ((c->hidden && buf_addf(&text, err, "%zu static one%s not listed (static=true)\n", c->hidden,
                               c->hidden == 1 ? " is" : "s are")) ||
        (*cursor && buf_addf(&text, err, "cursor=%s lists older ones\n", cursor)))
        return -1;
    if (jw_done(&w) ||
        buf_addf(&told, err, "%s · %zu request%s\n", page_id(b->page), n, n == 1 ? "" : "s") ||
        buf_add(&told, text.data, text.len, err) || tool_text(call, told.data, told.len, err))
        return -1;
    return tool_structured(call, &json, err);
}

int tool_browser_network(struct tool_call *call, const struct browser_network_args *args,
                         struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    AUTO(filter) struct filter f = { 0 };
    AUTO(net_list) struct net_list all = { 0 };
    AUTO_FREE const struct net_request **rows = calloc((size_t)args->limit, sizeof(*rows));
    struct chosen c = { .rows = rows };

    if (!rows)
        return err_oom(err);
    if (read_filter(&f, args, err) || browsing_begin(call, args->page_id, &b, err) ||
        net_list(b.page, &all, err))
        return -1;
    choose(&all, &f, (size_t)args->limit, &c);
    return reply(call, &b, &all, &c, err);
}
