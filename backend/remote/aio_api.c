#include "backend/remote/aio.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MESSAGE_MAX 600 /* of the service's own words in an error */

static bool surrogate(const char *p, char second)
{
    return p[0] == '\\' && p[1] == 'u' && (p[2] | 0x20) == 'd' &&
           (second == 'h' ? strchr("89abAB", p[3]) : strchr("cdefCDEF", p[3])) && p[3];
}

/* Halves of surrogate pairs, which some services send for bytes that are no text, become U+FFFD. */
static void mend(char *text)
{
    for (char *p = text; (p = strchr(p, '\\')) && p[1]; p += 2) {
        if (surrogate(p, 'h') && strnlen(p, 12) == 12 && surrogate(p + 6, 'l'))
            p += 10;
        else if ((surrogate(p, 'h') || surrogate(p, 'l')) && strnlen(p, 6) == 6)
            memcpy(p + 2, "fffd", 4);
    }
}

yyjson_doc *aio_parse(const char *text, size_t len, struct err *err)
{
    const yyjson_read_flag flags = YYJSON_READ_ALLOW_INVALID_UNICODE;
    yyjson_doc *doc = yyjson_read(text, len, flags);
    AUTO_FREE char *copy = NULL;

    if (doc)
        return doc;
    copy = len && !memchr(text, 0, len) ? strndup(text, len) : NULL;
    if (copy) {
        mend(copy);
        doc = yyjson_read(copy, len, flags);
    }
    if (!doc)
        err_set(err, ERR_UNAVAILABLE, "the answer is not JSON, or broke off");
    return doc;
}

/* The title of an HTML page, or any text, in one line. */
static void flatten(struct buf *out, const char *p, size_t len)
{
    const char *title = memmem(p, len, "<title>", 7);
    bool tag = false, space = true;

    if (title) {
        const char *end = memmem(title, len - (size_t)(title - p), "</title>", 8);
        len = end ? (size_t)(end - title) : len - (size_t)(title - p);
        p = title;
    }
    for (; len && out->len < MESSAGE_MAX; p++, len--) {
        bool blank = *p == ' ' || (unsigned char)*p < 0x20 || *p == '<';
        tag |= *p == '<';
        if (!tag && (!blank || !space) && buf_addc(out, blank ? ' ' : *p, NULL))
            return;
        space = blank || (tag && space);
        if (*p == '>')
            tag = false;
    }
    while (out->len && out->data[out->len - 1] == ' ')
        out->data[--out->len] = '\0';
}

/* pydantic's list: "body.timeout: Input should be ...; ..." */
static void add_details(struct buf *out, yyjson_val *list)
{
    yyjson_val *item, *part;
    size_t i, n, k, parts;

    yyjson_arr_foreach (list, i, n, item) {
        const char *msg = json_str(item, yyjson_obj_get(item, "msg") ? "msg" : "message");
        yyjson_val *loc = yyjson_obj_get(item, yyjson_obj_get(item, "loc") ? "loc" : "location");
        if (out->len >= MESSAGE_MAX)
            return;
        if (i)
            (void)!buf_adds(out, "; ", NULL);
        yyjson_arr_foreach (loc, k, parts, part) {
            if (k)
                (void)!buf_addc(out, '.', NULL);
            if (yyjson_is_int(part))
                (void)!buf_addf(out, NULL, "%lld", (long long)yyjson_get_sint(part));
            else if (yyjson_is_str(part))
                flatten(out, yyjson_get_str(part), yyjson_get_len(part));
        }
        (void)!buf_adds(out, loc ? ": " : "", NULL);
        if (msg)
            flatten(out, msg, strlen(msg));
    }
}

/* What the service says about a status that is no success. */
static void reason(struct buf *out, const struct http_response *r)
{
    AUTO_JSON yyjson_doc *doc = r->body.len ? yyjson_read(r->body.data, r->body.len, 0) : NULL;
    yyjson_val *root = yyjson_doc_get_root(doc), *detail = yyjson_obj_get(root, "detail");
    const char *text = json_str(root, "message");

    if (!detail || yyjson_is_null(detail))
        detail = yyjson_obj_get(root, "errors");
    if (yyjson_is_arr(detail))
        add_details(out, detail);
    else if (!text && yyjson_is_str(detail))
        text = yyjson_get_str(detail);
    if (!out->len && text)
        flatten(out, text, strlen(text));
    if (!out->len && !doc)
        flatten(out, buf_str(&r->body), r->body.len);
    out->len = utf8_cut(buf_str(out), out->len);
}

static int refuse_redirect(struct aio *a, const struct http_response *r, struct err *err)
{
    err_set(err, ERR_UNAVAILABLE, "the AIO sandbox at %s redirects (HTTP %d)", http_origin(a->http),
            r->status);
    return err_next(err, "set --backend-url to where it really is%s%.200s",
                    r->location[0] ? ", e.g. below " : "", r->location);
}

