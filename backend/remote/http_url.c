#include "backend/remote/http_url.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool plain(const char *s)
{
    for (; *s; s++)
        if (*s <= 0x20 || *s == 0x7f || strchr("\"<>\\^`{|}", *s))
            return false;
    return true;
}

static int wrong(struct err *err, const char *why)
{
    err_set(err, ERR_INVALID, "the URL %s", why);
    return err_next(err, "use e.g. http://127.0.0.1:8080");
}

int http_url_parse(const char *text, struct http_url *out, struct err *err)
{
    size_t scheme = !text                               ? 0
                    : !strncasecmp(text, "https://", 8) ? 8
                    : !strncasecmp(text, "http://", 7)  ? 7
                                                        : 0;
    size_t host, end, query;
    const char *at;

    if (!scheme)
        return wrong(err, text && *text ? "must begin with http:// or https://" : "is missing");
    if (!plain(text))
        return wrong(err, "holds characters that must be percent-encoded");
    host = strcspn(text + scheme, "/?#");
    if (!host)
        return wrong(err, "names no host");
    end = scheme + strcspn(text + scheme, "?#");
    query = text[end] == '?' ? strcspn(text + end + 1, "#") : 0;
    while (text[end - 1] == '/')
        end--;
    at = memrchr(text + scheme, '@', host);
    *out = (struct http_url){
        .base = strndup(text, end),
        .query = query ? strndup(text + scheme + strcspn(text + scheme, "?") + 1, query) : NULL,
    };
    if (asprintf(&out->origin, "%.*s%.*s", (int)scheme, text,
                 (int)(at ? (size_t)(text + scheme + host - at) - 1 : host),
                 at ? at + 1 : text + scheme) < 0)
        out->origin = NULL;
    if (out->base && out->origin && (out->query || !query))
        return 0;
    http_url_done(out);
    return err_oom(err);
}

void http_url_done(struct http_url *u)
{
    free(u->base);
    free(u->query);
    free(u->origin);
    *u = (struct http_url){ 0 };
}

int http_escape(struct buf *out, const char *s, struct err *err)
{
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    while (*s) {
        size_t n = strspn(s, safe);
        if (buf_add(out, s, n, err))
            return -1;
        s += n;
        if (*s && buf_addf(out, err, "%%%02X", (unsigned char)*s++))
            return -1;
    }
    return 0;
}

int http_url_make(struct buf *out, const struct http_url *u, const struct http_request *req,
                  struct err *err)
{
    char sep = '?';

    if (buf_adds(out, u->base, err) || buf_adds(out, req->path, err))
        return -1;
    if (u->query) {
        if (buf_addc(out, sep, err) || buf_adds(out, u->query, err))
            return -1;
        sep = '&';
    }
    for (size_t i = 0; i < req->query_count; i++, sep = '&')
        if (buf_addc(out, sep, err) || http_escape(out, req->query[i].name, err) ||
            buf_addc(out, '=', err) || http_escape(out, req->query[i].value, err))
            return -1;
    return 0;
}
