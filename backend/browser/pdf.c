#include "backend/browser/pdf.h"
#include "backend/browser/state.h"
#include "base/b64.h"

#include <string.h>

#define PRINT_MS 40000
#define PART (1024 * 1024)

static int check_ranges(const char *ranges, struct err *err)
{
    if (!ranges ||
        (strlen(ranges) <= PDF_RANGES_MAX && strspn(ranges, "0123456789-, ") == strlen(ranges)))
        return 0;
    err_set(err, ERR_INVALID, "pages: \"%.60s\" is no list of page ranges", ranges);
    return err_next(err, "pass e.g. \"1-3, 5\"");
}

static int print(struct page *page, const struct pdf_how *how, struct call *call,
                 struct cdp_reply *reply, const char **stream, struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(1024);
    struct jw w = JW(&params, err);

    jw_obj(&w);
    jw_kstr(&w, "transferMode", "ReturnAsStream");
    jw_kbool(&w, "landscape", how->landscape);
    jw_kbool(&w, "printBackground", true);
    jw_kbool(&w, "preferCSSPageSize", true);
    if (how->ranges)
        jw_kstr(&w, "pageRanges", how->ranges);
    jw_end(&w);
    if (jw_done(&w))
        return -1;
    if (page_call(page, NULL, "Page.printToPDF", params.data, PRINT_MS, call, reply, err)) {
        if (!how->ranges || !err || err->code != ERR_INVALID)
            return -1;
        err_set(err, ERR_INVALID, "pages: it has no pages %.60s", how->ranges);
        return err_next(err, "leave pages out to print all of them");
    }
    *stream = json_str(reply->result, "stream");
    return *stream ? 0 : err_set(err, ERR_PROTOCOL, "the browser printed to nowhere");
}

/* One part of the stream; 1: it was the last. */
static int read_part(struct page *page, const char *params, struct buf *part, struct call *call,
                     struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *data;

    buf_clear(part);
    if (page_call(page, NULL, "IO.read", params, 0, call, &reply, err))
        return -1;
    data = yyjson_obj_get(reply.result, "data");
    if (!yyjson_is_str(data))
        return err_set(err, ERR_PROTOCOL, "the browser gave a part without data");
    if (json_bool(reply.result, "base64Encoded", false)
            ? b64_decode(part, yyjson_get_str(data), yyjson_get_len(data), err)
            : buf_add(part, yyjson_get_str(data), yyjson_get_len(data), err))
        return -1;
    return json_bool(reply.result, "eof", false);
}

static int read_all(struct page *page, const char *stream, struct call *call,
                    int (*take)(void *context, const char *data, size_t len, struct err *err),
                    void *context, struct err *err)
{
    AUTO(buf) struct buf part = BUF_MAX(2 * PART), params = BUF_MAX(1024);
    struct jw w = JW(&params, err);
    size_t total = 0;
    int last = 0;

    jw_obj(&w);
    jw_kstr(&w, "handle", stream);
    jw_kint(&w, "size", PART);
    jw_end(&w);
    if (jw_done(&w))
        return -1;
    while (!last) {
        last = read_part(page, params.data, &part, call, err);
        total += part.len;
        if (last < 0)
            return -1;
        if (total > PDF_MAX) {
            err_set(err, ERR_TOO_LARGE, "the document has more than %d MiB", PDF_MAX / 1024 / 1024);
            return err_next(err, "print a part of it with pages");
        }
        if (part.len && take(context, part.data, part.len, err))
            return -1;
        if (!part.len && !last)
            return err_set(err, ERR_PROTOCOL, "the browser gave an empty part");
    }
    return total ? 0 : err_set(err, ERR_PROTOCOL, "the browser printed nothing");
}

int page_pdf(struct page *page, const struct pdf_how *how, struct call *call,
             int (*take)(void *context, const char *data, size_t len, struct err *err),
             void *context, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    char params[256];
    const char *stream;
    int r;

    if (check_ranges(how->ranges, err))
        return -1;
    if (print(page, how, call, &reply, &stream, err))
        return err_wrap(err, "print");
    if (strlen(stream) > 128 || strpbrk(stream, "\"\\"))
        return err_set(err, ERR_PROTOCOL, "the browser named its stream oddly");
    r = read_all(page, stream, call, take, context, err);
    snprintf(params, sizeof(params), "{\"handle\":\"%s\"}", stream);
    cdp_tell(page->browser->cdp, page->session, "IO.close", params);
    return r;
}
