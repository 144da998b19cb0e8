#include "tools/confirm.h"
#include "base/utf8.h"
#include "mcp/ask.h"

#include <string.h>

#define FORM                                                                                \
    ",\"requestedSchema\":{\"type\":\"object\",\"properties\":{\"proceed\":{\"type\":"      \
    "\"boolean\",\"title\":\"Let it go on\",\"description\":\"Yes runs this call once; no " \
    "refuses it.\",\"default\":false}},\"required\":[\"proceed\"]}}"

/* ---- what is live ---- */

static int add_place(struct buf *out, const char *place, size_t *count, struct err *err)
{
    if (++*count > CONFIRM_PLACES)
        return 0;
    return (out->len && buf_adds(out, ", ", err)) || buf_adds(out, place, err) ? -1 : 0;
}

int confirm_places(const struct backend_config *config, struct buf *out, struct err *err)
{
    bool host = config->runtime && !strcmp(config->runtime, "host");
    size_t n = 0;

    if (host && add_place(out, "this machine (no isolation)", &n, err))
        return -1;
    if (config->workspace && !config->workspace_ro && add_place(out, config->workspace, &n, err))
        return -1;
    for (size_t i = 0; i < config->mount_count; i++)
        if (!config->mounts[i].readonly && add_place(out, config->mounts[i].source, &n, err))
            return -1;
    return n > CONFIRM_PLACES ? buf_addf(out, err, " and %zu more", n - CONFIRM_PLACES) : 0;
}

/* ---- what is asked ---- */

static const struct arg_row *find_row(const struct arg_table *table, const char *name,
                                      enum arg_type type)
{
    for (size_t i = 0; table && i < table->count; i++)
        if (table->rows[i].type == type && !strcmp(table->rows[i].name, name))
            return &table->rows[i];
    return NULL;
}

static const char *string_of(const struct arg_table *table, const void *args, const char *name)
{
    const struct arg_row *row = find_row(table, name, ARG_STRING);
    const char *text = NULL;

    if (row)
        memcpy(&text, (const char *)args + row->offset, sizeof(text));
    return text;
}

/* The argument that says what the call is about; NULL when it has none. */
static const char *subject(const struct arg_table *table, const void *args)
{
    static const char *const names[] = { "command", "code", "path", "id" };

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const char *text = string_of(table, args, names[i]);
        if (text && *text)
            return text;
    }
    return NULL;
}

static bool only_looks(const struct arg_table *table, const void *args)
{
    const struct arg_row *row = find_row(table, "dry_run", ARG_BOOL);

    return row && *((const bool *)args + row->offset);
}

