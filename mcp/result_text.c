#include "mcp/router.h"
#include "mcp/view_parts.h"

#include <string.h>

#define PREFIX "sandbox-mcp/"

/* "[...]" or "{...}" around what a tool made. */
static yyjson_doc *parse(const struct buf *members, const char *around, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(TOOL_RESULT_MAX + 2);

    if (buf_addc(&text, around[0], err) || buf_add(&text, members->data, members->len, err) ||
        buf_addc(&text, around[1], err))
        return NULL;
    return json_parse(text.data, text.len, err);
}

static int join_text(const struct buf *content, struct buf *out, struct err *err)
{
    AUTO_JSON yyjson_doc *doc = parse(content, "[]", err);
    yyjson_val *block;
    size_t i, max;

    if (!doc)
        return -1;
    yyjson_arr_foreach (yyjson_doc_get_root(doc), i, max, block) {
        yyjson_val *text = yyjson_obj_get(block, "text");
        if (yyjson_is_str(text) && buf_add(out, yyjson_get_str(text), yyjson_get_len(text), err))
            return -1;
    }
    return 0;
}

static void add_facts(struct jw *w, yyjson_doc *meta)
{
    yyjson_val *key, *val;
    size_t i, max;

    yyjson_obj_foreach (yyjson_doc_get_root(meta), i, max, key, val) {
        const char *name = yyjson_get_str(key);
        if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 || !strcmp(name, PREFIX "text"))
            continue;
        jw_key(w, name + strlen(PREFIX));
        jw_val(w, val);
    }
}

/* {"text": all of it, "exit_code": 0, ...}: what stands in _meta is beside the text. */
static int make(struct tool_call *t, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(TOOL_RESULT_MAX);
    AUTO_JSON yyjson_doc *meta = parse(&t->meta, "{}", err);
    struct jw w = JW(&t->structured, err);

    if (!meta || join_text(&t->content, &text, err))
        return -1;
    buf_clear(&t->structured);
    jw_obj(&w);
    jw_key(&w, "text");
    jw_strn(&w, buf_str(&text), text.len);
    add_facts(&w, meta);
    jw_end(&w);
    return jw_done(&w);
}

int result_text_structured(struct server_call *c, struct err *err)
{
    enum structured wanted = c->conn->srv->views->structured;

    if (wanted == STRUCTURED_NEVER || c->tool.def->cls == TOOL_IMAGE)
        buf_clear(&c->tool.structured);
    else if (c->tool.def->cls == TOOL_TEXT && wanted == STRUCTURED_ALWAYS)
        return c->revision->structured ? make(&c->tool, err) : 0;
    else if (c->tool.def->cls == TOOL_TEXT)
        buf_clear(&c->tool.structured);
    return 0;
}
