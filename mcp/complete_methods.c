#include "mcp/resource_uri.h"
#include "mcp/router.h"

#include <string.h>

/* Who may know values, and for which argument. */
struct question {
    const struct prompt_def *prompt;
    const struct resource_template *template;
    const char *argument, *value;
    struct prompt_args known;
};

static const struct resource_template *find_template(const struct server *srv, const char *uri)
{
    const struct resource_template *t = srv->resources ? srv->resources->templates : NULL;

    for (; t && t->entry.uri; t++)
        if (!strcmp(t->entry.uri, uri))
            return t;
    return NULL;
}

static int read_ref(struct server_call *c, struct question *q, struct err *err)
{
    yyjson_val *ref = yyjson_obj_get(c->params, "ref");
    const char *type = json_str(ref, "type");
    const char *name = json_str(ref, "name"), *uri = json_str(ref, "uri");

    if (type && !strcmp(type, "ref/prompt") && name)
        q->prompt = prompts_find(c->conn->srv, name);
    else if (type && !strcmp(type, "ref/resource") && uri)
        q->template = find_template(c->conn->srv, uri);
    else
        return err_set(err, ERR_INVALID,
                       "params.ref must be a ref/prompt with a name or a ref/resource with a uri");
    if (!q->prompt && !q->template)
        return err_set(err, ERR_INVALID, "Unknown reference: %.200s", name && !uri ? name : uri);
    return 0;
}

static int read_argument(struct server_call *c, struct question *q, struct err *err)
{
    yyjson_val *argument = yyjson_obj_get(c->params, "argument");
    yyjson_val *value = yyjson_obj_get(argument, "value");

    q->argument = json_str(argument, "name");
    q->value = yyjson_get_str(value);
    if (!q->argument || !q->value)
        return err_set(err, ERR_INVALID, "params.argument must have a name and a value");
    if (yyjson_get_len(value) > COMPLETE_VALUE_MAX || strlen(q->value) != yyjson_get_len(value))
        return err_set(err, ERR_INVALID, "params.argument.value has more than %d bytes or a NUL",
                       COMPLETE_VALUE_MAX);
    if (q->prompt ? !prompts_find_arg(q->prompt, q->argument)
                  : !resource_uri_has_var(q->template->entry.uri, q->argument))
        return err_set(err, ERR_INVALID, "Unknown argument: %.100s", q->argument);
    return 0;
}

static int answer(struct server_call *c, const struct completion *found, struct err *err)
{
    struct jw w = JW(&c->tool.content, err);

    jw_obj(&w);
    jw_key(&w, "values");
    jw_arr(&w);
    jw_raw(&w, buf_str(&found->values), found->values.len);
    jw_aend(&w);
    if (found->total >= 0)
        jw_kint(&w, "total", found->total);
    jw_kbool(&w, "hasMore", found->has_more);
    jw_end(&w);
    return jw_done(&w);
}

static int run_complete(struct server_call *c, struct err *err)
{
    struct completion found = { .total = -1 };
    yyjson_val *context = yyjson_obj_get(c->params, "context");
    struct question q = { 0 };
    int r = 0;

    if (read_ref(c, &q, err) || read_argument(c, &q, err) ||
        prompts_read_args(yyjson_obj_get(context, "arguments"), "params.context.arguments",
                          &q.known, err))
        return -1;
    buf_init(&found.values, COMPLETE_MAX * 6 * (COMPLETE_VALUE_MAX + 1));
    if (q.prompt && q.prompt->complete)
        r = q.prompt->complete(&c->tool, q.argument, q.value, &q.known.map, &found, err);
    if (q.template && q.template->complete)
        r = q.template->complete(&c->tool, q.argument, q.value, &q.known.map, &found, err);
    if (!r)
        r = answer(c, &found, err);
    buf_done(&found.values);
    return r;
}

static int write_complete(struct server_call *c, const struct err *failed, struct err *err)
{
    if (failed)
        return result_write_error(c, failed, NULL, err);
    if (result_begin(c, err) ||
        buf_addf(&c->out, err, "\"completion\":%s", buf_str(&c->tool.content)))
        return -1;
    return result_end(c, RESULT_PLAIN, err);
}

void completion_complete(struct inbound *in)
{
    static const struct work work = { .run = run_complete, .write = write_complete };

    if (in->srv->prompts || in->srv->resources)
        worker_start(in, &work, NULL);
    else
        methods_unknown(in);
}
