/*
 * A server with resources and prompts of its own, on top of router_fixture.h. One
 * server, and a new connection for each message.
 */
#ifndef TESTS_UNIT_RESOURCE_FIXTURE_H
#define TESTS_UNIT_RESOURCE_FIXTURE_H

#include "tests/unit/router_fixture.h"

#define ID(id) "{'jsonrpc':'2.0','id':" id ",'method':"
#define READ(uri) ID("1") "'resources/read','params':{'uri':'" uri "'}}"
#define PAGE 3
#define OWN_COUNT 8
#define CURSOR_ROOM 1024

static int reads;         /* of templates, since the last message */
static int own_gone = -1; /* own://N that is not there */
static const char *caller = "me";

/* ---- resources ---- */

static int read_text(struct tool_call *call, const char *uri, struct err *err)
{
    return resource_text(call, uri, "text/plain", "fixed", 5, err);
}

static int read_blob(struct tool_call *call, const char *uri, struct err *err)
{
    return resource_blob(call, uri, NULL, "\0\1\2", 3, err);
}

static int read_nothing(struct tool_call *call UNUSED, const char *uri UNUSED,
                        struct err *err UNUSED)
{
    return 0;
}

static int read_var(struct tool_call *call, const char *uri, const struct arg_map *vars,
                    struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RESOURCE_URI_MAX * 2);
    const char *value = vars->items[0].value;

    reads++;
    CHECK_INT(vars->count, 1);
    if (!strcmp(value, "gone"))
        return err_set(err, ERR_NOT_FOUND, "it went away");
    if (!strcmp(value, "bad"))
        return err_set(err, ERR_INVALID, "a bad one");
    if (!strcmp(value, "large")) {
        err_set(err, ERR_TOO_LARGE, "told to");
        return err_next(err, "ask less");
    }
    if (buf_addf(&text, err, "%s=%s", vars->items[0].name, value))
        return -1;
    return resource_text(call, uri, NULL, text.data, text.len, err);
}

static int complete_var(struct tool_call *call UNUSED, const char *variable, const char *value,
                        const struct arg_map *known, struct completion *out, struct err *err)
{
    char text[128];

    if (!strcmp(value, "many"))
        for (int i = 0; i < COMPLETE_MAX + 1; i++)
            if (complete_add(out, "many", err))
                return -1;
    snprintf(text, sizeof(text), "%s/%s/%s", variable, value,
             known->count ? known->items[0].value : "-");
    return complete_add(out, text, err);
}

static int list_own(struct tool_call *call UNUSED, struct resource_list *list, struct err *err)
{
    for (int i = 0; i < OWN_COUNT; i++) {
        char uri[32];
        if (i == own_gone)
            continue;
        snprintf(uri, sizeof(uri), "own://%d", i);
        if (resource_list_add(list, &(struct resource_entry){ .uri = uri, .name = uri }, err))
            return -1;
    }
    return 0;
}

static const struct resource_def own_fixed[] = {
    { { .uri = "test://text", .name = "text", .mime = "text/plain" }, read_text },
    { { .uri = "test://blob", .name = "blob", .size = 3 }, read_blob },
    { { .uri = "test://empty", .name = "empty", .title = "E", .description = "D" }, read_nothing },
    { { .uri = NULL }, NULL },
};

static const struct resource_template own_templates[] = {
    { { .uri = "test://thing/{id}/data", .name = "thing" }, read_var, complete_var },
    { { .uri = "test://file/{+path}", .name = "file", .mime = "text/plain" }, read_var, NULL },
    { { .uri = NULL }, NULL, NULL },
};

static const struct resource_provider own_resources = { own_fixed, own_templates, list_own };

/* ---- prompts ---- */

