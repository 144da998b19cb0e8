#include "backend/remote/aio.h"
#include "backend/remote/cdp_url.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define URL_MAX 8192
#define CDP "/cdp"

static bool begins(const char *text, const char *with)
{
    return !strncasecmp(text, with, strlen(with));
}

/* The path of an http:// URL, without '/' at its end and without what is behind it. */
static int below(const char *url, struct buf *out, struct err *err)
{
    const char *host = strstr(url, "://") + 3, *path = host + strcspn(host, "/?#");
    size_t len = strcspn(path, "?#");

    while (len && path[len - 1] == '/')
        len--;
    return buf_add(out, path, len, err) || buf_adds(out, "/json/version", err) ? -1 : 0;
}

/* Of images before browser/info, and of those whose answer names none. */
static int by_path(struct aio *a, struct call *call, struct buf *out, struct err *err)
{
    struct err first = { 0 };

    if (!cdp_url_ask(a->http, call, CDP "/json/version", out, &first))
        return 0;
    if (first.code != ERR_NOT_FOUND && first.code != ERR_PROTOCOL)
        *err = first;
    else if (!cdp_url_ask(a->http, call, "/json/version", out, err))
        return 0;
    return -1;
}

/* As the service says, at the address where it is reached from here. */
static int find_url(struct aio *a, struct call *call, struct buf *out, struct err *err)
{
    struct aio_ask ask = { .method = "GET", .path = "/v1/browser/info", .idempotent = true };
    AUTO_JSON yyjson_doc *doc = NULL;
    AUTO(buf) struct buf path = BUF_MAX(URL_MAX);
    struct err why = { 0 };
    yyjson_val *data;
    const char *said;

    if (aio_ask(a, call, &ask, &doc, &data, &why)) {
        if (why.code == ERR_UNSUPPORTED)
            return by_path(a, call, out, err);
        *err = why;
        return -1;
    }
    said = json_str(data, "cdp_url");
    if (!said || !*said)
        return by_path(a, call, out, err);
    if (!begins(said, "http://") && !begins(said, "https://"))
        return cdp_url_from_here(a->http, said, "", out, err);
    return below(said, &path, err) || cdp_url_ask(a->http, call, path.data, out, err) ? -1 : 0;
}

static int aio_connect(struct sandbox *sb, struct call *call, struct browser_link *out,
                       struct err *err)
{
    AUTO(buf) struct buf url = BUF_MAX(URL_MAX);
    struct aio *a = aio_of(sb);

    if (aio_paths(a, call, err))
        return -1;
    if (find_url(a, call, &url, err) || cdp_url_connect(a->http, call, url.data, &out->wire, err))
        return err_wrap(err, "the sandbox's browser");
    out->same_files = true;
    if ((size_t)snprintf(out->downloads, sizeof(out->downloads), "%s/downloads", a->workspace) >=
        sizeof(out->downloads))
        *out->downloads = '\0';
    snprintf(out->note, sizeof(out->note),
             "the browser of the AIO container, in a context of its "
             "own; whoever uses the container may see it");
    return 0;
}

const struct browser_ops aio_browser_ops = { .connect = aio_connect };
