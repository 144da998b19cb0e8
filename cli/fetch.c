#include "cli/fetch.h"
#include "backend/remote/http.h"

#include <string.h>
#include <strings.h>

#define TRY_MS 5000

struct fetcher {
    struct http_client *client;
};

void fetcher_free(struct fetcher *f)
{
    if (f)
        http_free(f->client);
    free(f);
}

static bool is_local(const char *host)
{
    static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };
    size_t n = strcspn(host, "/?#");

    if (memchr(host, '@', n))
        return false;
    n = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strlen(names[i]) == n && !strncasecmp(host, names[i], n))
            return true;
    return false;
}

int fetcher_open(const char *url, struct fetcher **out, struct err *err)
{
    struct http_options options = { .service = "the issuer of tokens", .url = url };
    struct fetcher *f;

    if (!strncasecmp(url, "http://", 7) && !is_local(url + 7))
        return err_set(err, ERR_INVALID, "\"%.200s\" is not https://", url);
    f = calloc(1, sizeof(*f));
    if (!f)
        return err_oom(err);
    if (http_open(&options, &f->client, err)) {
        free(f);
        return -1;
    }
    *out = f;
    return 0;
}

int fetcher_get(void *fetcher, struct call *call, struct buf *text, struct err *err)
{
    static const struct http_field accept = { "Accept", "application/json, */*;q=0.1" };
    struct fetcher *f = fetcher;
    AUTO(http_response) struct http_response response = { .body = BUF_MAX(text->max) };
    const struct http_request request = {
        .method = "GET",
        .path = "",
        .headers = &accept,
        .header_count = 1,
        .idempotent = true,
        .timeout_ms = TRY_MS,
    };

    if (http_send(f->client, call, &request, &response, err))
        return -1;
    if (response.status != 200)
        return err_set(err, ERR_UNAVAILABLE, "the issuer of tokens answered %d", response.status);
    return buf_add(text, buf_str(&response.body), response.body.len, err);
}