static int get_greet(struct tool_call *call, const struct arg_map *args, struct err *err)
{
    const char *tone = prompt_value(args, "tone");

    if (tone && !strcmp(tone, "rude"))
        return err_set(err, ERR_INVALID, "tone: be kind");
    if (prompt_textf(call, PROMPT_USER, err, "Greet %s (%s)", prompt_value(args, "who"),
                     tone ? tone : "any"))
        return -1;
    return prompt_image(call, PROMPT_ASSISTANT, "image/png", "png", 3, err) ||
                   prompt_resource(call, PROMPT_USER, "test://text", "text/plain", "fixed", 5, err)
               ? -1
               : 0;
}

static int get_plain(struct tool_call *call, const struct arg_map *args UNUSED, struct err *err)
{
    return prompt_text(call, PROMPT_USER, "plain \xff", 7, err);
}

static int complete_greet(struct tool_call *call UNUSED, const char *argument, const char *value,
                          const struct arg_map *known UNUSED, struct completion *out,
                          struct err *err)
{
    static const char *const tones[] = { "kind", "kindest", "short", NULL };

    if (!strcmp(value, "fail"))
        return err_set(err, ERR_UNAVAILABLE, "nobody knows");
    return strcmp(argument, "tone") ? 0 : complete_choices(out, tones, value, err);
}

static const struct prompt_arg greet_args[] = {
    { .name = "who", .title = "Who", .description = "whom", .required = true },
    { .name = "tone" },
    { .name = NULL },
};

static const struct prompt_def own_prompts[] = {
    { "greet", "Greet", "greets", greet_args, get_greet, complete_greet, NULL },
    { "plain", NULL, "plain text", NULL, get_plain, NULL, NULL },
    { .name = NULL },
};

/* ---- a server ---- */

static const struct server_config own_config = {
    .name = "test",
    .version = "1",
    .max_calls = 8,
    .can = CAN_ALL,
    .resources = &own_resources,
    .prompts = own_prompts,
    .page_size = PAGE,
};
static struct server *server;

/* The answer in a connection of its own. */
static const char *answer(const char *message, bool is_legacy)
{
    struct server_conn *conn = NULL;
    struct err err = { 0 };
    const char *got;

    reads = 0;
    CHECK(!server_conn_new(server, &(struct caller){ .principal = caller, .scopes = SCOPE_ALL },
                           &conn, &err));
    if (is_legacy)
        CHECK_HAS(ask(server, conn,
                      ID("0") "'initialize','params':{'protocolVersion':"
                              "'2025-11-25'}}",
                      NULL, NULL),
                  "2025-11-25");
    got = ask(server, conn, message, NULL, NULL);
    server_conn_close(conn, CALL_CANCELLED);
    return got;
}

static void begin_server(const struct server_config *with)
{
    struct err err = { 0 };

    server_free(server);
    server = NULL;
    if (server_new(with, &server, &err))
        FAIL("%s", err.msg);
}

/* A whole message. */
__attribute__((format(printf, 1, 2), unused)) static const char *legacy(const char *fmt, ...)
{
    static char message[65536];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    return answer(message, true);
}

/* A method, and members of its params. */
__attribute__((format(printf, 2, 3), unused)) static const char *modern(const char *method,
                                                                        const char *fmt, ...)
{
    static char message[65536];
    va_list ap;
    int n = snprintf(message, sizeof(message), ID("1") "'%s','params':{" META_MODERN ",", method);

    va_start(ap, fmt);
    n += vsnprintf(message + n, sizeof(message) - (size_t)n, fmt, ap);
    va_end(ap);
    snprintf(message + n, sizeof(message) - (size_t)n, "}}");
    return answer(message, false);
}

/* nextCursor of a result into out; false when there is none. */
__attribute__((unused)) static bool take_cursor(const char *result, char out[CURSOR_ROOM])
{
    const char *at = strstr(result, "\"nextCursor\":\"");
    size_t len;

    if (!at)
        return false;
    at += 14;
    len = strcspn(at, "\"");
    CHECK(len < CURSOR_ROOM);
    memcpy(out, at, len);
    out[len] = '\0';
    return true;
}

#endif
