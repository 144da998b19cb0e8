#include "mcp/prompt.h"

#include "base/b64.h"

#include <string.h>

const char *prompt_value(const struct arg_map *args, const char *name)
{
    for (size_t i = 0; i < args->count; i++)
        if (!strcmp(args->items[i].name, name))
            return args->items[i].value;
    return NULL;
}

/* Opens a message and its content. */
static struct jw message(struct tool_call *call, enum prompt_role role, const char *type,
                         struct err *err)
{
    struct jw w = JW(&call->content, err);

    w.comma = call->content.len > 0;
    jw_obj(&w);
    jw_kstr(&w, "role", role == PROMPT_USER ? "user" : "assistant");
    jw_key(&w, "content");
    jw_obj(&w);
    jw_kstr(&w, "type", type);
    return w;
}

static int end(struct jw *w)
{
    jw_end(w);
    jw_end(w);
    return jw_done(w);
}

int prompt_text(struct tool_call *call, enum prompt_role role, const char *text, size_t len,
                struct err *err)
{
    struct jw w = message(call, role, "text", err);

    jw_key(&w, "text");
    jw_strn(&w, text, len);
    return end(&w);
}

int prompt_textf(struct tool_call *call, enum prompt_role role, struct err *err, const char *fmt,
                 ...)
{
    AUTO(buf) struct buf text = BUF_MAX(TOOL_RESULT_MAX);
    va_list ap;
    int failed;

    va_start(ap, fmt);
    failed = buf_addv(&text, err, fmt, ap);
    va_end(ap);
    return failed ? -1 : prompt_text(call, role, buf_str(&text), text.len, err);
}

int prompt_image(struct tool_call *call, enum prompt_role role, const char *mime, const void *data,
                 size_t len, struct err *err)
{
    struct jw w = message(call, role, "image", err);
    struct buf *out = &call->content;

    jw_kstr(&w, "mimeType", mime);
    jw_key(&w, "data");
    if (jw_done(&w) || buf_addc(out, '"', err) || b64_encode(out, data, len, err) ||
        buf_addc(out, '"', err))
        return -1;
    w.comma = true;
    return end(&w);
}

int prompt_resource(struct tool_call *call, enum prompt_role role, const char *uri,
                    const char *mime, const char *text, size_t len, struct err *err)
{
    struct jw w = message(call, role, "resource", err);

    jw_key(&w, "resource");
    jw_obj(&w);
    jw_kstr(&w, "uri", uri);
    if (mime)
        jw_kstr(&w, "mimeType", mime);
    jw_key(&w, "text");
    jw_strn(&w, text, len);
    jw_end(&w);
    return end(&w);
}
