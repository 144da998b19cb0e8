#include "tools/denied.h"
#include "backend/browser/headers.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define REFUSED 403

/* The errors of a connection that was not made. */
static const char *const unmade[] = { "ERR_TUNNEL_CONNECTION_FAILED", "ERR_NAME_NOT_RESOLVED",
                                      "ERR_INTERNET_DISCONNECTED", "ERR_ADDRESS_UNREACHABLE",
                                      "ERR_NETWORK_ACCESS_DENIED" };

/* "connect HOST:PORT refused", as the lines of a policy begin. */
static bool line_of(const char *url, char *out, size_t size)
{
    const char *at = url ? strstr(url, "://") : NULL, *user, *port;
    char host[256];
    size_t n;

    if (!at)
        return false;
    at += 3;
    n = strcspn(at, "/?#");
    user = memrchr(at, '@', n);
    if (user) {
        n -= (size_t)(user + 1 - at);
        at = user + 1;
    }
    if (!n || n >= sizeof(host))
        return false;
    snprintf(host, sizeof(host), "%.*s", (int)n, at);
    for (char *c = host; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    port = strrchr(host, ':');
    if (port && port[1] && !port[1 + strspn(port + 1, "0123456789")])
        return snprintf(out, size, "connect %s refused", host) < (int)size;
    return snprintf(out, size, "connect %s:%s refused", host,
                    strncasecmp(url, "https:", 6) ? "80" : "443") < (int)size;
}

static int deny(const char *url, const char *line, struct err *err)
{
    err_set(err, ERR_DENIED, "%.300s: denied by the network policy: %s", url ? url : "the page",
            line);
    return err_next(err, "use another source, or ask the operator to allow the host (--network)");
}

static bool is_unmade(const struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(unmade); i++)
        if (strstr(err->msg, unmade[i]))
            return true;
    return false;
}

/* The line about that URL, else, if any will do, the last one. */
static const char *find(const struct strings *lines, const char *url, bool any)
{
    char begin[320];
    bool known = line_of(url, begin, sizeof(begin));

    for (size_t i = lines->count; known && i-- > 0;)
        if (!strncmp(lines->items[i], begin, strlen(begin)))
            return lines->items[i];
    return any && lines->count ? lines->items[lines->count - 1] : NULL;
}

static bool is_offline(struct browsing *b)
{
    AUTO(headers_rules) struct headers_rules all = { 0 };

    return b->browser && !headers_list(b->browser, &all, NULL) && all.offline;
}

int denied_explain(struct browsing *b, int64_t since_ms, const char *url, struct err *err)
{
    AUTO(strings) struct strings lines = { 0 };
    const char *line;

    if (!err || !is_unmade(err))
        return -1;
    if (is_offline(b)) {
        err_set(err, ERR_UNAVAILABLE, "%.300s: the pages are set to be offline", url);
        return err_next(err, "browser_headers with offline false ends that");
    }
    if (sandbox_browser_denied(b->sandbox, since_ms, &lines, NULL))
        return -1;
    line = find(&lines, url, true);
    if (line)
        return deny(url, line, err);
    if (!strstr(err->msg, "ERR_TUNNEL_"))
        return -1;
    err_set(err, ERR_UNAVAILABLE, "%.300s: the egress proxy could not reach the host", url);
    return err_next(err, "check its spelling, and whether it answers at that port");
}

int denied_check(struct browsing *b, int64_t since_ms, const struct page_went *went,
                 struct err *err)
{
    AUTO(strings) struct strings lines = { 0 };
    const char *line;

    if (went->status != REFUSED || strncasecmp(went->url, "http:", 5))
        return 0;
    if (sandbox_browser_denied(b->sandbox, since_ms, &lines, err))
        return -1;
    line = find(&lines, went->url, false);
    return line ? deny(went->url, line, err) : 0;
}
