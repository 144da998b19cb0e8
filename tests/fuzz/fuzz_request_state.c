/*
 * What a client brings back to a call that asked: requestState and inputResponses. An input is a
 * letter, then lines: the state, then the responses.
 *   r    the state is a text as it came
 *   s    it is a payload, which is sealed for this call first: nothing then trusts it blindly
 *   o    the responses of `two` questions, one of them usable once; else of one form
 *
 * Whatever comes in: one answer, which is JSON; a text that was not made here never opens; and the
 * handler goes on only with answers that are what was asked for.
 *
 * covers: base/sealed.c mcp/mrtr.c mcp/ask_answer.c mcp/once.c
 * seeds: tests/fuzz/seeds/request_state
 */
#include "base/clock.h"
#include "base/id.h"
#include "mcp/ask.h"
#include "mcp/server.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORM                                                                                    \
    "{\"message\":\"m\",\"requestedSchema\":{\"type\":\"object\",\"properties\":{\"ok\":{"      \
    "\"type\":\"boolean\"},\"n\":{\"type\":\"integer\",\"maximum\":9},\"when\":{\"type\":"      \
    "\"string\",\"format\":\"date-time\"},\"day\":{\"type\":\"string\",\"format\":\"date\"},"   \
    "\"to\":{\"type\":\"string\",\"format\":\"email\"},\"at\":{\"type\":\"string\",\"format\":" \
    "\"uri\"},\"of\":{\"type\":\"array\",\"items\":{\"enum\":[\"a\",\"b\"]}}},\"required\":["   \
    "\"ok\"]}}"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct server *server;
static struct server_conn *conn;
static struct sealed_key key;
static bool two, went_on;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int finished;

static void check_form(yyjson_val *answer)
{
    yyjson_val *content = yyjson_obj_get(answer, "content");

    if (!yyjson_is_str(yyjson_obj_get(answer, "action")))
        abort();
    if (ask_accepted(answer) && !yyjson_is_bool(yyjson_obj_get(content, "ok")))
        abort();
}

/* Instead of the tool: asks, and never lets it run. */
static int before(struct tool_call *call, const void *args, struct err *err)
{
    static const struct ask asks[] = {
        { .key = "form", .kind = ASK_FORM, .params = FORM },
        { .key = "talk", .kind = ASK_SAMPLING, .params = "{}", .once = true },
        { .key = "where", .kind = ASK_ROOTS },
    };
    yyjson_val *answers[3];

    (void)args;
    if (ask_set_state(call, ask_state(call), err))
        return -1;
    if (ask(call, asks, two ? 3 : 1, answers, err))
        return -1;
    check_form(answers[0]);
    if (two && (!yyjson_is_str(yyjson_obj_get(answers[1], "role")) ||
                !yyjson_is_arr(yyjson_obj_get(answers[2], "roots"))))
        abort();
    went_on = true;
    return err_set(err, ERR_DENIED, "the end");
}

static void start(void)
{
    struct server_config config = {
        .name = "fuzz",
        .version = "1",
        .max_calls = 4,
        .can = ~0u,
        .before = before,
        .key = &key,
    };
    struct caller caller = { .principal = "fuzz", .sandbox = "box", .scopes = SCOPE_ALL };

    if (sealed_key_from_secret(&key, "0123456789abcdef0123456789abcdef", 32, NULL) ||
        server_new(&config, &server, NULL) || server_conn_new(server, &caller, &conn, NULL))
        abort();
}

static void notify(struct reply_sink *sink, const char *json, size_t len)
{
    (void)sink, (void)json, (void)len;
    abort();
}

static void finish(struct reply_sink *sink, int http_status, const char *json, size_t len)
{
    yyjson_doc *doc = yyjson_read(json, len, 0);

    (void)sink;
    if (!doc || (http_status != 200 && http_status != 400))
        abort();
    yyjson_doc_free(doc);
    pthread_mutex_lock(&lock);
    finished++;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void handle(const struct buf *message)
{
    struct reply_sink sink = { .notify = notify, .finish = finish };

    finished = 0;
    went_on = false;
    server_handle(server, conn, message->data, message->len, NULL, &sink, NULL);
    pthread_mutex_lock(&lock);
    while (!finished)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    if (finished != 1)
        abort();
}

/* The use that mrtr.c has for the call below. */
static void seal(const char *payload, size_t len, struct buf *out)
{
    char arguments[65], bound[256], digest[65];
    struct sealed_use use = { SEALED_STATE, digest, 64 };

    sha256_hex("{\"command\":\"x\"}", 15, arguments);
    snprintf(bound, sizeof(bound), "[\"fuzz\",\"box\",\"tools/call\",\"terminal_execute\",\"%s\"]",
             arguments);
    sha256_hex(bound, strlen(bound), digest);
    if (sealed_make(&key, &use, clock_wall_ms() + 60000, payload, len, out, NULL))
        abort();
}

static void check_raw(const char *text, size_t len)
{
    struct sealed_use use = { SEALED_STATE, "", 0 };
    AUTO(buf) struct buf payload = BUF_MAX(SEALED_PAYLOAD_MAX);

    if (!sealed_open(&key, &use, text, len, &payload, NULL))
        abort();
}

static void begin(struct buf *out)
{
    if (buf_adds(out,
                 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":"
                 "\"terminal_execute\",\"arguments\":{\"command\":\"x\"},\"_meta\":{"
                 "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
                 "\"io.modelcontextprotocol/clientCapabilities\":{\"elicitation\":{},"
                 "\"sampling\":{},\"roots\":{}}}",
                 NULL))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf) struct buf message = BUF_MAX(1024 * 1024), state = BUF_MAX(1024 * 1024);
    struct jw w = JW(&message, NULL);
    const char *text = (const char *)data + 1, *end;
    size_t len;

    if (!server)
        start();
    if (size < 1 || size > 8192)
        return 0;
    end = memchr(text, '\n', size - 1);
    len = end ? (size_t)(end - text) : size - 1;
    two = *data & 1; /* 'o', 's' */
    if (*data == 'r') {
        check_raw(text, len);
        if (buf_add(&state, text, len, NULL))
            abort();
    } else if (*data == 's') {
        seal(text, len, &state);
    }
    begin(&message);
    w.comma = true;
    if (*data == 'r' || *data == 's') {
        jw_key(&w, "requestState");
        jw_strn(&w, buf_str(&state), state.len);
    }
    if (end) {
        jw_key(&w, "inputResponses");
        jw_raw(&w, end + 1, size - 2 - len);
    }
    if (jw_done(&w) || buf_adds(&message, "}}", NULL))
        abort();
    handle(&message);
    return 0;
}
