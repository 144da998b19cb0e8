#include "mcp/router.h"
#include "mcp/view_parts.h"

/* Of a text result, when clients shall get it as structuredContent. */
static const char text_schema[] = "{\"type\":\"object\",\"properties\":{\"text\":"
                                  "{\"type\":\"string\"}},\"required\":[\"text\"]}";

static const char *output_schema(const struct tool_def *def, enum structured structured)
{
    if (structured == STRUCTURED_NEVER)
        return NULL;
    if (def->output_schema || structured == STRUCTURED_AUTO)
        return def->output_schema;
    return def->cls == TOOL_TEXT ? text_schema : NULL;
}

static void add_annotations(struct jw *w, const struct tool_def *def, bool titled, bool open_world)
{
    jw_key(w, "annotations");
    jw_obj(w);
    if (titled)
        jw_kstr(w, "title", def->title);
    jw_kbool(w, "readOnlyHint", def->read_only);
    jw_kbool(w, "destructiveHint", def->destructive);
    jw_kbool(w, "idempotentHint", def->idempotent);
    jw_kbool(w, "openWorldHint", open_world);
    jw_end(w);
}

static void add_tool(struct jw *w, const struct tool_def *def, enum list_form form,
                     const struct views *views, bool read_only)
{
    bool open_world = def->open_world && (!def->open_world_by_policy || views->open_world);
    bool narrowed = read_only && def->input_schema_read_only;
    const char *output = output_schema(def, views->structured);

    jw_obj(w);
    jw_kstr(w, "name", def->name);
    if (form >= LIST_FULL)
        jw_kstr(w, "title", def->title);
    jw_kstr(w, "description", def->description);
    jw_kraw(w, "inputSchema", narrowed ? def->input_schema_read_only : def->input_schema);
    if (form >= LIST_FULL && output)
        jw_kraw(w, "outputSchema", output);
    if (form >= LIST_ANNOTATED)
        add_annotations(w, def, form == LIST_ANNOTATED, open_world);
    jw_end(w);
}

static void add_modern(struct jw *w, const struct server *srv, bool private)
{
    jw_kint(w, "ttlMs", private ? LIST_OWN_TTL_MS : LIST_TTL_MS);
    jw_kstr(w, "cacheScope", private ? "private" : "public");
    jw_key(w, "_meta");
    jw_obj(w);
    jw_kraw(w, "io.modelcontextprotocol/serverInfo", srv->info.data);
    jw_end(w);
}

static int make_list(struct server *srv, struct tool_view *view, enum list_form form,
                     struct err *err)
{
    const struct views *views = srv->views;
    struct buf *out = &view->lists[form];
    struct jw w = JW(out, err);

    buf_init(out, LIST_MAX);
    if (buf_adds(out, ",\"result\":", err))
        return -1;
    jw_obj(&w);
    if (form == LIST_MODERN)
        jw_kstr(&w, "resultType", "complete");
    jw_key(&w, "tools");
    jw_arr(&w);
    for (size_t i = 0; i < tool_def_count; i++)
        if (tool_set_has(&view->has, i))
            add_tool(&w, &tool_defs[i], form, views, view->read_only);
    jw_aend(&w);
    if (form == LIST_MODERN)
        add_modern(&w, srv, views->by_token);
    jw_end(&w);
    return jw_done(&w) || buf_addc(out, '}', err) ? -1 : 0;
}

int lists_of_view(struct server *srv, struct tool_view *view, struct err *err)
{
    for (int form = 0; form < LIST_FORM_COUNT; form++)
        if (make_list(srv, view, (enum list_form)form, err))
            return -1;
    return 0;
}

bool lists_view(struct inbound *in)
{
    struct err err = { 0 };

    if (!view_narrow(in->srv, in->conn->view, in->scopes, &in->view, &err))
        return true;
    reply_error(in, 200, RPC_INTERNAL, NULL, "%s", err.msg);
    return false;
}

void lists_reply_tools(struct inbound *in)
{
    const struct buf *list;

    if (!lists_view(in))
        return;
    list = &in->view->lists[in->revision->list];
    reply_tail(in, list->data, list->len);
}

