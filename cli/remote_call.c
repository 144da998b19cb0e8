#include "backend/remote/http.h"
#include "base/io.h"
#include "cli/cli.h"
#include "cli/message.h"

#include <string.h>
#include <strings.h>

#define TOKENS_MAX 65536
#define WAIT_MS 120000

/* The first token of a file of "[name:]token" lines, in place. */
static char *first_token(char *text)
{
    char *line;

    while ((line = strsep(&text, "\r\n"))) {
        char *colon;
        line += strspn(line, " \t");
        if (!*line || *line == '#')
            continue;
        colon = strchr(line, ':');
        line = colon ? colon + 1 : line;
        line[strcspn(line, " \t")] = '\0';
        return line;
    }
    return NULL;
}

static int find_token(const struct options *o, struct buf *file, const char **out, struct err *err)
{
    *out = getenv("SANDBOX_MCP_TOKEN");
    if (!o->token_file)
        return 0;
    if (io_read_file(o->token_file, TOKENS_MAX, file, err))
        return -1;
    *out = file->len ? first_token(file->data) : NULL;
    return *out ? 0 : err_set(err, ERR_INVALID, "%s holds no token", o->token_file);
}

/* An event stream becomes the message in it that answers: the last one, as that ends it. */
static void last_event(struct buf *body)
{
    size_t from = 0, len = 0, at = 0;

    while (at < body->len) {
        const char *line = body->data + at;
        size_t n = strcspn(line, "\r\n");
        if (n > 5 && !memcmp(line, "data:", 5)) {
            from = at + 5;
            len = n - 5;
        }
        at += n + 1;
    }
    body->data[from + len] = '\0';
    body->len = from + len;
    buf_drop_front(body, from);
}

static int unexpected(const struct options *o, const struct http_response *r, struct err *err)
{
    const char *text = buf_str(&r->body);

    err_set(err, http_code(r->status), "%s answered HTTP %d%s%.*s", o->url, r->status,
            *text ? ": " : "", (int)strcspn(text, "\r\n"), text);
    if (r->status == 401)
        return err_next(err, "pass --token-file, or set SANDBOX_MCP_TOKEN");
    return r->status == 404 ? err_next(err, "the URL should end in /mcp") : -1;
}

static int print(const struct options *o, struct http_response *r, struct err *err)
{
    bool json = !strncasecmp(r->content_type, "application/json", 16);
    bool events = !strncasecmp(r->content_type, "text/event-stream", 17);

    if (r->status == 401 || (!json && !events) || !r->body.len)
        return unexpected(o, r, err);
    if (events)
        last_event(&r->body);
    return message_print(&r->body, err);
}

static int send_call(const struct options *o, const struct buf *message, const char *token,
                     struct err *err)
{
    const char *host = strstr(o->url, "://");
    const struct http_options options = { .service = "the server", .url = o->url, .key = token };
    const struct http_field headers[] = {
        { "Accept", "application/json, text/event-stream" },
        { "MCP-Protocol-Version", MESSAGE_VERSION },
        { "Mcp-Method", "tools/call" },
        { "Mcp-Name", o->words[1] },
        { "X-Sandbox", o->sandbox },
    };
    const struct http_request request = {
        .method = "POST",
        .path = host && strchr(host + 3, '/') ? "" : "/mcp",
        .content_type = "application/json",
        .body = buf_str(message),
        .len = message->len,
        .headers = headers,
        .header_count = COUNT_OF(headers) - (o->sandbox ? 0 : 1),
        .timeout_ms = WAIT_MS,
    };
    AUTO(http_response) struct http_response response = { .body = BUF_MAX(SERVER_REPLY_MAX) };
    struct http_client *client = NULL;
    int r;

    if (http_open(&options, &client, err))
        return err_wrap(err, "--url");
    r = http_send(client, NULL, &request, &response, err);
    http_free(client);
    return r ? -1 : print(o, &response, err);
}

int cli_remote_call(const struct options *o, struct err *err)
{
    AUTO(buf) struct buf message = BUF_MAX(SERVER_MESSAGE_MAX), file = BUF_MAX(TOKENS_MAX);
    const char *token = NULL;

    if (message_make(&message, o, err) || find_token(o, &file, &token, err))
        return -1;
    return send_call(o, &message, token, err);
}
