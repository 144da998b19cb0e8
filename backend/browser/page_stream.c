#include "backend/browser/page_stream.h"
#include "backend/browser/state.h"
#include "base/b64.h"

#include <stdio.h>
#include <string.h>

#define PART (1024 * 1024)

/* One part; 1: it was the last. */
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

static int read_all(struct page *page, const char *params, size_t max, struct call *call,
                    int (*take)(void *context, const char *data, size_t len, struct err *err),
                    void *context, size_t *total, struct err *err)
{
    AUTO(buf) struct buf part = BUF_MAX(4 * PART);
    int last = 0;

    while (!last) {
        last = read_part(page, params, &part, call, err);
        if (last < 0)
            return -1;
        *total += part.len;
        if (*total > max)
            return err_set(err, ERR_TOO_LARGE, "it has more than %zu MiB", max / 1024 / 1024);
        if (part.len && take(context, part.data, part.len, err))
            return -1;
        if (!part.len && !last)
            return err_set(err, ERR_PROTOCOL, "the browser gave an empty part");
    }
    return 0;
}

int page_stream_read(struct page *page, const char *handle, size_t max, struct call *call,
                     int (*take)(void *context, const char *data, size_t len, struct err *err),
                     void *context, size_t *total, struct err *err)
{
    char params[STREAM_HANDLE_MAX + 64];
    int r;

    *total = 0;
    if (strlen(handle) > STREAM_HANDLE_MAX || strpbrk(handle, "\"\\"))
        return err_set(err, ERR_PROTOCOL, "the browser named its stream oddly");
    snprintf(params, sizeof(params), "{\"handle\":\"%s\",\"size\":%d}", handle, PART);
    r = read_all(page, params, max, call, take, context, total, err);
    snprintf(params, sizeof(params), "{\"handle\":\"%s\"}", handle);
    cdp_tell(page->browser->cdp, page->session, "IO.close", params);
    return r;
}
