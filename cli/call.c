#include "base/json.h"
#include "base/utf8.h"
#include "cli/cli.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct waiter {
    struct reply_sink sink;
    pthread_mutex_t lock;
    pthread_cond_t done;
    struct buf reply;
    bool finished;
};

static void ignore(struct reply_sink *sink UNUSED, const char *json UNUSED, size_t len UNUSED)
{
}

static void finish(struct reply_sink *sink, int http_status UNUSED, const char *json, size_t len)
{
    struct waiter *w = (struct waiter *)(void *)sink;

    pthread_mutex_lock(&w->lock);
    if (json && buf_add(&w->reply, json, len, NULL))
        buf_clear(&w->reply);
    w->finished = true;
    pthread_cond_signal(&w->done);
    pthread_mutex_unlock(&w->lock);
}

static int make_message(struct buf *out, const char *tool, const char *arguments, struct err *err)
{
    AUTO_JSON yyjson_doc *doc = json_parse(arguments, strlen(arguments), err);
    struct jw w = JW(out, err);

    if (!doc)
        return err_wrap(err, "arguments");
    jw_obj(&w);
    jw_kstr(&w, "jsonrpc", "2.0");
    jw_kint(&w, "id", 1);
    jw_kstr(&w, "method", "tools/call");
    jw_key(&w, "params");
    jw_obj(&w);
    jw_kstr(&w, "name", tool);
    jw_key(&w, "arguments");
    jw_val(&w, yyjson_doc_get_root(doc));
    jw_kraw(&w, "_meta",
            "{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
            "\"io.modelcontextprotocol/clientCapabilities\":{}}");
    jw_end(&w);
    jw_end(&w);
    return jw_done(&w);
}

static void print_text(const char *text, size_t len)
{
    AUTO(buf) struct buf clean = BUF_MAX(len * 3 + 16);

    if (isatty(STDOUT_FILENO) && !text_add_plain(&clean, text, len, NULL, NULL)) {
        text = buf_str(&clean);
        len = clean.len;
    }
    fwrite(text, 1, len, stdout);
    if (len && text[len - 1] != '\n')
        putchar('\n');
}

static void print_block(yyjson_val *block)
{
    yyjson_val *text = yyjson_obj_get(block, "text");
    const char *mime = json_str(block, "mimeType");

    if (yyjson_is_str(text))
        print_text(yyjson_get_str(text), yyjson_get_len(text));
    else
        printf("[%s%s%s]\n", json_str(block, "type") ? json_str(block, "type") : "content",
               mime ? " " : "", mime ? mime : "");
}

/* The exit status for the reply, which is printed. */
static int print_reply(const struct buf *reply, struct err *err)
{
    AUTO_JSON yyjson_doc *doc = yyjson_read(buf_str(reply), reply->len, 0);
    yyjson_val *root = yyjson_doc_get_root(doc), *result = yyjson_obj_get(root, "result");
    yyjson_val *error = yyjson_obj_get(root, "error"), *block;
    size_t i, max;

    if (error)
        return err_set(err, ERR_INVALID, "%s", json_str(error, "message"));
    if (!result)
        return err_set(err, ERR_PROTOCOL, "no answer");
    yyjson_arr_foreach (yyjson_obj_get(result, "content"), i, max, block) {
        print_block(block);
    }
    if (fflush(stdout) || ferror(stdout))
        return err_set(err, ERR_UNAVAILABLE, "the result could not be written to stdout");
    return json_bool(result, "isError", false) ? 1 : 0;
}

static int ask(struct server *server, const char *sandbox, const struct buf *message,
               struct waiter *w, struct err *err)
{
    struct server_conn *conn;
    struct http_facts facts = { 0 };

    if (server_conn_new(server, "local", sandbox, &conn, err))
        return -1;
    server_handle(server, conn, message->data, message->len, &facts, &w->sink, NULL);
    pthread_mutex_lock(&w->lock);
    while (!w->finished)
        pthread_cond_wait(&w->done, &w->lock);
    pthread_mutex_unlock(&w->lock);
    server_conn_close(conn, CALL_CANCELLED);
    return 0;
}

int cli_call(const struct options *o, struct server *server, struct err *err)
{
    AUTO(buf) struct buf message = BUF_MAX(SERVER_MESSAGE_MAX);
    struct waiter w = {
        .sink = { .notify = ignore, .finish = finish },
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .done = PTHREAD_COND_INITIALIZER,
        .reply = BUF_MAX(SERVER_REPLY_MAX),
    };
    int r = -1;

    if (o->word_count < 2 || o->word_count > 3) {
        err_set(err, ERR_INVALID, "call needs a tool and its arguments");
        return err_next(err, "e.g. sandbox-mcp call terminal_execute '{\"command\":\"ls\"}'");
    }
    if (!make_message(&message, o->words[1], o->word_count == 3 ? o->words[2] : "{}", err) &&
        !ask(server, o->sandbox, &message, &w, err))
        r = print_reply(&w.reply, err);
    buf_done(&w.reply);
    return r;
}
