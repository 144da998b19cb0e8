#include "backend/browser_url.h"
#include "backend/remote/cdp_url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define URL_MAX 8192

static const struct {
    const char *scheme, *as;
    bool asked; /* for the WebSocket's URL */
} schemes[] = {
    { "http://", "http://", true },
    { "https://", "https://", true },
    { "ws://", "http://", false },
    { "wss://", "https://", false },
    { "ws+unix:", "http://localhost", false },
    { "unix:", "http://localhost", false },
};

static int wrong(struct err *err, const char *why)
{
    err_set(err, ERR_INVALID, "--browser-cdp-url: %s", why);
    return err_next(err, "use e.g. http://127.0.0.1:9222, ws://HOST:PORT/devtools/browser/ID or "
                         "ws+unix:/path/of/socket");
}

/* A client for requests there, and for what they carry; *asked: it is to be asked for the URL. */
static int client(const struct backend_config *config, struct http_client **out, bool *asked,
                  struct err *err)
{
    AUTO(buf) struct buf base = BUF_MAX(URL_MAX);
    const char *url = config->browser_cdp_url, *rest = NULL;
    size_t i = 0;

    for (; i < COUNT_OF(schemes) && !rest; i++)
        if (!strncasecmp(url, schemes[i].scheme, strlen(schemes[i].scheme)))
            rest = url + strlen(schemes[i].scheme);
    if (!rest)
        return wrong(err, "it must begin with http://, https://, ws://, wss:// or ws+unix:");
    bool local = strstr(schemes[--i].as, "localhost");
    if (!local && memchr(rest, '@', strcspn(rest, "/?#")))
        return wrong(err, "user and password do not belong in it; give a key file");
    if (buf_addf(&base, err, "%s%s", schemes[i].as, local ? "" : rest))
        return -1;
    const struct http_options options = {
        .service = "the browser",
        .url = base.data,
        .key = getenv("SANDBOX_MCP_BROWSER_CDP_KEY"),
        .key_file = config->browser_cdp_key_file,
    };
    *asked = schemes[i].asked;
    return http_open(&options, out, err) ? err_wrap(err, "--browser-cdp-url") : 0;
}

int browser_url_check(const struct backend_config *config, struct err *err)
{
    struct http_client *c;
    bool asked;

    if (!config || !config->browser_cdp_url)
        return 0;
    if (client(config, &c, &asked, err))
        return -1;
    http_free(c);
    return 0;
}

int browser_url_connect(struct sandbox *sb, struct call *call, struct browser_link *out,
                        struct err *err)
{
    const struct backend_config *config = sb->backend->config;
    AUTO(buf) struct buf url = BUF_MAX(URL_MAX);
    struct http_client *c;
    bool asked;
    int r;

    if (client(config, &c, &asked, err))
        return -1;
    r = asked ? cdp_url_ask(c, call, "/json/version", &url, err)
              : buf_adds(&url, config->browser_cdp_url, err);
    if (!r)
        r = cdp_url_connect(c, call, url.data, &out->wire, err);
    http_free(c);
    snprintf(out->note, sizeof(out->note),
             "somebody's browser at --browser-cdp-url, in a context "
             "of its own");
    return r;
}
