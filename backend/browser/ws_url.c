#include "backend/browser/ws_url.h"
#include "base/cleanup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    int port; /* 0: a socket of this machine */
    bool tls;
} schemes[] = {
    { "ws://", 80, false },
    { "wss://", 443, true },
    { "ws+unix:", 0, false },
    { "unix:", 0, false },
};

static int wrong(struct err *err, const char *why)
{
    err_set(err, ERR_INVALID, "the browser's URL %s", why);
    return err_next(err, "use e.g. http://127.0.0.1:9222 or ws://127.0.0.1:9222/devtools/browser/"
                         "ID");
}

static bool plain(const char *s)
{
    for (; *s; s++)
        if (*s <= 0x20 || *s == 0x7f)
            return false;
    return true;
}

static int filled(struct ws_url *u, struct err *err)
{
    if (u->address && u->host && u->path)
        return 0;
    ws_url_done(u);
    return err_oom(err);
}

static int parse_unix(const char *text, struct ws_url *out, struct err *err)
{
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);

    if (*text != '/' || len > 100)
        return wrong(err, "names no socket by its whole path");
    if (colon && colon[1] != '/')
        return wrong(err, "has no '/' behind the socket's ':'");
    if (asprintf(&out->address, "+%.*s", (int)len, text) < 0)
        out->address = NULL;
    out->host = strdup("localhost");
    out->path = strdup(colon ? colon + 1 : "/");
    return filled(out, err);
}

/* Digits behind the host, all of `text`; 0 none. */
static int port_of(const char *text, size_t len)
{
    int port = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || port > 65535)
            return 0;
        port = port * 10 + (text[i] - '0');
    }
    return port > 65535 ? 0 : port;
}

static int parse_tcp(const char *text, struct ws_url *out, struct err *err)
{
    size_t len = strcspn(text, "/?#"), name = 0, more = len + strcspn(text + len, "#");
    const char *from = text;

    if (memchr(text, '@', len))
        return wrong(err, "must hold no user and password; give them in the key file");
    if (*text == '[') {
        const char *end = memchr(text, ']', len);
        from = text + 1;
        name = end ? (size_t)(end - from) : 0;
    } else {
        const char *colon = memchr(text, ':', len);
        name = colon ? (size_t)(colon - text) : len;
    }
    size_t used = (size_t)(from - text) * 2 + name;
    if (!name)
        return wrong(err, "names no host");
    if (used < len) {
        out->port = text[used] == ':' ? port_of(text + used + 1, len - used - 1) : 0;
        if (!out->port)
            return wrong(err, "has no number behind the host's ':'");
    }
    out->address = strndup(from, name);
    out->host = strndup(text, len);
    if (asprintf(&out->path, "%s%.*s", text[len] == '/' ? "" : "/", (int)(more - len), text + len) <
        0)
        out->path = NULL;
    return filled(out, err);
}

int ws_url_parse(const char *text, struct ws_url *out, struct err *err)
{
    *out = (struct ws_url){ 0 };
    if (strlen(text) > WS_URL_MAX || !plain(text))
        return wrong(err, "is too long or holds characters that must be percent-encoded");
    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        size_t n = strlen(schemes[i].name);
        if (strncasecmp(text, schemes[i].name, n))
            continue;
        out->tls = schemes[i].tls;
        out->port = schemes[i].port;
        return out->port ? parse_tcp(text + n, out, err) : parse_unix(text + n, out, err);
    }
    return wrong(err, "must begin with ws://, wss:// or ws+unix:");
}

void ws_url_done(struct ws_url *u)
{
    free(u->address);
    free(u->host);
    free(u->path);
    *u = (struct ws_url){ 0 };
}
