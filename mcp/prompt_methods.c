#include "mcp/router.h"
#include "mcp/view_parts.h"

#include <string.h>

/* ---- arguments ---- */

static int check_text(yyjson_val *v, const char *what, const char *name, struct err *err)
{
    if (!yyjson_is_str(v))
        return err_set(err, ERR_INVALID, "%s.%.100s must be a string", what, name);
    if (yyjson_get_len(v) > PROMPT_VALUE_MAX)
        return err_set(err, ERR_INVALID, "%s.%.100s has more than %d bytes", what, name,
                       PROMPT_VALUE_MAX);
    if (strlen(yyjson_get_str(v)) != yyjson_get_len(v))
        return err_set(err, ERR_INVALID, "%s.%.100s holds a NUL", what, name);
    return 0;
}

int prompts_read_args(yyjson_val *given, const char *what, struct prompt_args *out, struct err *err)
{
    yyjson_val *key, *value;
    size_t i, n;

    *out = (struct prompt_args){ .map.items = out->pairs };
    if (!given || yyjson_is_null(given))
        return 0;
    if (!yyjson_is_obj(given))
        return err_set(err, ERR_INVALID, "%s must be an object", what);
    yyjson_obj_foreach (given, i, n, key, value) {
        if (i == PROMPT_ARGS_MAX)
            return err_set(err, ERR_INVALID, "%s has more than %d members", what, PROMPT_ARGS_MAX);
        if (check_text(value, what, yyjson_get_str(key), err))
            return -1;
        out->pairs[out->map.count++] =
            (struct arg_pair){ yyjson_get_str(key), yyjson_get_str(value) };
    }
    return 0;
}

const struct prompt_arg *prompts_find_arg(const struct prompt_def *def, const char *name)
{
    for (const struct prompt_arg *a = def->args; a && a->name; a++)
        if (!strcmp(a->name, name))
            return a;
    return NULL;
}

static int check_args(const struct prompt_def *def, const struct arg_map *args, struct err *err)
{
    for (const struct prompt_arg *a = def->args; a && a->name; a++)
        if (a->required && !prompt_value(args, a->name))
            return err_set(err, ERR_INVALID, "Missing required argument: %s", a->name);
    for (size_t i = 0; i < args->count; i++)
        if (!prompts_find_arg(def, args->items[i].name))
            return err_set(err, ERR_INVALID, "Unknown argument of %s: %.100s", def->name,
                           args->items[i].name);
    return 0;
}

/* ---- prompts/get ---- */

const struct prompt_def *prompts_find(const struct server *srv, const char *name)
{
    for (const struct prompt_def *p = srv->prompts; p && p->name; p++)
        if (!strcmp(p->name, name) && views_allow(srv, p->tools))
            return p;
    return NULL;
}

static int run_get(struct server_call *c, struct err *err)
{
    const char *name = json_str(c->params, "name");
    const struct prompt_def *def = name ? prompts_find(c->conn->srv, name) : NULL;
    struct jw w = JW(&c->tool.structured, err);
    struct prompt_args args;

    if (!name)
        return err_set(err, ERR_INVALID, "params.name must be a string");
    if (!def)
        return err_set(err, ERR_INVALID, "Unknown prompt: %.100s", name);
    if (prompts_read_args(yyjson_obj_get(c->params, "arguments"), "params.arguments", &args, err) ||
        check_args(def, &args.map, err))
        return -1;
    jw_str(&w, def->description);
    return jw_done(&w) || def->get(&c->tool, &args.map, err) ? -1 : 0;
}

static int write_get(struct server_call *c, const struct err *failed, struct err *err)
{
    const struct tool_call *t = &c->tool;

    if (failed)
        return result_write_error(c, failed, NULL, err);
    if (result_begin(c, err) || !buf_reserve(&c->out, t->content.len + 512, err) ||
        buf_addf(&c->out, err, "\"description\":%s,\"messages\":[", buf_str(&t->structured)) ||
        buf_add(&c->out, t->content.data, t->content.len, err) || buf_addc(&c->out, ']', err))
        return -1;
    return result_end(c, RESULT_PLAIN, err);
}

void prompts_get(struct inbound *in)
{
    static const struct work work = { .run = run_get, .write = write_get };

    if (in->srv->prompts)
        worker_start(in, &work, NULL);
    else
        methods_unknown(in);
}

/* ---- prompts/list ---- */

static void add_text(struct jw *w, const char *key, const char *text)
{
    if (text)
        jw_kstr(w, key, text);
}

static void add_prompt(struct jw *w, const struct prompt_def *p)
{
    jw_obj(w);
    jw_kstr(w, "name", p->name);
    add_text(w, "title", p->title);
    add_text(w, "description", p->description);
    jw_key(w, "arguments");
    jw_arr(w);
    for (const struct prompt_arg *a = p->args; a && a->name; a++) {
        jw_obj(w);
        jw_kstr(w, "name", a->name);
        add_text(w, "title", a->title);
        add_text(w, "description", a->description);
        jw_kbool(w, "required", a->required);
        jw_end(w);
    }
    jw_aend(w);
    jw_end(w);
}

void prompts_all(struct jw *w, const struct server *srv)
{
    jw_key(w, "prompts");
    jw_arr(w);
    for (const struct prompt_def *p = srv->prompts; p && p->name; p++)
        if (views_allow(srv, p->tools))
            add_prompt(w, p);
    jw_aend(w);
}

void prompts_list(struct inbound *in)
{
    lists_reply(in, in->srv->prompt_list);
}