/* A list of what is fixed at the launch, in the forms of both eras. */
static int make_fixed(struct server *srv, void (*write)(struct jw *w, const struct server *srv),
                      struct buf out[2], struct err *err)
{
    for (int modern = 0; modern < 2; modern++) {
        struct jw w = JW(&out[modern], err);

        buf_init(&out[modern], LIST_MAX);
        if (buf_adds(&out[modern], ",\"result\":", err))
            return -1;
        jw_obj(&w);
        if (modern)
            jw_kstr(&w, "resultType", "complete");
        write(&w, srv);
        if (modern)
            add_modern(&w, srv, false);
        jw_end(&w);
        if (jw_done(&w) || buf_addc(&out[modern], '}', err))
            return -1;
    }
    return 0;
}

void lists_reply(struct inbound *in, const struct buf list[2])
{
    yyjson_val *cursor = yyjson_obj_get(in->msg.params, "cursor");
    const struct buf *form = &list[in->revision->modern];

    if (!form->len)
        methods_unknown(in);
    else if (cursor && !yyjson_is_null(cursor))
        reply_error(in, 200, RPC_PARAMS, NULL, "invalid cursor: the list has one page");
    else
        reply_tail(in, form->data, form->len);
}

static int make_info(struct server *srv, const struct server_config *config, struct err *err)
{
    struct jw w = JW(&srv->info, err);

    buf_init(&srv->info, 4096);
    jw_obj(&w);
    jw_kstr(&w, "name", config->name);
    if (config->title)
        jw_kstr(&w, "title", config->title);
    jw_kstr(&w, "version", config->version);
    jw_end(&w);
    return jw_done(&w);
}

static int make_instructions(struct server *srv, const struct server_config *config,
                             struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(8192);
    struct jw w = JW(&srv->instructions, err);

    buf_init(&srv->instructions, 16384);
    if (buf_adds(&text, config->instructions ?: "", err))
        return -1;
    for (const struct tool_note *note = config->notes; note && note->text; note++)
        if (views_allow(srv, note->tools) && buf_adds(&text, note->text, err))
            return -1;
    if (text.len)
        jw_strn(&w, text.data, text.len);
    return jw_done(&w);
}

static int make_discover(struct server *srv, struct err *err)
{
    AUTO(buf) struct buf versions = BUF_MAX(1024);
    struct jw w = JW(&srv->discover, err);

    buf_init(&srv->discover, 32768);
    if (revision_add_names(&versions, err) || buf_adds(&srv->discover, ",\"result\":", err))
        return -1;
    jw_obj(&w);
    jw_kstr(&w, "resultType", "complete");
    jw_kraw(&w, "supportedVersions", versions.data);
    jw_kraw(&w, "capabilities", srv->capabilities[1].data);
    if (srv->instructions.len)
        jw_kraw(&w, "instructions", srv->instructions.data);
    add_modern(&w, srv, false);
    jw_end(&w);
    return jw_done(&w) || buf_addc(&srv->discover, '}', err) ? -1 : 0;
}

int lists_make(struct server *srv, const struct server_config *config, struct err *err)
{
    if (make_info(srv, config, err) || views_make(srv, config, err) ||
        make_instructions(srv, config, err) || capabilities_make(srv, config, err) ||
        make_discover(srv, err))
        return -1;
    if (config->resources && make_fixed(srv, resources_templates, srv->templates, err))
        return -1;
    if (config->prompts && make_fixed(srv, prompts_all, srv->prompt_list, err))
        return -1;
    return raw_args_make(srv, err);
}

void lists_done(struct server *srv)
{
    buf_done(&srv->info);
    buf_done(&srv->instructions);
    buf_done(&srv->discover);
    for (int era = 0; era < 2; era++) {
        buf_done(&srv->capabilities[era]);
        buf_done(&srv->templates[era]);
        buf_done(&srv->prompt_list[era]);
    }
    views_done(srv);
    raw_args_done(srv);
}
