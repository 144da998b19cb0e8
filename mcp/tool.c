#include "mcp/tool.h"

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

int tool_text(struct tool_call *call, const char *text, size_t len, struct err *err)
{
    struct jw w = JW(&call->content, err);
    size_t was = call->content.len;

    w.comma = was > 0;
    jw_obj(&w);
    jw_kstr(&w, "type", "text");
    jw_key(&w, "text");
    jw_strn(&w, text, len);
    jw_end(&w);
    return settle(&call->content, was, jw_done(&w));
}

int tool_textf(struct tool_call *call, struct err *err, const char *fmt, ...)
{
    AUTO(buf) struct buf text = BUF_MAX(TOOL_RESULT_MAX);
    va_list ap;
    int failed;

    va_start(ap, fmt);
    failed = buf_addv(&text, err, fmt, ap);
    va_end(ap);
    return failed ? -1 : tool_text(call, buf_str(&text), text.len, err);
}

/* A member "data" or "blob": base64 is neither escaped nor looked through. */
static int add_base64(struct jw *w, const char *key, const void *data, size_t len)
{
    jw_key(w, key);
    if (jw_done(w) || buf_addc(w->out, '"', w->err) || b64_encode(w->out, data, len, w->err) ||
        buf_addc(w->out, '"', w->err))
        return -1;
    w->comma = true;
    return 0;
}

static int add_media(struct tool_call *call, const char *type, const char *mime, const void *data,
                     size_t len, struct err *err)
{
    struct jw w = JW(&call->content, err);
    size_t was = call->content.len;
    int failed;

    w.comma = was > 0;
    jw_obj(&w);
    jw_kstr(&w, "type", type);
    jw_kstr(&w, "mimeType", mime);
    failed = add_base64(&w, "data", data, len);
    jw_end(&w);
    return settle(&call->content, was, failed || jw_done(&w));
}

int tool_image(struct tool_call *call, const char *mime, const void *data, size_t len,
               struct err *err)
{
    int failed = add_media(call, "image", mime, data, len, err);

    call->has_image |= !failed;
    return failed;
}

int tool_audio(struct tool_call *call, const char *mime, const void *data, size_t len,
               struct err *err)
{
    if (call->no_audio)
        return tool_textf(call, err, "[%s, %zu bytes: this client takes no audio]", mime, len);
    return add_media(call, "audio", mime, data, len, err);
}

static int add_resource(struct tool_call *call, const char *uri, const char *mime, bool is_text,
                        const void *data, size_t len, struct err *err)
{
    struct jw w = JW(&call->content, err);
    size_t was = call->content.len;
    int failed = 0;

    w.comma = was > 0;
    jw_obj(&w);
    jw_kstr(&w, "type", "resource");
    jw_key(&w, "resource");
    jw_obj(&w);
    jw_kstr(&w, "uri", uri);
    if (mime)
        jw_kstr(&w, "mimeType", mime);
    if (is_text) {
        jw_key(&w, "text");
        jw_strn(&w, data, len);
    } else {
        failed = add_base64(&w, "blob", data, len);
    }
    jw_end(&w);
    jw_end(&w);
    return settle(&call->content, was, failed || jw_done(&w));
}

int tool_resource_text(struct tool_call *call, const char *uri, const char *mime, const char *text,
                       size_t len, struct err *err)
{
    return add_resource(call, uri, mime, true, text, len, err);
}

int tool_resource(struct tool_call *call, const char *uri, const char *mime, const void *data,
                  size_t len, struct err *err)
{
    return add_resource(call, uri, mime, false, data, len, err);
}

int tool_link(struct tool_call *call, const char *uri, const char *name, const char *mime,
              int64_t size, struct err *err)
{
    struct jw w = JW(&call->content, err);
    size_t was = call->content.len;

    if (call->no_links)
        return tool_textf(call, err, "[%s: resource %s]", name, uri);
    w.comma = was > 0;
    jw_obj(&w);
    jw_kstr(&w, "type", "resource_link");
    jw_kstr(&w, "uri", uri);
    jw_kstr(&w, "name", name);
    if (mime)
        jw_kstr(&w, "mimeType", mime);
    if (size > 0)
        jw_kint(&w, "size", size);
    jw_end(&w);
    return settle(&call->content, was, jw_done(&w));
}

int tool_structured(struct tool_call *call, const struct buf *json, struct err *err)
{
    if (call->def->cls != TOOL_STRUCTURED)
        return 0;
    if (call->structured.len)
        return err_set(err, ERR_INTERNAL, "%s has two structured results", call->def->name);
    return buf_add(&call->structured, buf_str(json), json->len, err);
}

static void meta_key(struct jw *w, const char *key)
{
    char name[128];

    snprintf(name, sizeof(name), "sandbox-mcp/%s", key);
    w->comma = w->out->len > 0;
    jw_key(w, name);
}

int tool_meta_int(struct tool_call *call, const char *key, int64_t v, struct err *err)
{
    struct jw w = JW(&call->meta, err);
    size_t was = call->meta.len;

    meta_key(&w, key);
    jw_int(&w, v);
    return settle(&call->meta, was, jw_done(&w));
}

int tool_meta_str(struct tool_call *call, const char *key, const char *v, struct err *err)
{
    struct jw w = JW(&call->meta, err);
    size_t was = call->meta.len;

    meta_key(&w, key);
    jw_str(&w, v);
    return settle(&call->meta, was, jw_done(&w));
}

static int by_name(const void *name, const void *def)
{
    return strcmp(name, ((const struct tool_def *)def)->name);
}

const struct tool_def *tool_find(const char *name)
{
    return bsearch(name, tool_defs, tool_def_count, sizeof(*tool_defs), by_name);
}
