#include "mcp/resource.h"

#include "base/b64.h"

#include <string.h>

/* Ends one addition to a buffer: all of it, or the buffer as it was. */
static int settle(struct buf *b, size_t was, int failed)
{
    if (failed && b->data) {
        b->len = was;
        b->data[was] = '\0';
    }
    return failed ? -1 : 0;
}

static void begin(struct jw *w, const char *uri, const char *mime)
{
    jw_obj(w);
    jw_kstr(w, "uri", uri);
    if (mime)
        jw_kstr(w, "mimeType", mime);
}

int resource_text(struct tool_call *call, const char *uri, const char *mime, const char *text,
                  size_t len, struct err *err)
{
    struct jw w = JW(&call->content, err);
    size_t was = call->content.len;

    w.comma = was > 0;
    begin(&w, uri, mime);
    jw_key(&w, "text");
    jw_strn(&w, text, len);
    jw_end(&w);
    return settle(&call->content, was, jw_done(&w));
}

int resource_blob(struct tool_call *call, const char *uri, const char *mime, const void *data,
                  size_t len, struct err *err)
{
    struct buf *out = &call->content;
    struct jw w = JW(out, err);
    size_t was = out->len;
    int failed;

    w.comma = was > 0;
    begin(&w, uri, mime);
    jw_key(&w, "blob");
    failed = jw_done(&w) || buf_addc(out, '"', err) || b64_encode(out, data, len, err) ||
             buf_adds(out, "\"}", err);
    return settle(out, was, failed);
}