static int http_failure(struct aio *a, const struct aio_ask *ask, const struct http_response *r,
                        struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(MESSAGE_MAX + 256);
    enum err_code code = http_code(r->status);

    if (r->status / 100 == 3)
        return refuse_redirect(a, r, err);
    reason(&text, r);
    if (r->status == 405 || (r->status == 404 && !strcmp(buf_str(&text), "Not Found")))
        return err_set(err, ERR_UNSUPPORTED, "this AIO image has no %s %s", ask->method, ask->path);
    err_set(err, code, "the AIO sandbox answered HTTP %d%s%.*s", r->status, text.len ? ": " : "",
            (int)text.len, buf_str(&text));
    if (code == ERR_UNAUTHORIZED)
        return err_next(err, "the operator must set SANDBOX_MCP_BACKEND_KEY, or the file of "
                             "--backend-key-file, to a valid key");
    if (r->retry_after_ms)
        return err_next(err, "try again in %lld s", (long long)(r->retry_after_ms / 1000));
    return -1;
}

static enum err_code code_of(const char *type, const char *message, enum err_code otherwise)
{
    static const struct {
        const char *type, *words; /* older images only have words */
        enum err_code code;
    } known[] = {
        { "not_found", "not exist", ERR_NOT_FOUND },
        { "not_found", "not found", ERR_NOT_FOUND },
        { "not_found", "no such file", ERR_NOT_FOUND },
        { "permission_denied", "permission denied", ERR_DENIED },
        { "read_only_filesystem", "read-only file system", ERR_DENIED },
        { "no_space_left", "no space left", ERR_QUOTA },
        { "already_exists", "already exists", ERR_CONFLICT },
        { "invalid_target", "is a directory", ERR_INVALID },
        { "invalid_path", "must be absolute", ERR_INVALID },
        { "decode_error", "not valid utf-8", ERR_INVALID },
        { "io_error", "input/output error", ERR_UNAVAILABLE },
    };

    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (type ? !strcmp(type, known[i].type)
                 : message && strcasestr(message, known[i].words) != NULL)
            return known[i].code;
    return otherwise;
}

static int refusal(const struct aio_ask *ask, yyjson_val *root, yyjson_val *data, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(MESSAGE_MAX + 256);
    const char *message = json_str(root, "message"), *hint = json_str(root, "hint");

    if (!message)
        message = json_str(data, "message");
    flatten(&text, message ? message : "no reason given", message ? strlen(message) : 15);
    err_set(err,
            code_of(json_str(data, "error_type"), message,
                    ask->refused ? ask->refused : ERR_UNAVAILABLE),
            "%s", buf_str(&text));
    return hint ? err_next(err, "%s", hint) : -1;
}

static int take_apart(struct aio *a, struct aio_ask *ask, const struct http_response *r,
                      yyjson_doc **doc, yyjson_val **data, struct err *err)
{
    const struct buf *body = ask->sink ? ask->kept : &r->body;
    yyjson_val *root;

    if (r->status / 100 != 2)
        return http_failure(a, ask, r, err);
    ask->unsure = true;
    *doc = aio_parse(buf_str(body), body->len, err);
    if (!*doc)
        return -1;
    root = yyjson_doc_get_root(*doc);
    if (!yyjson_is_obj(root))
        return err_set(err, ERR_UNAVAILABLE, "the answer is not an object");
    ask->unsure = false;
    *data = yyjson_obj_get(root, "data");
    return json_bool(root, "success", true) ? 0 : refusal(ask, root, *data, err);
}

int aio_ask(struct aio *a, struct call *call, struct aio_ask *ask, yyjson_doc **doc,
            yyjson_val **data, struct err *err)
{
    AUTO(http_response) struct http_response resp = { .body = BUF_MAX(AIO_REPLY_MAX) };
    struct http_request req = {
        .method = ask->method,
        .path = ask->path,
        .query = ask->query,
        .query_count = ask->query_count,
        .content_type = ask->body ? "application/json" : NULL,
        .body = ask->body ? buf_str(ask->body) : NULL,
        .len = ask->body ? ask->body->len : 0,
        .idempotent = ask->idempotent,
        .timeout_ms = ask->timeout_ms ? ask->timeout_ms : AIO_ASK_MS,
        .sink = ask->sink,
    };
    int r;

    *doc = NULL;
    *data = NULL;
    r = http_send(a->http, call, &req, &resp, err);
    ask->stale = r && resp.stale;
    ask->retry_after_ms = resp.retry_after_ms;
    ask->unsure = r && resp.unsure;
    return r ? -1 : take_apart(a, ask, &resp, doc, data, err);
}
