#include "backend/remote/cdp_url.h"
#include "base/json.h"

#include <string.h>
#include <strings.h>

#define REPLY_MAX 65536
#define HEADERS_MAX 65536
#define ASK_MS 10000

/* Behind "ws://host:port"; NULL: it is no such URL. */
static const char *path_of(const char *said)
{
    size_t scheme = !strncasecmp(said, "wss://", 6) ? 6 : !strncasecmp(said, "ws://", 5) ? 5 : 0;

    return scheme ? said + scheme + strcspn(said + scheme, "/?#") : NULL;
}

int cdp_url_from_here(struct http_client *c, const char *said, const char *prefix, struct buf *out,
                      struct err *err)
{
    const char *origin = http_origin(c), *path = path_of(said), *query = http_query(c);
    size_t skip = strlen(prefix);
    bool tls = !strncasecmp(origin, "https", 5);

    if (!path)
        return err_set(err, ERR_PROTOCOL, "the browser at %s names a URL that is no ws://", origin);
    if (!strncmp(path, prefix, skip) && (!path[skip] || path[skip] == '/'))
        skip = 0;
    if (buf_addf(out, err, "%s%s%.*s%s", tls ? "wss://" : "ws://", strchr(origin, ':') + 3,
                 (int)skip, prefix, path))
        return -1;
    return query && !strchr(path, '?') ? buf_addf(out, err, "?%s", query) : 0;
}

static int not_devtools(struct http_client *c, const struct http_response *r, struct err *err)
{
    if (r->status / 100 == 2)
        err_set(err, ERR_PROTOCOL, "what answers at %s is no browser's DevTools", http_origin(c));
    else
        err_set(err, http_code(r->status), "the browser at %s answered HTTP %d", http_origin(c),
                r->status);
    if (err->code == ERR_UNAVAILABLE)
        return err_next(err, "name it by its address: Chromium refuses host names but localhost");
    return err_next(err, "the operator must correct the browser's URL or key");
}

int cdp_url_ask(struct http_client *c, struct call *call, const char *path, struct buf *out,
                struct err *err)
{
    AUTO(http_response) struct http_response resp = { .body = BUF_MAX(REPLY_MAX) };
    const struct http_request req = {
        .method = "GET",
        .path = path,
        .idempotent = true,
        .timeout_ms = ASK_MS,
    };
    AUTO_JSON yyjson_doc *doc = NULL;
    const char *said, *end = strstr(path, "/json/");
    char prefix[64];

    if (http_send(c, call, &req, &resp, err))
        return -1;
    if (resp.status / 100 == 2 && resp.body.len)
        doc = yyjson_read(resp.body.data, resp.body.len, 0);
    said = json_str(yyjson_doc_get_root(doc), "webSocketDebuggerUrl");
    if (!said)
        return not_devtools(c, &resp, err);
    snprintf(prefix, sizeof(prefix), "%s%.*s", http_prefix(c), (int)(end - path), path);
    return cdp_url_from_here(c, said, prefix, out, err);
}

int cdp_url_connect(struct http_client *c, struct call *call, const char *ws_url,
                    struct cdp_wire **out, struct err *err)
{
    AUTO(buf) struct buf headers = BUF_MAX(HEADERS_MAX);
    const struct cdp_ws to = { .url = ws_url };
    int r;

    if (http_header_lines(c, &headers, err))
        return -1;
    r = cdp_ws_new(&(struct cdp_ws){ .url = to.url, .headers = buf_str(&headers) }, call, out, err);
    if (headers.data)
        explicit_bzero(headers.data, headers.len);
    return r;
}
