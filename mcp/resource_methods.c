#include "mcp/cursor.h"
#include "mcp/resource_list.h"
#include "mcp/resource_uri.h"
#include "mcp/router.h"

#include <string.h>

#define LIST_METHOD "resources/list"

static const struct resource_provider *provider(const struct server_call *c)
{
    return c->conn->srv->resources;
}

/* ---- resources/read ---- */

static const struct resource_def *find_fixed(const struct resource_provider *p, const char *uri)
{
    for (const struct resource_def *r = p->fixed; r && r->entry.uri; r++)
        if (!strcmp(r->entry.uri, uri))
            return r;
    return NULL;
}

static int read_uri(struct server_call *c, const char *uri, struct err *err)
{
    const struct resource_provider *p = provider(c);
    const struct resource_def *fixed = find_fixed(p, uri);

    if (fixed)
        return fixed->read(&c->tool, uri, err);
    for (const struct resource_template *t = p->templates; t && t->entry.uri; t++) {
        AUTO(resource_vars) struct resource_vars vars = { 0 };
        int r = resource_uri_match(t->entry.uri, uri, &vars, err);
        if (r)
            return r < 0 ? -1 : t->read(&c->tool, uri, &vars.map, err);
    }
    return err_set(err, ERR_NOT_FOUND, "no resource has this URI");
}

/* What an error says beside its message; structured is free, as this is no tool. */
static int note_uri(struct server_call *c, const char *uri, struct err *err)
{
    struct jw w = JW(&c->tool.structured, err);

    jw_obj(&w);
    jw_kstr(&w, "uri", uri);
    jw_end(&w);
    return jw_done(&w);
}

static int run_read(struct server_call *c, struct err *err)
{
    yyjson_val *uri = yyjson_obj_get(c->params, "uri");

    if (!yyjson_is_str(uri))
        return err_set(err, ERR_INVALID, "params.uri must be a string");
    if (resource_uri_check(yyjson_get_str(uri), yyjson_get_len(uri), err) ||
        note_uri(c, yyjson_get_str(uri), err) || read_uri(c, yyjson_get_str(uri), err))
        return -1;
    if (!c->tool.content.len)
        return err_set(err, ERR_NOT_FOUND, "nothing was read");
    return 0;
}

static int write_read_error(struct server_call *c, const struct err *failed, struct err *err)
{
    const struct buf *data = &c->tool.structured;
    const char *uri = data->len ? data->data : NULL;

    if (failed->code != ERR_NOT_FOUND && failed->code != ERR_GONE)
        return result_write_error(c, failed, uri, err);
    return rpc_add_error(&c->out, c->id.data, c->revision->no_resource, "Resource not found", uri,
                         err);
}

static int write_read(struct server_call *c, const struct err *failed, struct err *err)
{
    if (failed)
        return write_read_error(c, failed, err);
    if (result_begin(c, err) || !buf_reserve(&c->out, c->tool.content.len + 512, err) ||
        buf_adds(&c->out, "\"contents\":[", err) ||
        buf_add(&c->out, c->tool.content.data, c->tool.content.len, err) ||
        buf_addc(&c->out, ']', err))
        return -1;
    return result_end(c, RESULT_OWN, err);
}

void resources_read(struct inbound *in)
{
    static const struct work work = { .run = run_read, .write = write_read };

    if (in->srv->resources)
        worker_start(in, &work, NULL);
    else
        methods_unknown(in);
}

/* ---- resources/list ---- */

static int list_page(struct server_call *c, struct resource_list *list, struct err *err)
{
    const struct resource_provider *p = provider(c);

    for (const struct resource_def *r = p->fixed; r && r->entry.uri; r++)
        if (resource_list_add(list, &r->entry, err))
            return -1;
    return p->list ? p->list(&c->tool, list, err) : 0;
}

/* The page into content, and when there is another one, nextCursor as a member into structured. */
static int run_list(struct server_call *c, struct err *err)
{
    struct server *srv = c->conn->srv;
    AUTO(cursor) struct cursor from = { 0 };
    AUTO(buf) struct buf last = BUF_MAX(RESOURCE_URI_MAX + 1);
    struct buf *next = &c->tool.structured;
    struct resource_list list = {
        .w = JW(&c->tool.content, err),
        .left = srv->page_size,
        .last = &last,
    };

    if (cursor_read(&srv->key, LIST_METHOD, c->tool.principal, yyjson_obj_get(c->params, "cursor"),
                    &from, err))
        return -1;
    list.after = from.last.len ? from.last.data : NULL;
    if (list_page(c, &list, err))
        return -1;
    if (list.after) {
        list.after = NULL;
        list.skip = from.count - 1; /* the last one of then is not among those before any more */
        list.seen = 0;
        if (list_page(c, &list, err))
            return -1;
    }
    if (!list.more)
        return 0;
    if (buf_adds(next, ",\"nextCursor\":\"", err) ||
        cursor_make(&srv->key, LIST_METHOD, c->tool.principal, list.seen, buf_str(&last), next,
                    err))
        return -1;
    return buf_addc(next, '"', err);
}

static int write_list(struct server_call *c, const struct err *failed, struct err *err)
{
    const struct tool_call *t = &c->tool;

    if (failed)
        return result_write_error(c, failed, NULL, err);
    if (result_begin(c, err) || buf_adds(&c->out, "\"resources\":[", err) ||
        buf_add(&c->out, t->content.data, t->content.len, err) || buf_addc(&c->out, ']', err) ||
        buf_add(&c->out, t->structured.data, t->structured.len, err))
        return -1;
    return result_end(c, RESULT_OWN, err);
}

void resources_list(struct inbound *in)
{
    static const struct work work = { .run = run_list, .write = write_list };

    if (in->srv->resources)
        worker_start(in, &work, NULL);
    else
        methods_unknown(in);
}

/* ---- resources/templates/list ---- */

void resources_templates(struct jw *w, const struct server *srv)
{
    const struct resource_template *t = srv->resources->templates;

    jw_key(w, "resourceTemplates");
    jw_arr(w);
    for (; t && t->entry.uri; t++)
        resource_entry_write(w, "uriTemplate", &t->entry);
    jw_aend(w);
}

void resources_templates_list(struct inbound *in)
{
    lists_reply(in, in->srv->templates);
}