/* Characters that turn the direction of text could show the user another command. */
static void flatten(struct buf *text)
{
    for (size_t i = 0; i + 2 < text->len; i++) {
        unsigned char *p = (unsigned char *)text->data + i;
        bool turns = p[0] == 0xe2 && ((p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae) ||
                                      (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
        if (turns)
            memset(p, '?', 3);
    }
}

static size_t count_lines(const char *s)
{
    size_t n = 0;

    while ((s = strchr(s, '\n')) && *++s)
        n++;
    return n;
}

static int add_subject(struct buf *out, const char *before, const char *text, struct err *err)
{
    AUTO(buf) struct buf plain = BUF_MAX(3 * CONFIRM_SHOWN_MAX + 4);
    size_t line, len, more;

    text += strspn(text, "\n\r\t ");
    len = line = strcspn(text, "\n");
    more = count_lines(text);
    if (len > CONFIRM_SHOWN_MAX)
        len = utf8_cut(text, CONFIRM_SHOWN_MAX);
    if (text_add_plain(&plain, text, len, NULL, err))
        return -1;
    flatten(&plain);
    if (buf_adds(out, before, err) || buf_adds(out, buf_str(&plain), err))
        return -1;
    if (line > len && buf_addf(out, err, "... (%zu more bytes)", line - len))
        return -1;
    return more ? buf_addf(out, err, " (and %zu more lines)", more) : 0;
}

/* "from -> to" of what has both. */
static int add_pair(struct buf *out, const char *before, const struct arg_table *table,
                    const void *args, struct err *err)
{
    const char *from = string_of(table, args, "from"), *to = string_of(table, args, "to");

    if (!from || !to)
        return 0;
    return add_subject(out, before, from, err) || add_subject(out, " -> ", to, err) ? -1 : 0;
}

/* The paths or moves of a call that has many. */
static int add_many(struct buf *out, const struct arg_table *table, const void *args,
                    struct err *err)
{
    const struct arg_row *paths = find_row(table, "paths", ARG_STRINGS);
    const struct arg_row *moves = find_row(table, "moves", ARG_OBJECTS);
    struct arg_strings names = { 0 };
    struct arg_objects pairs = { 0 };
    size_t count;

    if (paths)
        memcpy(&names, (const char *)args + paths->offset, sizeof(names));
    if (moves)
        memcpy(&pairs, (const char *)args + moves->offset, sizeof(pairs));
    count = paths ? names.count : pairs.count;
    for (size_t i = 0; i < count && i < CONFIRM_LISTED; i++) {
        const char *before = i ? "\n" : ": ";
        if (paths ? add_subject(out, before, names.items[i], err)
                  : add_pair(out, before, moves->nested,
                             (const char *)pairs.items + i * moves->nested->struct_size, err))
            return -1;
    }
    return count > CONFIRM_LISTED ? buf_addf(out, err, "\nand %zu more", count - CONFIRM_LISTED)
                                  : 0;
}

static int add_about(struct buf *out, const struct arg_table *table, const void *args,
                     struct err *err)
{
    const char *about = subject(table, args);

    if (about)
        return add_subject(out, ": ", about, err);
    return add_pair(out, ": ", table, args, err) || add_many(out, table, args, err) ? -1 : 0;
}

static int write_params(const struct tool_call *call, const void *args, const char *live,
                        struct buf *out, struct err *err)
{
    AUTO(buf) struct buf message = BUF_MAX(CONFIRM_PLACES_MAX + 8192);
    struct jw w = JW(out, err);

    if (buf_adds(&message, call->def->name, err) ||
        add_about(&message, call->def->args, args, err) ||
        buf_addf(&message, err, "\nIt can change or delete what is in %s. Let it go on?", live) ||
        buf_adds(out, "{\"message\":", err))
        return -1;
    jw_str(&w, message.data);
    return jw_done(&w) || buf_adds(out, FORM, err) ? -1 : 0;
}

/* ---- what the user said ---- */

static int judge(const struct tool_call *call, const char *live, yyjson_val *answer,
                 struct err *err)
{
    bool dismissed = yyjson_equals_str(yyjson_obj_get(answer, "action"), "cancel");

    if (ask_accepted(answer) && json_bool(yyjson_obj_get(answer, "content"), "proceed", false))
        return 0;
    if (dismissed) {
        err_set(err, ERR_DENIED, "the user did not say whether %s may act on %s", call->def->name,
                live);
        return err_next(err, "call again when the user is ready to answer");
    }
    err_set(err, ERR_DENIED, "the user refused to let %s act on %s", call->def->name, live);
    return err_next(err, "ask the user what to do instead; do not try another way around it");
}

int confirm_call(struct tool_call *call, const void *args, struct err *err)
{
    const struct tools_context *ctx = call->context;
    AUTO(buf) struct buf params = BUF_MAX(6 * CONFIRM_PLACES_MAX + 65536);
    struct ask question = { .key = "confirm", .kind = ASK_FORM, .once = true };
    yyjson_val *answer = NULL;

    if (!ctx->confirm || !call->def->destructive || only_looks(call->def->args, args))
        return 0;
    if (!ask_possible(call, 1u << ASK_FORM)) {
        err_set(err, ERR_UNSUPPORTED,
                "%s acts on %s, and this client cannot ask its user first: it does not declare "
                "the capability elicitation (form)",
                call->def->name, ctx->confirm);
        err_next(err, "use a client that can ask, or have the server started without --confirm");
        return ask_lacking(call, 1u << ASK_FORM, err);
    }
    if (write_params(call, args, ctx->confirm, &params, err))
        return -1;
    question.params = params.data;
    if (ask(call, &question, 1, &answer, err))
        return -1;
    return judge(call, ctx->confirm, answer, err);
}
